"""How often a step's code is called, and what becomes of what it raises."""

from __future__ import annotations

import asyncio
import errno
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import hostile
import numpy as np
import pyarrow as pa
import pytest
import toys

from cliploom.engine.contract.errors import RowError, TransientError, UserError, Waiting
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import BatchFunction, Filter, Map, RowAnswer, Split, Step, StepContext
from cliploom.engine.execution import row_loop
from cliploom.engine.execution.answers import BatchOutcome, TimedAnswer
from cliploom.engine.execution.failures import WorkerLost, as_row_error
from cliploom.engine.execution.result_buffer import ResultBuffer
from cliploom.engine.execution.row_loop import AsyncJob, Job, answers_of_all, time_limit
from cliploom.engine.execution.tally import RowTally
from cliploom.engine.planning.plan import Node, make_plan
from cliploom.engine.storage.join import Batch, Inputs
from cliploom.engine.storage.ledger import entries_of
from cliploom.engine.storage.row_files import storage_schema
from cliploom.schemas import Caption, Clip, to_arrow

SITE = StepContext(Path("/nowhere"), {})
CLIPS = [Clip(f"v00001_{k}", "v00001", 0.0, 1.0, []) for k in range(120)]


def node(step: Step) -> Node:
    return make_plan(Recipe("loop", (toys.Numbers(), toys.Pieces(), step)))[-1]


def batch(clips: list[Clip], by_table: bool = False) -> Batch:
    inputs = Inputs(pa.array([clip.clip_id for clip in clips]), pa.repeat("v00001", len(clips)), np.full(len(clips), 7))
    anchor = to_arrow(Clip, clips)
    assert anchor.column_names == storage_schema(Clip).names[: anchor.num_columns]
    rows = [batch(clips[:1]), batch(clips[1:])] if by_table else []
    return Batch(inputs, frozenset([""]), anchor=anchor, by_rows=rows.__iter__ if by_table else None)


def done(step: Step, clips: list[Clip] = CLIPS, check: Callable[[], None] = lambda: None) -> BatchOutcome:
    job = Job(node(step), SITE, check)
    job.open()
    try:
        return job.do(batch(clips, isinstance(step, ByTable)))
    finally:
        job.close()


def kinds(outcome: BatchOutcome) -> dict[str, str]:
    """The kinds of the failed rows, by id."""
    [table] = outcome.tables.values()
    return {e.id: e.kind for e in entries_of(table.ledger) if e.status == "failed"}


calls: list[str] = []


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    monkeypatch.setattr(row_loop, "_pause_s", lambda error, tries: 0.0)


def answer(row: Clip) -> list[Caption]:
    """A caption, but for one clip; each call is counted."""
    calls.append(row.clip_id)
    if row.clip_id == hostile.VICTIM:
        raise RowError("it has none", "none")
    return [hostile.caption(row)]


@dataclass(frozen=True)
class Makes(Map[Clip, Caption]):
    def make(self, row: Clip) -> Caption:
        return answer(row)[0]


@dataclass(frozen=True)
class Splits(Split[Clip, Caption]):
    def process(self, row: Clip) -> RowAnswer[Caption]:
        return answer(row)


@dataclass(frozen=True)
class Drops(Filter[Clip]):
    def drop(self, row: Clip) -> str | None:
        return "made" if answer(row) else None


@dataclass(frozen=True)
class Together(Split[Clip, Caption]):
    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Clip, Caption]]:
        yield lambda rows: [answer(row) for row in rows]


@pytest.mark.parametrize("step", [Makes(), Splits(), Drops()])
def test_a_row_that_fails_costs_one_call(step: Step) -> None:
    assert kinds(done(step)) == {hostile.VICTIM: "none"}
    assert calls == [clip.clip_id for clip in CLIPS]


def test_a_batch_that_raises_is_done_again_row_by_row() -> None:
    assert kinds(done(Together())) == {hostile.VICTIM: "none"}
    assert len(calls) == 2 + len(CLIPS)


@dataclass(frozen=True)
class Raises(Split[Clip, Caption]):
    error: Any = None
    times: int = 1000

    def process(self, row: Clip) -> RowAnswer[Caption]:
        calls.append(row.clip_id)
        if row.clip_id == hostile.VICTIM and calls.count(row.clip_id) <= self.times:
            raise self.error
        return [hostile.caption(row)]


def raising(error: BaseException, times: int = 1000) -> Split[Clip, Caption]:
    step = Splits()
    object.__setattr__(step, "process", lambda row: Raises.process(Raises(error, times), row))
    return step


