"""Steps on an event loop: what holds it up, and how it ends."""

from __future__ import annotations

import time
from pathlib import Path

import hostile
import pytest
import toys

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import Step, StepContext
from cliploom.engine.execution.async_worker import AsyncWorker
from cliploom.engine.planning.plan import make_plan
from cliploom.engine.storage.join import Batch
from cliploom.schemas import Clip, to_arrow

CLIPS = [hostile.clip(f"v00001_{k}") for k in range(3)]
IDS = [clip.clip_id for clip in CLIPS]


def stream(step: Step) -> AsyncWorker:
    node = make_plan(Recipe("loop", (toys.Numbers(), toys.Pieces(), StepUse(step, timeout_s=0.2))))[-1]
    return AsyncWorker(node, StepContext(Path("/nowhere"), {}))


def batch() -> Batch:
    return Batch(IDS, ["v00001"] * 3, [1] * 3, frozenset([""]), [], to_arrow(Clip, CLIPS))


@pytest.mark.parametrize("deed", [*hostile.RAISING, ""])
def test_the_loop_outlives_whatever_its_rows_do(deed: str) -> None:
    made = stream(hostile.InTask(deed))
    made.opening.result(20)
    for _ in range(2):
        [table] = made.submit(batch()).result(20).tables.values()
        assert [e.id for e in table.entries if e.status == "failed"] == ([hostile.VICTIM] if deed else [])
    made.close()


def test_a_row_that_blocks_the_loop_is_noticed_and_does_not_keep_the_build_from_ending() -> None:
    made = stream(hostile.InLanes("hang"))
    made.opening.result(20)
    assert not made.is_blocked
    made.submit(batch())
    deadline = time.monotonic() + 20
    while not made.is_blocked and time.monotonic() < deadline:
        time.sleep(0.02)
    started = time.monotonic()
    made.close()
    assert time.monotonic() - started < 2


def test_a_row_that_is_under_way_is_given_up_at_the_end() -> None:
    made = stream(hostile.Sleeps())
    made.opening.result(20)
    under_way = made.submit(batch())
    made.close()
    assert under_way.cancelled()


@pytest.mark.parametrize("deed", hostile.RAISING)
def test_a_step_that_cannot_start_says_so(deed: str) -> None:
    made = stream(hostile.LanesAtStart(deed))
    with pytest.raises(UserError, match=r"^hostile.LanesAtStart cannot start: "):
        made.opening.result(20)
    made.close()
