"""The row loop: one batch through a step's work function, to ledger entries and rows.

It runs in worker processes (``open_step`` once, then ``do_batch``) and, for cheap steps, in the runner.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from ...schemas import Field, Row, problem, row_fields, to_arrow
from ..contract.errors import RowError, TransientError, UserError, Waiting
from ..contract.step import Drop, Fan, Site, Source, Step
from ..planning.plan import Node, TableRef
from ..storage.join import Batch, output_version, rows_of
from ..storage.ledger import DONE, DROPPED, FAILED, Entry
from ..storage.row_files import stored_schema

TRIES = 4  # of a row whose failure may pass
_LONGEST_MESSAGE = 2000


class Outcome(NamedTuple):
    """What became of a batch in one table."""

    entries: list[Entry]
    rows: pa.Table | None


@dataclass
class Job:
    """A step, opened and ready for batches."""

    node: Node
    site: Site

    def __post_init__(self) -> None:
        self.stack = ExitStack()
        self.work: Any = None

    def open(self) -> None:
        """Load what the step needs; ``UserError`` for what is missing."""
        opened = self.node.step.open(self.site)  # type: ignore[attr-defined]
        self.work = self.stack.enter_context(opened)

    def close(self) -> None:
        """Let go of it."""
        self.stack.close()
        self.site.spend.close()

    def do(self, batch: Batch) -> dict[str, Outcome]:
        """Every row of the batch to an entry and its rows, by table name."""
        rows = rows_of(batch, self.node.reads)
        call = _caller(self.node.step, self.work, batch.wanted)
        started = time.perf_counter()
        answers = _answers(call, rows, [missing(self.node, row) for row in rows])
        each = (time.perf_counter() - started) / max(len(rows), 1)
        return outcomes(self.node, batch, [Timed(answer, each) for answer in answers])


@dataclass
class StreamJob:
    """A step with lanes, opened on an event loop: its rows are under way all at once."""

    node: Node
    site: Site

    def __post_init__(self) -> None:
        self.stack = AsyncExitStack()
        self.work: Any = None
        self.lanes = asyncio.Semaphore(self.node.step.lanes())  # type: ignore[attr-defined]

    async def open(self) -> None:
        """As ``Job.open``."""
        opened = self.node.step.stream(self.site)  # type: ignore[attr-defined]
        self.work = await self.stack.enter_async_context(opened)

    async def close(self) -> None:
        """Let go of it."""
        await self.stack.aclose()
        self.site.spend.close()

    async def do(self, batch: Batch) -> dict[str, Outcome]:
        """As ``Job.do``. A row that must wait leaves the whole batch to be done again."""
        rows = rows_of(batch, self.node.reads)
        answers = await asyncio.gather(*(self._row(row) for row in rows), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return outcomes(self.node, batch, [a for a in answers if isinstance(a, Timed)])

    async def _row(self, row: Any) -> Timed:
        lack = missing(self.node, row)
        if lack is not None:
            return Timed({"": lack}, 0.0)
        async with self.lanes:
            started = time.perf_counter()
            answer = await self._asked(row)
            return Timed({"": answer}, time.perf_counter() - started)

    async def _asked(self, row: Any) -> Any:
        """The row loop of steps with lanes."""
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(self.node.patience_s):
                    return await self.work(row)
            except (UserError, Waiting):
                raise
            except TimeoutError:
                return RowError(f"took longer than {self.node.patience_s:g} s", "timeout")
            except Exception as error:  # whatever a step raises is that row's failure
                if not isinstance(error, TransientError) or attempt == TRIES:
                    return _as_row_error(error)
                await asyncio.sleep(_pause_s(error, attempt))
        raise AssertionError("unreachable")


class Timed(NamedTuple):
    """What a step says of one row, by part, and how long it took."""

    answer: Mapping[str, Any]
    seconds: float


def missing(node: Node, row: Any) -> RowError | None:
    """Why a row cannot even be tried, if so."""
    for join in node.reads.joins:
        if join.required and not join.many and getattr(row, join.name) is None:
            return RowError(f"it has no {join.name}: the step that makes them failed or dropped it", "missing")
    return None


def outcomes(node: Node, batch: Batch, answers: Sequence[Timed]) -> dict[str, Outcome]:
    """A batch's answers as entries and rows, by table name."""
    made: dict[str, Outcome] = {}
    for part in sorted(batch.wanted):
        table = node.table(part)
        made[table.name] = _outcome(node, table, part, batch, answers)
        answers = [answer._replace(seconds=0.0) for answer in answers]  # one pass made all parts: it counts once
    return made


def _outcome(node: Node, table: TableRef, part: str, batch: Batch, answers: Sequence[Timed]) -> Outcome:
    entries: list[Entry] = []
    rows: list[Row] = []
    origins: list[str] = []
    versions: list[int] = []
    for id_, video, digest, said in zip(batch.ids, batch.videos, batch.digests, answers, strict=True):
        begun = Entry(id_, video, digest, DONE, seconds=said.seconds)
        entry, made, dropped = _judge(table, begun, said.answer.get(part))
        entries += [entry, *dropped]
        rows += made
        origins += [id_] * len(made)
        version = output_version(digest, table.fingerprint)
        content = isinstance(node.step, Source)
        versions += [content_version(row) if content else version for row in made]
    return Outcome(entries, stored(table.row, rows, origins, versions) if table.row and rows else None)


