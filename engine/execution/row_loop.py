"""The row loop: a batch through a step's work function.

It runs in worker processes, in the runner for cheap steps, and on an event loop for steps that wait for servers.
"""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ..contract.errors import RowError, TransientError, UserError, Waiting
from ..contract.step import EachRow, Filter, Item, MultiOutput, StepContext
from ..planning.plan import Node
from ..storage.addresses import file_names, held_files, holding
from ..storage.input_reader import rows_of
from ..storage.join import Batch
from ..storage.object_store import has_folders
from .answers import BatchOutcome, TimedAnswer, judge_batch, judge_table, merge_outcomes
from .call_progress import CallProgress
from .failures import (
    Attempt,
    WorkerLost,
    as_row_error,
    as_user_error,
    attempt,
    attempt_async,
    in_words,
    leaves_gpu_unusable,
    machine_fault,
)

LOAD_PATIENCE_S = 900.0
TRIES = 4  # of a row whose failure may pass
_LONGEST_PAUSE_S = 60.0


@dataclass
class Job:
    """A step, opened and ready for batches. ``check`` raises what the user has asked for meanwhile: to stop."""

    node: Node
    context: StepContext
    check: Callable[[], None] = lambda: None
    progress: CallProgress = field(default_factory=CallProgress)

    def __post_init__(self) -> None:
        self.stack = ExitStack()
        self.work: Any = None

    def open(self) -> None:
        """Load what the step needs; ``UserError`` for what is missing, or cannot be loaded."""
        done = attempt(lambda: self.stack.enter_context(self.node.step.open(self.context)))  # type: ignore[attr-defined]
        self.check()
        self.work = _result(done, self.node, "cannot start")

    def close(self) -> None:
        """Let go of it."""
        attempt(self.stack.close)  # what it made is judged and kept by now
        self.context.usage.close()

    def do(self, batch: Batch, first: int = 0) -> BatchOutcome:
        """Every row of the batch to an entry and its rows, by table name.

        ``first`` is the place of the batch's first row in the work that was handed out, for ``progress``.

        Raises:
            UserError: the step cannot go on.
            WorkerLost: this process cannot: its GPU has failed.
        """
        if batch.by_rows is None:
            with holding(self.context.root, _files_of(self.node, batch)):
                return self._do_rows(batch, first)
        if (judged := self._judge_table(batch, first)) is not None:
            return judged
        made = []
        for some in batch.by_rows():
            made.append(self._do_rows(some, first))
            first += len(some)
        return merge_outcomes(made)

    def _do_rows(self, batch: Batch, first: int) -> BatchOutcome:
        rows = rows_of(batch, self.node.reads)
        lacks = [_missing(self.node, row) for row in rows] if _may_lack(self.node) else [None] * len(rows)
        tried = [(first + at, row) for at, (row, lack) in enumerate(zip(rows, lacks, strict=True)) if not lack]
        given = iter(self._answers(tried, batch.wanted))
        answers = [TimedAnswer(lack) if lack else next(given) for lack in lacks]
        _check_machine(self.node, answers)
        found = judge_batch(self.node, batch, answers)
        self.check()
        return found

    def _judge_table(self, batch: Batch, first: int) -> BatchOutcome | None:
        """What a filter says of the batch as a table; None where its rows must be made."""
        assert isinstance(self.node.step, Filter)
        self.progress.begin(first, len(batch))
        started = time.monotonic()
        done = attempt(self.node.step.drop_table, batch.anchor)
        self.progress.end()
        self.check()
        return judge_table(self.node, batch, done.value, time.monotonic() - started) if done.error is None else None

    def _answers(self, rows: list[tuple[int, Any]], wanted: frozenset[str]) -> list[TimedAnswer]:
        if not rows:
            return []
        step, work = self.node.step, self.work
        if isinstance(step, MultiOutput):
            return self._call(lambda some: work(some, wanted), rows)
        return self._one_by_one(work, rows) if isinstance(work, EachRow) else self._call(work, rows)

    def _one_by_one(self, work: Callable[[list[Any]], Iterable[Any]], rows: list[tuple[int, Any]]) -> list[TimedAnswer]:
        answers: list[TimedAnswer] = []
        answer = work.answer if isinstance(work, EachRow) else None
        for row in rows:
            if answers and isinstance(answers[-1].answer, Waiting):
                answers.append(answers[-1])
            elif answer is None:
                answers += self._call(work, [row])
            else:
                self.progress.begin(row[0], 1)
                started = time.monotonic()
                done = attempt(answer, row[1])
                if done.error is None:  # as for nearly all: no more is done for it than must be
                    self.progress.end()
                    self.check()
                    answers.append(TimedAnswer(done.value, time.monotonic() - started))
                else:
                    answers += self._call(work, [row], done)
        return answers

    def _call(
        self, work: Callable[[list[Any]], Iterable[Any]], rows: list[tuple[int, Any]], before: Attempt | None = None
    ) -> list[TimedAnswer]:
        """A batch that raises is done again row by row, so that one bad row costs one row.

        ``before`` is what came of a first try.
        """
        for tries in range(1, TRIES + 1):
            started = self.progress.state.since if before else time.monotonic()
            if before is None:
                self.progress.begin(rows[0][0], rows[-1][0] + 1 - rows[0][0])
            done = before or attempt(lambda: list(work([row for _, row in rows])))
            before = None
            if done.error is not None and leaves_gpu_unusable(done.error):  # the rows of this call may be to blame
                raise WorkerLost(type(done.error).__name__, in_words(done.error, self.node.step))
            self.progress.end()
            self.check()
            error = _wrong_number(len(done.value), len(rows)) if done.error is None else done.error
            if error is None:
                each = (time.monotonic() - started) / len(rows)
                return [TimedAnswer(answer, each) for answer in done.value]
            if isinstance(error, UserError):
                raise error
            if len(rows) > 1:
                return self._one_by_one(work, rows)
            if not isinstance(error, TransientError) or tries == TRIES:
                return [_failure(error, self.node, started)]
            time.sleep(_pause_s(error, tries))
        raise AssertionError("unreachable")


