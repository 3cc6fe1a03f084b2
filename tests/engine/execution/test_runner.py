"""A build goes on, whatever a step does to the place where it runs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import hostile
import pytest
import toys

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import Step
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.execution.unit import UnitResult
from cliploom.engine.execution.worker_pool import WorkerProcess, check_importable
from cliploom.engine.planning.plan import make_plan, outline_nodes
from cliploom.engine.storage.join import Inputs, Window

CLIPS = {f"v0000{v}_{k}" for v in range(3) for k in range(3)}
PATHS = os.pathsep.join([str(Path(toys.__file__).parent), os.environ.get("PYTHONPATH", "")])


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (hostile.InWorker("exit"), "SystemExit"),
        (hostile.InWorker("os_exit"), "crashed"),
        (hostile.InWorker("unpicklable"), "Unpicklable"),
        (hostile.InRunner("exit"), "SystemExit"),
        (hostile.InRunner("interrupt"), "KeyboardInterrupt"),
        (hostile.InLanes("exit"), "SystemExit"),
        (hostile.InTask("exit"), "SystemExit"),
        (hostile.InTask("generator"), "GeneratorExit"),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.deed}" if isinstance(value, hostile.InWorker) else "",
)
def test_a_step_that_ends_its_process_costs_its_row(tmp_path: Path, step: Step, kind: str) -> None:
    made = hostile.built(tmp_path / "b", step)
    assert {id_: kind for id_, kind, _ in hostile.failed(made)} == {hostile.VICTIM: kind}
    assert hostile.said(made) == CLIPS - {hostile.VICTIM}


def test_a_worker_that_dies_between_two_batches_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kills: list[WorkerProcess] = []
    submit = WorkerProcess.submit

    def submit_to_the_dead(seat: WorkerProcess, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        process = seat._worker._process
        if process is not None and len(kills) < 3:
            kills.append(seat)
            process.kill()
            assert process._has_ended(30.0)
        return submit(seat, window, closing)

    monkeypatch.setattr(WorkerProcess, "submit", submit_to_the_dead)
    made = hostile.built(tmp_path / "b", hostile.InWorker())
    assert (hostile.failed(made), hostile.said(made)) == ([], CLIPS)
    assert kills  # how many batches there are depends on how fast they are done


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("exit", r"failed: SystemExit\(\) \(hostile.py:\d+\)"),
        ("os_exit", "failed: its worker died: exit code 0"),
        ("hang", "failed: took longer than 1 s"),
    ],
)
def test_a_step_that_reads_everything_fails_in_words(tmp_path: Path, deed: str, said: str) -> None:
    use = StepUse(hostile.AtOnce(deed), timeout_s=1.0 if deed == "hang" else 60.0)
    with pytest.raises(UserError, match=rf"^hostile.AtOnce {said}"):
        run_build(
            Recipe("r", (toys.Numbers(last=2), toys.Pieces(), use), shards=2), tmp_path / "b", RunOptions(workers=2)
        )
    assert '"event": "stopped"' in (tmp_path / "b" / "events.jsonl").read_text()


def test_a_worker_that_never_lives_to_see_a_row_is_not_started_for_ever(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^hostile.AtStart cannot start: its worker died: exit code 0"):
        hostile.built(tmp_path / "b", hostile.AtStart("os_exit"))


def test_a_row_that_holds_up_an_event_loop_ends_the_build_in_words(tmp_path: Path) -> None:
    use = StepUse(hostile.InLanes("hang"), timeout_s=0.5)
    with pytest.raises(UserError, match="hostile.InLanes blocks its event loop"):
        run_build(
            Recipe("r", (toys.Numbers(last=2), toys.Pieces(), use), shards=2), tmp_path / "b", RunOptions(workers=2)
        )


def test_a_gpu_that_is_lost_is_replaced_with_its_worker(tmp_path: Path) -> None:
    made = hostile.built(tmp_path / "b", hostile.OnGpu())
    [(id_, kind, said)] = hostile.failed(made)
    assert (id_, kind) == (hostile.VICTIM, "RuntimeError")
    assert said.startswith("CUDA error: device-side assert triggered (hostile.py:")
    assert hostile.said(made) == CLIPS - {hostile.VICTIM}


def test_what_does_not_read_a_waiting_step_is_done(tmp_path: Path) -> None:
    steps = (toys.Numbers(last=2), toys.Pieces(), hostile.Asks(), hostile.InRunner(), hostile.AtOnce())
    found = run_build(Recipe("r", steps, shards=2), tmp_path / "b", RunOptions(workers=2))
    assert list(found.waiting.values()) == ["for ada \\ud800"]
    with Build.read(tmp_path / "b").connect() as db:
        counts = dict(db.execute("SELECT _step, count(*) FROM captions GROUP BY ALL").fetchall())
    assert counts == {"hostile.InRunner": 9, "hostile.AtOnce": 9}


@pytest.mark.parametrize("step", [hostile.InRunner("wait"), hostile.InWorker("wait"), hostile.InLanes("wait")])
def test_a_step_that_waits_keeps_what_it_has_done_and_goes_on_in_the_next_build(tmp_path: Path, step: Step) -> None:
    before: set[str] = set()
    for _ in range(2):
        made = hostile.built(tmp_path / "b", step)
        [message] = made.waiting().values()
        assert message == "for something outside"
        assert hostile.failed(made) == []
        assert before <= hostile.said(made) <= CLIPS - {hostile.VICTIM}
        before = hostile.said(made)


def test_a_wrong_answer_about_everything_fails_by_itself(tmp_path: Path) -> None:
    made = hostile.built(tmp_path / "b", hostile.DropsUnsaid())
    said = {id_: (kind, message) for id_, kind, message in hostile.failed(made)}
    assert said["v00000_0"] == ("BadRow", "it drops a row, though its drops() says that it drops none")
    assert said["r"][1].startswith("Review.text: holds a lone surrogate")
    with made.connect() as db:
        assert db.execute("SELECT review_id FROM reviews").fetchall() == [("s",)]


SCRIPT = """
from dataclasses import dataclass
from pathlib import Path

