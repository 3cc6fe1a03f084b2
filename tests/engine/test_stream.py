"""Steps that wait for servers: many rows at once, and what becomes of them."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import asks
import pytest

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.contract.usage import Budget, Price, Spend, Tally, Usage, spent
from cliploom.engine.estimate import estimate
from cliploom.engine.execution.runner import RunOptions

PROGRAM = (sys.executable, "-c", "import asks; asks.main()")


def build(root: Path, **settings: Any) -> dict[str, str]:
    return run_build(asks.recipe(**settings), root, RunOptions(workers=2)).waiting


def said(root: Path) -> dict[str, str]:
    with Build.read(root).connect() as db:
        return dict(db.execute("SELECT clip_id, text FROM captions").fetchall())


def asked(log: Path) -> Counter[str]:
    return Counter(line.split()[1] for line in log.read_text().splitlines()) if log.exists() else Counter()


def test_every_row_is_asked_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert build(tmp_path / "b", log=str(log)) == {}
    assert said(tmp_path / "b") == {f"v{v:05d}_{k}": f"Seen: v{v:05d}_{k}." for v in range(10) for k in range(3)}
    assert set(asked(log).values()) == {1}
    build(tmp_path / "b", log=str(log))
    assert asked(log).total() == 30


def test_a_row_in_trouble_is_one_row(tmp_path: Path) -> None:
    log = tmp_path / "log"
    build(tmp_path / "b", log=str(log), trouble=True)
    with Build.read(tmp_path / "b").connect() as db:
        errors = db.execute("SELECT id, kind FROM errors ORDER BY id").fetchall()
        verdicts = db.execute("SELECT id, video_id, reason, detail FROM verdicts").fetchall()
    assert errors == [("v00001_1", "TransientError"), ("v00002_2", "refused"), ("v00003_0", "timeout")]
    assert verdicts == [("v00004_1_half", "v00004", "half", "the second half")]
    assert len(said(tmp_path / "b")) == 26
    assert {clip: n for clip, n in asked(log).items() if n > 1} == {"v00001_1": 4}
    [stage] = [s for s in Build.read(tmp_path / "b").funnel() if s.table == "captions"]
    assert (stage.came, stage.done, stage.dropped, stage.parts, stage.failed) == (30, 27, 0, 1, 3)


def test_a_server_that_is_gone_leaves_a_build_to_go_on_with(tmp_path: Path) -> None:
    root, gone, log = tmp_path / "b", tmp_path / "server", tmp_path / "log"
    waiting = build(root, gone=str(gone), log=str(log))
    assert waiting == {"asks.Ask": "the server is gone"}
    assert Build.read(root).waiting() == waiting
    before = said(root)
    assert {clip for clip in before if clip > "v00004_9"} == set()
    log.unlink()
    gone.touch()
    assert build(root, gone=str(gone), log=str(log)) == {}
    assert len(said(root)) == 30
    assert not asked(log).keys() & before.keys()
    assert Build.read(root).waiting() == {}


def test_a_budget_stops_the_build_and_a_raised_one_goes_on(tmp_path: Path) -> None:
    root, log = tmp_path / "b", tmp_path / "log"
    waiting = build(root, log=str(log), budget=Budget(max_calls=12))
    assert "max_calls: 12 of 12" in waiting["asks.Ask"]
    assert asked(log).total() == 12
    assert spent(root) == {"asks.Ask": Tally({"toy": Usage(12, 120, 60, 0.0)}, {})}
    prices = {"toy": Price(1e5, 2e5)}  # two a call
    waiting = build(root, log=str(log), budget=Budget(max_cost=20.0, prices=prices))
    assert "max_cost" in waiting["asks.Ask"]
    assert build(root, log=str(log)) == {}
    assert len(said(root)) == 30


def test_the_count_of_other_steps_is_in_the_total(tmp_path: Path) -> None:
    first, second = (Spend(tmp_path, name, Budget(max_tokens=100)) for name in ("one", "two"))
    first.add("m", 70, 20)
    first.close()
    assert second.total() == Usage(1, 70, 20, 0.0)
    second.add("m", 5, 5)
    assert second.total() == Usage(2, 75, 25, 0.0)


def test_a_budget_is_read_from_a_recipe() -> None:
    head = "name: x\nbudget: {max_cost: 5, prices: {big: {input: 0.1, output: 0.4}}}\n"
    text = head + "steps:\n  - builders.folder: {path: x}\n"
    assert read_recipe(text, "r.yaml").budget == Budget(max_cost=5, prices={"big": Price(0.1, 0.4)})


@pytest.mark.slow
def test_killed_builds_end_in_the_same_bytes(tmp_path: Path) -> None:
    settings = {"last": 60, "wait_s": 0.01}
    build(tmp_path / "clean", **settings)
    dice = random.Random(7)
    root = tmp_path / "killed"
    for _ in range(5):
        started = subprocess.Popen(
            [*PROGRAM, str(root), json.dumps(settings)], env=None, cwd=Path(asks.__file__).parent
        )
        time.sleep(dice.uniform(0.4, 1.2))
        started.send_signal(signal.SIGKILL)
        started.wait()
    build(root, **settings)
    assert tables(root) == tables(tmp_path / "clean")


def tables(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.glob("tables/**/rows-*")}


def test_an_estimate_multiplies_a_sample(tmp_path: Path) -> None:
    log = tmp_path / "log"
    prices = {"toy": Price(1e5, 2e5)}
    recipe = asks.recipe(last=19, log=str(log), budget=Budget(prices=prices))
    sample, found = estimate(recipe, tmp_path / "b", 4, RunOptions(workers=2))
    assert sample == (4, 20, {})
    assert asked(log).total() == 12
    by_step = {one.step: one for one in found}
    one = by_step["asks.Ask"]
    assert (one.rows, one.failed, one.calls, one.prompt_tokens, one.completion_tokens) == (60, 0, 60, 600, 300)
    assert abs(one.cost - 120.0) < 1e-6
    assert by_step["toys.Pieces"].rows == 20


def test_answers_from_the_cache_make_an_estimate_no_cheaper_and_no_quicker(tmp_path: Path) -> None:
    def asked_s(known: str) -> float | None:
        _, found = estimate(asks.recipe(wait_s=0.02, known=known), tmp_path / "b", 4, RunOptions(workers=2))
        [one] = [one for one in found if one.step == "asks.Ask"]
        assert (one.rows, one.calls, one.prompt_tokens) == (30, 30, 300)
        return one.seconds

    least_s = 30 * 0.02 / 8  # of as many questions, on eight lanes
    assert (asked_s("none") or 0) >= least_s
    assert (asked_s("_1") or 0) >= least_s  # a third of them is known
    assert asked_s("") is None