def _files_of(node: Node, batch: Batch) -> list[str]:
    """The files that a step may open for a batch; the cheap ones open none."""
    if node.step.cost == "row" or not has_folders():
        return []
    return list(file_names(batch.anchor, *batch.joined))


@contextmanager
def time_limit(job: Job) -> Iterator[None]:
    """Inside, a call of the job's step that takes longer than it may raises ``RowError`` where it is.

    For a job that has no process of its own. A call into a library is given up when it returns. Outside the main
    thread there is no limit: signals do not arrive there.
    """
    limit_s = job.node.timeout_s

    def stop(number: int, frame: FrameType | None) -> None:
        _, rows, since = job.progress.state
        if rows and time.monotonic() - since > limit_s:
            raise RowError(f"took longer than {limit_s:g} s", "timeout")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s / 4)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class AsyncJob:
    """A step with lanes, opened on an event loop: its rows are under way all at once."""

    node: Node
    context: StepContext

    def __post_init__(self) -> None:
        self.stack = AsyncExitStack()
        self.work: Any = None
        self.max_concurrency = asyncio.Semaphore(self.node.step.max_concurrency())  # type: ignore[attr-defined]

    async def open(self) -> None:
        """As ``Job.open``."""
        done = await attempt_async(self._enter())
        self.work = _result(done, self.node, "cannot start")

    async def _enter(self) -> Any:
        async with asyncio.timeout(LOAD_PATIENCE_S):
            return await self.stack.enter_async_context(self.node.step.open_async(self.context))  # type: ignore[attr-defined]

    async def close(self) -> None:
        """Let go of it."""
        await attempt_async(self.stack.aclose())
        self.context.usage.close()

    async def do(self, batch: Batch) -> BatchOutcome:
        """As ``Job.do``."""
        rows = rows_of(batch, self.node.reads)
        began = time.monotonic()
        async with AsyncExitStack() as held:
            if names := _files_of(self.node, batch):
                held.enter_context(await asyncio.to_thread(held_files, self.context.root, names))
            given = await asyncio.gather(*(self._time(row) for row in rows), return_exceptions=True)
        answers = [g if isinstance(g, TimedAnswer) else _failure(g, self.node, began) for g in given]
        for said in answers:
            if isinstance(said.answer, UserError):
                raise said.answer
        _check_machine(self.node, answers)
        return judge_batch(self.node, batch, answers)

    async def _time(self, row: Any) -> TimedAnswer:
        if lack := _missing(self.node, row):
            return TimedAnswer(lack)
        async with self.max_concurrency:
            for tries in range(1, TRIES + 1):
                started = time.monotonic()
                done = await attempt_async(self._with_time_limit(row))
                error = done.error
                if error is None:
                    return TimedAnswer(done.value, time.monotonic() - started)
                if not isinstance(error, TransientError) or tries == TRIES:
                    return _failure(error, self.node, started)
                await asyncio.sleep(_pause_s(error, tries))
        raise AssertionError("unreachable")

    async def _with_time_limit(self, row: Any) -> Any:
        limit_s = self.node.timeout_s
        try:
            async with asyncio.timeout(limit_s) as limit:
                return await self.work(row)
        except TimeoutError:
            if limit.expired():
                raise RowError(f"took longer than {limit_s:g} s", "timeout") from None
            raise