def stored(row: type[Row], rows: Sequence[Row], origins: list[str], versions: list[int]) -> pa.Table:
    """Rows as the store keeps them, with the hidden columns."""
    table = to_arrow(row, rows)
    columns = [*table.columns, pa.array(origins, pa.string()), pa.array(versions, pa.int64())]
    return pa.Table.from_arrays(columns, schema=stored_schema(row).with_metadata(None)).cast(stored_schema(row))


def content_version(row: Row) -> int:
    """A hash of what a row says, without facts of this machine: an unchanged row changes nothing after it."""
    said = repr(_published(row)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), signed=True)


def _published(value: Any) -> Any:
    if isinstance(value, list):
        return [_published(item) for item in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    fields: tuple[Field, ...] = row_fields(type(value))
    return [(f.name, _published(getattr(value, f.name))) for f in fields if not f.col.local]


class _Judged(NamedTuple):
    """An input's entry, the rows made of it, and entries of the parts that were dropped from it."""

    entry: Entry
    rows: Sequence[Row] = ()
    dropped: Sequence[Entry] = ()


def _judge(table: TableRef, entry: Entry, answer: Any) -> _Judged:
    if isinstance(answer, RowError):
        return _Judged(entry._replace(status=FAILED, kind=answer.kind, message=str(answer)[:_LONGEST_MESSAGE]))
    if table.row is None:
        return _Judged(entry if answer is None else entry._replace(status=DROPPED, kind=answer))
    if not isinstance(answer, list):
        given = type(answer).__name__
        return _Judged(entry._replace(status=FAILED, kind="BadAnswer", message=f"the step answered {given}"))
    rows = [row for row in answer if not isinstance(row, Drop)]
    wrong = next((said for row in rows if (said := _wrong(table.row, row, entry.video_id))), None)
    if wrong:
        return _Judged(entry._replace(status=FAILED, kind="BadRow", message=wrong))
    dropped = [
        Entry(d.id, entry.video_id, entry.digest, DROPPED, d.reason, d.detail[:_LONGEST_MESSAGE], part_of=entry.id)
        for d in answer
        if isinstance(d, Drop) and d.id != entry.id
    ]
    own = next((d for d in answer if isinstance(d, Drop) and d.id == entry.id), None)
    if own is not None and not rows:  # nothing of it is left
        entry = entry._replace(status=DROPPED, kind=own.reason, message=own.detail[:_LONGEST_MESSAGE])
    return _Judged(entry._replace(rows=len(rows)), rows, dropped)


def _wrong(row_type: type[Row], row: Any, video_id: str) -> str | None:
    if type(row) is not row_type:
        return f"the step gave a {type(row).__name__}, not a {row_type.__name__}"
    if row.video_id != video_id:
        return f"the row's video_id is {row.video_id}, its input's {video_id}"
    return problem(row)


def _caller(step: Step, work: Any, wanted: frozenset[str]) -> Callable[[list[Any]], list[dict[str, Any]]]:
    """The work function with all shapes' answers made alike: by row, by part."""
    if isinstance(step, Fan):
        return lambda rows: list(work(rows, wanted))
    return lambda rows: [{"": answer} for answer in work(rows)]


def _answers(
    call: Callable[[list[Any]], list[dict[str, Any]]], rows: list[Any], missing: list[RowError | None]
) -> list[dict[str, Any]]:
    good = [row for row, lack in zip(rows, missing, strict=True) if lack is None]
    given = iter(_called(call, good) if good else ())
    return [_Failure(lack) if lack else next(given) for lack in missing]


class _Failure(dict[str, Any]):
    """The same failure for every part."""

    def __init__(self, error: RowError) -> None:
        super().__init__()
        self.error = error

    def get(self, part: str, default: Any = None) -> Any:
        return self.error


def _called(call: Callable[[list[Any]], list[dict[str, Any]]], rows: list[Any]) -> list[dict[str, Any]]:
    """The row loop. A batch that raises is done again row by row, so that one bad row costs one row."""
    for attempt in range(1, TRIES + 1):
        try:
            answers = call(rows)
            if len(answers) != len(rows):
                raise RowError(f"{len(answers)} answers for {len(rows)} rows", "BadAnswer")
            return answers
        except (UserError, Waiting):
            raise
        except Exception as error:  # whatever a step raises is that row's failure
            if len(rows) > 1:
                return [answer for row in rows for answer in _called(call, [row])]
            if not isinstance(error, TransientError) or attempt == TRIES:
                return [_Failure(_as_row_error(error))]
            time.sleep(_pause_s(error, attempt))
    raise AssertionError("unreachable")


def _pause_s(error: TransientError, attempt: int) -> float:
    """How long to wait before the next try, with jitter."""
    pause = error.after_s if error.after_s is not None else 2.0 ** (attempt - 1)
    return pause * random.uniform(0.75, 1.25)


def _as_row_error(error: Exception) -> RowError:
    if isinstance(error, RowError):
        return error
    return RowError(str(error) or repr(error), type(error).__name__)
