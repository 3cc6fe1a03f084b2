"""What a machine has, what fits on it, and who has which GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hostile
import pytest
import toys

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.resources import Resources
from cliploom.engine.execution import machine
from cliploom.engine.execution.gpu_shares import GpuShares
from cliploom.engine.execution.machine import Gpu, Machine, read_gpus, visible_gpus
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.preview import preview_build

TWO = (Gpu("0", 8000), Gpu("1", 8000))
FOUND = {"GPU-aa": Gpu("0", 8000, 10, "A"), "GPU-bb": Gpu("1", 16000, 20, "B")}


def visible(shares: GpuShares, *needs: Resources) -> list[str | None]:
    """What workers of these needs see, one after another; None for one that must wait."""
    grants = [shares.take(need) for need in needs]
    return [None if grant is None else grant.environment.get("CUDA_VISIBLE_DEVICES", "") for grant in grants]


def test_each_worker_has_a_gpu_of_its_own_and_the_next_waits() -> None:
    shares, whole = GpuShares(TWO), Resources(gpus=1)
    first = shares.take(whole)
    assert first is not None
    assert first.environment == {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert visible(shares, whole, whole) == ["1", None]
    shares.give_back(first)
    assert visible(shares, whole) == ["0"]


def test_shares_go_to_the_gpu_with_most_left_and_never_over_one() -> None:
    half = Resources(gpus=0.5)
    assert visible(GpuShares(TWO), *[half] * 5) == ["0", "1", "0", "1", None]
    third = Resources(gpus=1 / 3)
    assert visible(GpuShares(TWO[:1]), *[third] * 4) == ["0", "0", "0", None]


def test_two_models_share_a_gpu_only_if_their_memory_fits() -> None:
    large, small = Resources(gpus=0.5, gpu_memory_mb=6000), Resources(gpus=0.5, gpu_memory_mb=2000)
    assert visible(GpuShares(TWO[:1]), large, large) == ["0", None]
    assert visible(GpuShares(TWO[:1]), large, small) == ["0", "0"]
    assert visible(GpuShares([Gpu("0", 8000, used_mb=500)]), large, small) == ["0", None], "others hold some of it"
    assert visible(GpuShares([Gpu("0", 0)]), large, large) == ["0", "0"], "where nobody tells, the shares count"


def test_a_model_may_have_several_gpus_and_one_that_needs_none_is_told_nothing() -> None:
    assert visible(GpuShares(TWO), Resources(gpus=2), Resources(gpus=0.1)) == ["0,1", None]
    assert visible(GpuShares(TWO), Resources(), Resources()) == ["", ""]
    assert visible(GpuShares(()), Resources(gpus=1)) == [""], "it does without"


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (None, ["0", "1"]), ("1", ["1"]), ("1,0", ["1", "0"]), ("", []), ("-1", []), ("GPU-bb", ["GPU-bb"]),
        ("0,7,1", ["0"]), ("MIG-cc", ["MIG-cc"]),
    ],
)  # fmt: skip
def test_only_gpus_that_this_process_may_see_are_given_away(words: str | None, seen: list[str]) -> None:
    assert [gpu.word for gpu in visible_gpus(FOUND, words)] == seen


def test_gpus_are_read_from_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU-aa, 0, 8000, 10, A'\necho 'GPU-bb, 1, [N/A], 20, B, with a comma'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert read_gpus() == {"GPU-aa": Gpu("0", 8000, 10, "A"), "GPU-bb": Gpu("1", 0, 20, "B, with a comma")}
    program.write_text("#!/bin/sh\nexit 9\n")
    assert read_gpus() == {}


def test_a_container_has_what_its_limit_lets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    whole = machine.this_machine().memory_mb
    for name, text in (("max", "104857600"), ("current", "73400320"), ("stat", "anon 1\ninactive_file 20971520\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert machine.this_machine().memory_mb == 100 < whole
    assert machine.available_mb() == 50
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.this_machine().memory_mb == whole


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (Resources(memory_mb=9000), "needs 9000 MB of memory, this machine has 8000 MB"),
        (Resources(gpus=3), "needs 3 GPU, this machine has 2"),
        (Resources(gpus=1, gpu_memory_mb=20000), "needs 20000 MB on a GPU, the largest here has 8000 MB"),
        (Resources(gpus=2, gpu_memory_mb=8000), ""),
    ],
)
def test_what_fits_no_machine_is_named(needs: Resources, said: str) -> None:
    assert Machine(2, 8000, TWO).lack(needs) == said


def test_a_machine_without_gpus_lacks_one_only_for_what_cannot_do_without() -> None:
    assert Machine(2, 8000).lack(Resources(gpus=4)) == ""
    assert Machine(2, 8000).lack(Resources(gpus=1, needs_gpu=True)) == "needs 1 GPU, this machine has 0"


def build(root: Path, *steps: Any, gpus: tuple[Gpu, ...] = TWO, memory_mb: int = 1 << 20) -> Build:
    recipe = Recipe("gpus", (toys.Numbers(last=5), toys.Pieces(), *steps), shards=4)
    run_build(recipe, root, RunOptions(workers=4, machine=lambda: Machine(4, memory_mb, gpus)))
    return Build.read(root)


def said(made: Build) -> list[tuple[str, str]]:
    """The GPUs that each clip's worker saw, and its process."""
    with made.connect() as db:
        texts = db.execute("SELECT text FROM captions").fetchall()
    return [(gpus, pid) for (text,) in texts for gpus, pid in [text.split()]]


