"""Steps on an event loop: what holds it up, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import hostile
import pytest
import toys

from cliploom.engine.build import run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import Step
from cliploom.engine.execution.async_worker import AsyncWorker
from cliploom.engine.execution.executor import Plan
from cliploom.engine.execution.global_step import make_context
from cliploom.engine.execution.machine import Machine
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.execution.shard_task import Task
from cliploom.engine.execution.unit import UnitResult
from cliploom.engine.planning.plan import Node, make_plan
from cliploom.engine.storage.store import Store

CLIPS = {f"v0000{v}_{k}" for v in range(2) for k in range(3)}


class Loop(NamedTuple):
    """A step on a loop, and the clips that it is to do."""

    worker: AsyncWorker
    node: Node
    task: Task

    def submit(self) -> Future[UnitResult]:
        return self.worker.submit(self.task.take(9), None)


@pytest.fixture
def loop(tmp_path: Path) -> Callable[[Step], Loop]:
    before = (toys.Numbers(last=1), toys.Pieces())
    run_build(Recipe("clips", before, shards=1), tmp_path, RunOptions(workers=1))

    def make(step: Step) -> Loop:
        nodes = make_plan(Recipe("loop", (*before, StepUse(step, timeout_s=0.2)), shards=1))
        node = nodes[-1]
        task = Task(nodes, node, Store(tmp_path, 1), 0, ())
        task.open(False)
        plan = Plan(
            nodes, tmp_path, 1, lambda node: make_context(node, tmp_path), 1, lambda node, said: None, Machine(1, 1)
        )
        return Loop(AsyncWorker(node, plan), node, task)

    return make


@pytest.mark.parametrize("deed", [*hostile.RAISING, ""])
def test_the_loop_outlives_whatever_its_rows_do(loop: Callable[[Step], Loop], deed: str) -> None:
    made = loop(hostile.InTask(deed))
    assert made.worker.ready
    window = made.task.take(9)
    assert set(window.inputs.ids.to_pylist()) == CLIPS
    for _ in range(2):
        result = made.worker.submit(window, None).result(20)
        assert (result.rows, result.tally.rows, result.tally.failed) == (6, 6, 1 if deed else 0)
    made.worker.close()


def test_a_loop_takes_units_until_twice_as_many_rows_wait_as_are_asked(loop: Callable[[Step], Loop]) -> None:
    made = loop(hostile.Sleeps())  # three at once
    window = made.task.take(9)
    made.worker.submit(window.slice(0, 5), None)
    assert made.worker.ready
    made.worker.submit(window.slice(5, 6), None)
    assert not made.worker.ready
    made.worker.close()


def test_a_unit_that_closes_a_shard_folds_it(loop: Callable[[Step], Loop]) -> None:
    made = loop(hostile.InTask(""))
    window = made.task.take(9)
    made.task.complete(window, made.worker.submit(window, made.task.closing_inputs()).result(20))
    assert made.task.is_closed
    made.worker.close()


def test_a_row_that_blocks_the_loop_is_noticed_and_does_not_keep_the_build_from_ending(
    loop: Callable[[Step], Loop],
) -> None:
    whole = loop(hostile.InLanes("hang"))
    made = whole.worker
    assert not made.is_blocked
    whole.submit()
    deadline = time.monotonic() + 20
    while not made.is_blocked and time.monotonic() < deadline:
        time.sleep(0.02)
    started = time.monotonic()
    made.close()
    assert time.monotonic() - started < 10


def test_a_row_that_is_under_way_is_given_up_at_the_end(loop: Callable[[Step], Loop]) -> None:
    made = loop(hostile.Sleeps())
    under_way = made.submit()
    made.worker.close()
    assert under_way.cancelled()


@pytest.mark.parametrize("deed", hostile.RAISING)
def test_a_step_that_cannot_start_says_so(loop: Callable[[Step], Loop], deed: str) -> None:
    made = loop(hostile.LanesAtStart(deed))
    with pytest.raises(UserError, match=r"^hostile.LanesAtStart cannot start: "):
        made.submit().result(20)
    made.worker.close()
