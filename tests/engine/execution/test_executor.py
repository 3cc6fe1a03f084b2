"""The runner over an executor that is no process at all: what is lost is done again, and blames whom it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import hostile
import pytest
import toys

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.execution.executor import Executor, Plan
from cliploom.engine.execution.failures import Timeout, WorkerLost
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.execution.unit import UnitResult, UnitWorker
from cliploom.engine.planning.plan import Node
from cliploom.engine.storage.join import Inputs, Window

Fate = Callable[[int, Window], WorkerLost | None]
"""What becomes of a unit, by how many came before it and what is to do; None: it is done."""


class FakeExecutor:
    """Does a unit when it is given, unless its fate is another; it has room for one every other time it is asked."""

    def __init__(self, plan: Plan, fate: Fate) -> None:
        self.plan, self.fate = plan, fate
        self.told = Counter[str]()
        self.workers: dict[int, UnitWorker] = {}
        self.free = 0

    def check(self, node: Node) -> None:
        self.told["check"] += 1

    @property
    def breadth(self) -> int:
        return 1

    def capacity(self, node: Node, ahead: bool) -> int:
        self.free = 1 - self.free
        return self.free

    def submit(self, node: Node, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        assert self.free, "no unit is given to one that has no room"
        self.told["submit"] += 1
        future: Future[UnitResult] = Future()
        if (lost := self.fate(self.told["submit"], window)) is not None:
            future.set_exception(lost)
        else:
            future.set_result(self.worker(node).run(window, closing))
        return future

    def worker(self, node: Node) -> UnitWorker:
        nodes, root, shards, context, *_ = self.plan
        if node.index not in self.workers:
            self.workers[node.index] = UnitWorker(nodes, node, root, shards, context(node))
        return self.workers[node.index]

    def poll(self) -> None:
        self.told["poll"] += 1

    def release(self, node: Node) -> None:
        self.told["release"] += 1

    def cancel(self) -> None:
        self.told["cancel"] += 1


def build(root: Path, fate: Fate) -> tuple[Build, FakeExecutor]:
    made: list[FakeExecutor] = []

    def executor(plan: Plan) -> Executor:
        made.append(FakeExecutor(plan, fate))
        return made[0]

    recipe = Recipe("fake", (toys.Numbers(last=2), toys.Pieces(), hostile.InWorker()), shards=2)
    run_build(recipe, root, RunOptions(workers=2, executor=executor))
    return Build.read(root), made[0]


def has(window: Window, *ids: str) -> list[int]:
    """The places of these rows in a window."""
    return [at for at, id_ in enumerate(window.inputs.ids.to_pylist()) if id_ in ids]


CLIPS = {f"v0000{v}_{k}" for v in range(3) for k in range(3)}


def tables(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.glob("tables/**/rows-*")}


def test_units_that_are_lost_for_no_fault_of_theirs_are_done_again_with_the_same_tables(tmp_path: Path) -> None:
    lost, fake = build(tmp_path / "lost", lambda n, window: WorkerLost("gone", "no such machine") if n % 3 else None)
    assert (hostile.failed(lost), hostile.said(lost)) == ([], CLIPS)
    assert fake.told["cancel"] == 1 and fake.told["release"] >= 2 and fake.told["check"] == 2
    sound, _ = build(tmp_path / "sound", lambda n, window: None)
    hostile.built(tmp_path / "local", hostile.InWorker())
    assert tables(sound.root) == tables(lost.root)
    assert tables(tmp_path / "local") == tables(sound.root)


def test_a_row_that_ends_its_worker_twice_alone_fails_and_no_other(tmp_path: Path) -> None:
    seen = Counter[int]()

    def fate(n: int, window: Window) -> WorkerLost | None:
        if not (at := has(window, hostile.VICTIM)):
            return None
        seen[len(window)] += 1
        return WorkerLost("crashed", "signal 11", max(at[0] - 1, 0), min(len(window), 2))

    found, _ = build(tmp_path, fate)
    assert hostile.failed(found) == [(hostile.VICTIM, "crashed", "signal 11")]
    assert hostile.said(found) == CLIPS - {hostile.VICTIM}
    assert seen[1] == 2


def test_a_row_that_takes_too_long_alone_is_not_tried_again(tmp_path: Path) -> None:
    alone = []

    def fate(n: int, window: Window) -> WorkerLost | None:
        if not (at := has(window, hostile.VICTIM)):
            return None
        alone.append(len(window) == 1)
        return Timeout("timeout", "took longer than 5 s", at[0], 1)

    found, _ = build(tmp_path, fate)
    assert hostile.failed(found) == [(hostile.VICTIM, "timeout", "took longer than 5 s")]
    assert hostile.said(found) == CLIPS - {hostile.VICTIM}
    assert len(alone) == 1, "the call under way held this row alone"


def test_what_an_executor_cannot_run_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fake: FakeExecutor, node: Node) -> None:
        raise UserError(f"{node.name} fits no machine")

    monkeypatch.setattr(FakeExecutor, "check", refuse)
    with pytest.raises(UserError, match=r"^toys.Numbers fits no machine"):
        build(tmp_path / "b", lambda n, window: None)
    assert not list((tmp_path / "b").glob("tables/**/rows-*"))