def test_what_may_pass_is_tried_again_and_only_it() -> None:
    assert kinds(done(raising(TransientError("busy"), 3), CLIPS[:4])) == {}
    assert calls.count(hostile.VICTIM) == 4
    calls.clear()
    assert kinds(done(raising(TransientError("busy")), CLIPS[:4])) == {hostile.VICTIM: "TransientError"}
    assert calls.count(hostile.VICTIM) == row_loop.TRIES
    calls.clear()
    assert kinds(done(raising(ValueError("no")), CLIPS[:4])) == {hostile.VICTIM: "ValueError"}
    assert calls.count(hostile.VICTIM) == 1


@pytest.mark.parametrize("after", [-1, float("nan"), float("inf"), 10**400, "soon", None])
def test_any_wish_for_a_pause_is_a_pause(monkeypatch: pytest.MonkeyPatch, after: Any) -> None:
    monkeypatch.undo()
    assert 0 <= row_loop._pause_s(TransientError("busy", after), 1) <= 75


def test_what_a_step_waits_for_leaves_the_rows_that_are_done() -> None:
    found = done(raising(Waiting("a server is gone")), CLIPS[:4])
    [table] = found.tables.values()
    assert table.ledger.column("id").to_pylist() == ["v00001_0"]
    assert found.waiting == "a server is gone"
    assert calls == ["v00001_0", "v00001_1"], "nobody else is asked"


def test_a_user_s_error_ends_the_batch() -> None:
    with pytest.raises(UserError, match="no package"):
        done(raising(UserError("no package")), CLIPS[:4])


def full_disk(step: str) -> BaseException:
    """An error of a full disk: as it comes, in words of its own, and as what a library made of it."""
    cause = OSError(errno.ENOSPC, "No space left on device", "/data/clip.mp4")
    if step == "raw":
        return cause
    error = RowError("cannot be taken out", "unreadable") if step == "hidden" else RuntimeError("muxing failed")
    if step == "hidden":
        error.__context__, error.__suppress_context__ = cause, True  # raise … from None
    else:
        error.__cause__ = ValueError("write")
        error.__cause__.__cause__ = cause
    return error


@pytest.mark.parametrize("step", ["raw", "hidden", "library"])
def test_a_full_disk_is_no_failure_of_a_row(step: str) -> None:
    with pytest.raises(UserError, match=r"cannot go on: No space left on device.*: ") as caught:
        done(raising(full_disk(step)), CLIPS[:4])
    assert "no row has failed" in caught.value.hint


@pytest.mark.parametrize("error", [FileNotFoundError(2, "no"), OSError("no number"), OSError("odd", "pair")])
def test_a_file_that_cannot_be_had_is_a_row_s_failure(error: OSError) -> None:
    assert kinds(done(raising(error), CLIPS[:4])) == {hostile.VICTIM: type(error).__name__}


def test_a_full_disk_is_no_failure_of_a_row_on_an_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        job = AsyncJob(node(hostile.InLanes(deed="disk")), SITE)
        await job.open()
        await job.do(batch(CLIPS[:4]))

    monkeypatch.setitem(hostile.DEEDS, "disk", hostile._raises(full_disk("raw")))
    with pytest.raises(UserError, match="No space left on device"):
        asyncio.run(run())


def test_a_full_disk_is_no_failure_of_a_part_either() -> None:
    """A step may say of a part of its answer that it has failed."""
    answers = [TimedAnswer({"signals": [], "sound": as_row_error(full_disk("raw"), Splits())})]
    with pytest.raises(UserError, match="No space left"):
        row_loop._check_machine(node(Splits()), answers)


def test_a_gpu_that_is_lost_is_no_failure_of_the_row() -> None:
    with pytest.raises(WorkerLost, match="illegal memory access") as caught:
        done(raising(RuntimeError("CUDA error: an illegal memory access was encountered")), CLIPS[:4])
    assert caught.value.kind == "RuntimeError"


def test_an_interrupt_by_the_user_is_no_failure_of_a_row() -> None:
    def check() -> None:
        if hostile.VICTIM in calls:
            raise KeyboardInterrupt("of the user")

    with pytest.raises(KeyboardInterrupt, match="of the user"):
        done(raising(KeyboardInterrupt("of the step")), CLIPS[:4], check)
    assert kinds(done(raising(KeyboardInterrupt("of the step")), CLIPS[:4])) == {hostile.VICTIM: "KeyboardInterrupt"}


@pytest.mark.parametrize("given", [None, [], [[]] * 3, 5])
def test_a_batch_of_another_number_of_answers_fails_its_rows(given: Any) -> None:
    @dataclass(frozen=True)
    class Short(Split[Clip, Caption]):
        @contextmanager
        def open(self, site: StepContext) -> Iterator[BatchFunction[Clip, Caption]]:
            yield lambda rows: given

    assert len(kinds(done(Short(), CLIPS[:2]))) == 2