import hostile, toys
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Filter, Map
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Caption, Clip

@dataclass(frozen=True)
class Mine(Filter[Clip]):
    def drop(self, row):
        return "first" if row.clip_id.endswith("_0") else None

@dataclass(frozen=True)
class Heavy(Map[Clip, Caption]):
    pass

steps = toys.Numbers(last=2), toys.Pieces(), Mine(), hostile.InWorker(), toys.Even()
run_build(Recipe("mine", steps, shards=2), Path("b"), RunOptions(workers=2))
print("built", len(hostile.said(Build.read(Path("b")))))
try:
    run_build(Recipe("mine", (*steps, Heavy()), shards=2), Path("b"), RunOptions())
except Exception as error:
    print(error)
"""
SAID = """
built 6
__main__.Heavy: Heavy is defined in the program that builds, which worker processes do not run
  put it into a module of its own and import it from there
"""


@pytest.mark.parametrize("how", ["script", "standard input"])
def test_a_program_needs_no_main_guard(tmp_path: Path, how: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command, given = ([sys.executable, "script.py"], "") if how == "script" else ([sys.executable, "-"], SCRIPT)
    env = {**os.environ, "PYTHONPATH": PATHS}
    done = subprocess.run(command, input=given, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (textwrap.dedent(SAID).lstrip(), "")


def test_a_step_that_is_defined_inside_a_function_is_refused_by_name() -> None:
    @dataclass(frozen=True)
    class Inner(hostile.InWorker):
        """Nowhere to import from."""

    node = make_plan(Recipe("r", (toys.Numbers(), toys.Pieces(), StepUse(Inner(), name="inner"))))[-1]
    with pytest.raises(UserError, match=r"^inner cannot be sent to worker processes: .*Inner"):
        check_importable(node)


def test_a_step_that_reads_everything_needs_no_other_step_s_code() -> None:
    nodes = make_plan(Recipe("r", (toys.Numbers(), toys.Pieces(), toys.Longest(), toys.Even())))
    bare = outline_nodes(nodes, nodes[-1])
    assert [type(node.step) for node in bare] == [Step, Step, Step, toys.Even]
    assert [node.reads.anchor for node in bare] == [node.reads.anchor for node in nodes]


def test_a_recipe_may_say_how_many_rows_a_call_has_and_how_many_processes(tmp_path: Path) -> None:
    uses = [StepUse(toys.Numbers(last=5)), StepUse(toys.Pieces()), StepUse(hostile.CountsCalls(), batch=9, workers=1)]
    run_build(Recipe("r", uses, shards=1), tmp_path / "b", RunOptions(workers=2))
    with Build.read(tmp_path / "b").connect() as db:
        texts = [row[0].split() for row in db.execute("SELECT text FROM captions").fetchall()]
    assert {int(rows) for rows, _ in texts} == {9}
    assert len({pid for _, pid in texts}) == 1