def answers_of_all(node: Node, answers: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """What a step that reads everything says; ``UserError`` in place of whatever it raises."""
    given = _result(attempt(lambda: iter(answers())), node, "failed")
    while True:
        done = attempt(next, given)
        if isinstance(done.error, StopIteration):
            return
        yield _result(done, node, "failed")


def _result(done: Attempt, node: Node, what: str) -> Any:
    if done.error is None:
        return done.value
    if isinstance(done.error, (UserError, Waiting)):
        raise done.error
    raise as_user_error(done.error, node.step, node.name, what) from done.error


def _may_lack(node: Node) -> bool:
    """Are there rows of the step that cannot even be tried?"""
    return node.reads.anchor is None or any(join.required and not join.many for join in node.reads.joins)


def _missing(node: Node, row: Any) -> RowError | None:
    """Why a row cannot even be tried, if so."""
    if isinstance(row, Item) and isinstance(row.payload, RowError):
        return row.payload
    for join in node.reads.joins:
        if join.required and not join.many and getattr(row, join.name) is None:
            return RowError(f"it has no {join.name}: the step that makes them failed or dropped it", "missing")
    return None


def _check_machine(node: Node, answers: Iterable[TimedAnswer]) -> None:
    """Raise ``UserError`` where a row's failure is the machine's: the row would be found failed for ever."""
    for said in answers:
        parts = said.answer.values() if isinstance(said.answer, dict) else (said.answer,)
        for one in parts:
            if isinstance(one, RowError) and (fault := machine_fault(one, node.step, node.name)) is not None:
                raise fault


def _failure(error: BaseException, node: Node, started: float) -> TimedAnswer:
    kept = isinstance(error, (UserError, Waiting))
    return TimedAnswer(error if kept else as_row_error(error, node.step), time.monotonic() - started)


def _wrong_number(given: int, wanted: int) -> RowError | None:
    return None if given == wanted else RowError(f"{given} answers for {wanted} rows", "BadAnswer")


def _pause_s(error: TransientError, tries: int) -> float:
    """How long to wait before the next try, with jitter."""
    after = getattr(error, "after_s", None)
    pause = after if isinstance(after, (int, float)) and after >= 0 else 2.0 ** (tries - 1)
    return min(pause, _LONGEST_PAUSE_S) * random.uniform(0.75, 1.25)