@pytest.mark.parametrize("deed", hostile.RAISING)
def test_a_step_that_cannot_start_says_so(deed: str) -> None:
    with pytest.raises(UserError, match=r"^hostile.AtStart cannot start: "):
        Job(node(hostile.AtStart(deed=deed)), SITE).open()


@pytest.mark.parametrize("deed", hostile.RAISING)
def test_a_row_on_an_event_loop_is_one_row(deed: str) -> None:
    async def run(step: Step) -> BatchOutcome:
        job = AsyncJob(node(step), SITE)
        await job.open()
        found = await job.do(batch(CLIPS[:4]))
        await job.close()
        return found

    assert list(kinds(asyncio.run(run(hostile.InLanes(deed=deed))))) == [hostile.VICTIM]


@pytest.mark.parametrize("deed", hostile.RAISING)
def test_a_step_that_reads_everything_fails_in_one_line(deed: str) -> None:
    def rows() -> Iterator[int]:
        yield 1
        hostile.DEEDS[deed]()

    given = answers_of_all(node(hostile.AtOnce()), rows)
    assert next(given) == 1
    with pytest.raises(UserError, match=r"^hostile.AtOnce failed: "):
        next(given)


@pytest.mark.parametrize("deed", ["hang", "spin", "swallow"])
def test_a_cheap_row_that_takes_too_long_is_given_up_too(deed: str) -> None:
    limited = replace(node(hostile.InRunner(deed)), use=StepUse(Step(), timeout_s=0.3))
    job = Job(limited, SITE)
    job.open()
    began = time.monotonic()
    with time_limit(job):
        found = job.do(batch(CLIPS[:4]))
    assert kinds(found) == {hostile.VICTIM: "timeout"}
    assert time.monotonic() - began < 10
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_many_quick_rows_may_take_long_together() -> None:
    limited = replace(node(hostile.Naps()), use=StepUse(Step(), timeout_s=0.3))
    job = Job(limited, SITE)
    job.open()
    with time_limit(job):
        assert kinds(job.do(batch(CLIPS[:8]))) == {}


def test_outside_the_main_thread_there_is_no_limit() -> None:
    job = Job(node(hostile.InRunner()), SITE)
    job.open()

    def work() -> BatchOutcome:
        with time_limit(job):
            return job.do(batch(CLIPS[:4]))

    with ThreadPoolExecutor(1) as pool:
        assert kinds(pool.submit(work).result()) == {}


@dataclass(frozen=True)
class ByTable(Filter[Clip]):
    """Drops every second clip of a table; by rows all."""

    answer: ClassVar[Any] = None

    def drop(self, row: Clip) -> str | None:
        return "by row"

    def table_columns(self) -> Sequence[str]:
        return ("start_s",)

    def drop_table(self, table: pa.Table) -> pa.Array:
        if isinstance(self.answer, Exception):
            raise self.answer
        every_second = [None if k % 2 else "even" for k in range(table.num_rows)]
        return self.answer(every_second) if self.answer else pa.array(every_second)


def by_table(answer: Any) -> ByTable:
    step = ByTable()
    object.__setattr__(step, "answer", answer)
    return step


def reasons(outcome: BatchOutcome) -> list[tuple[str, str, int]]:
    buffer = ResultBuffer()
    buffer.add(next(iter(outcome.tables.values())), {CLIPS[0].clip_id: 2})
    results = buffer.take()
    assert results is not None
    return [(e.status, e.kind, e.attempts) for e in entries_of(results.ledger)]


def test_a_filter_may_judge_a_whole_table() -> None:
    found = done(ByTable(), CLIPS[:4])
    assert reasons(found) == [("dropped", "even", 3), ("done", "", 1), ("dropped", "even", 1), ("done", "", 1)]
    tally = RowTally()
    tally.add_outcomes(found.tables)
    assert (tally.rows, tally.failed) == (4, 0)
    assert reasons(done(by_table(lambda words: pa.chunked_array([words[:1], words[1:]])), CLIPS[:4])) == reasons(found)


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("no"), lambda words: words, lambda words: pa.array(words[1:], pa.string()),
        lambda words: pa.array([""] * len(words)), lambda words: pa.array(range(len(words))), lambda words: None,
    ],
)  # fmt: skip
def test_a_wrong_answer_about_a_table_has_its_rows_judged_one_by_one(answer: Any) -> None:
    assert {kind for _, kind, _ in reasons(done(by_table(answer), CLIPS[:4]))} == {"by row"}