def test_a_build_has_one_worker_on_each_gpu_and_two_models_take_turns_on_one(tmp_path: Path) -> None:
    build(tmp_path)  # all clips are there
    found = said(build(tmp_path, hostile.SeesGpus()))
    assert {gpu for gpu, _ in found} == {"0", "1"}
    assert len(set(found)) == 2, "two processes, each with its own"
    both = (hostile.SeesGpus("", "d"), StepUse(hostile.SeesGpus("", "e"), "again"))
    found = said(build(tmp_path, *both, gpus=(Gpu("1", 8000),)))
    assert {gpu for gpu, _ in found} == {"1"} and len(found) == 36


def test_a_step_that_fits_no_machine_is_refused_in_one_line_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^hostile.SeesGpus needs 9000 MB of memory, this machine has 8000 MB\n"):
        build(tmp_path / "b", hostile.SeesGpus(memory=9000), memory_mb=8000)
    all_at_once = hostile.AtOnce()
    object.__setattr__(all_at_once, "memory_mb", 9000)
    with pytest.raises(UserError, match=r"^hostile.AtOnce needs 9000 MB of memory, this machine has 8000 MB\n"):
        build(tmp_path / "b", all_at_once, memory_mb=8000)
    assert not list((tmp_path / "b").glob("tables/**/rows-*"))


def test_a_plan_tells_the_workers_of_each_step_and_what_each_takes(tmp_path: Path) -> None:
    sees = hostile.SeesGpus()
    steps = (
        toys.Numbers(last=5),
        toys.Pieces(),
        toys.Say(),
        sees,
        StepUse(hostile.SeesGpus("", "e"), "two", workers=3),
    )
    recipe = Recipe("gpus", (*steps, hostile.InLanes()), shards=4)
    options = RunOptions(workers=4, machine=lambda: Machine(4, 1 << 20, TWO))
    told = {each.name: each.placement for each in preview_build(recipe, tmp_path / "none", options)}
    assert str(told["toys.Pieces"]) == "the main process" and not told["toys.Pieces"].workers
    assert str(told["toys.Say"]) == "4 workers each of 1 CPU, 300 MB"
    assert str(told["hostile.SeesGpus"]) == f"2 workers each of {sees.resources()}" and sees.resources().gpus
    assert told["two"].workers == 3
    assert str(told["hostile.InLanes"]) == "3 rows at once, waiting for servers"
