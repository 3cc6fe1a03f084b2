"""The row loop: one batch through a step's work function, to ledger entries and rows.

It runs in worker processes (``open_step`` once, then ``do_batch``) and, for cheap steps, in the runner.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from ..schemas import Field, Row, problem, row_fields, to_arrow
from .errors import RowError, TransientError, UserError, Waiting
from .join import Batch, output_version, rows_of
from .ledger import DONE, DROPPED, FAILED, Entry
from .plan import Node, TableRef
from .rowfiles import stored_schema
from .step import Fan, Site, Source, Step

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

    def do(self, batch: Batch) -> dict[str, Outcome]:
        """Every row of the batch to an entry and its rows, by table name."""
        rows = rows_of(batch, self.node.reads)
        call = _caller(self.node.step, self.work, batch.wanted)
        started = time.perf_counter()
        answers = _answers(call, rows, [self._missing(row) for row in rows])
        each = (time.perf_counter() - started) / max(len(rows), 1)
        wanted = sorted(batch.wanted)
        return {
            (table := self.node.table(part)).name: self._outcome(table, part, batch, answers, each) for part in wanted
        }

    def _missing(self, row: Any) -> RowError | None:
        for join in self.node.reads.joins:
            if join.required and not join.many and getattr(row, join.name) is None:
                return RowError(f"it has no {join.name}: the step that makes them failed or dropped it", "missing")
        return None

    def _outcome(
        self, table: TableRef, part: str, batch: Batch, answers: Sequence[dict[str, Any]], seconds: float
    ) -> Outcome:
        entries: list[Entry] = []
        rows: list[Row] = []
        origins: list[str] = []
        versions: list[int] = []
        for id_, video, digest, answer in zip(batch.ids, batch.videos, batch.digests, answers, strict=True):
            entry, made = _judge(table, Entry(id_, video, digest, DONE, seconds=seconds), answer.get(part))
            entries.append(entry)
            rows += made
            origins += [id_] * len(made)
            version = output_version(digest, table.fingerprint)
            content = isinstance(self.node.step, Source)
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


def _judge(table: TableRef, entry: Entry, answer: Any) -> tuple[Entry, Sequence[Row]]:
    if isinstance(answer, RowError):
        return entry._replace(status=FAILED, kind=answer.kind, message=str(answer)[:_LONGEST_MESSAGE]), ()
    if table.row is None:
        return (entry if answer is None else entry._replace(status=DROPPED, kind=answer)), ()
    if not isinstance(answer, list):
        return entry._replace(status=FAILED, kind="BadAnswer", message=f"the step answered {type(answer).__name__}"), ()
    wrong = next((said for row in answer if (said := _wrong(table.row, row, entry.video_id))), None)
    if wrong:
        return entry._replace(status=FAILED, kind="BadRow", message=wrong), ()
    return entry._replace(rows=len(answer)), answer


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
        except Exception as error:  # the one place: whatever a step raises is that row's failure
            if len(rows) > 1:
                return [answer for row in rows for answer in _called(call, [row])]
            if not isinstance(error, TransientError) or attempt == TRIES:
                return [_Failure(_as_row_error(error))]
            pause = error.after_s if error.after_s is not None else 2.0 ** (attempt - 1)
            time.sleep(pause * random.uniform(0.75, 1.25))
    raise AssertionError("unreachable")


def _as_row_error(error: Exception) -> RowError:
    if isinstance(error, RowError):
        return error
    return RowError(str(error) or repr(error), type(error).__name__)
