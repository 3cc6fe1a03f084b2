"""What a step says of its input rows, judged: sound answers become entries and rows, all others that row's failure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas import Field, Row, id_name, problem, row_fields, to_arrow, unwritable
from ..contract.errors import RowError, Waiting
from ..contract.step import Drop, Source
from ..planning.plan import Node, TableRef
from ..storage.join import Batch, output_versions
from ..storage.ledger import DONE, DROPPED, FAILED, LEDGER, LedgerEntry
from ..storage.row_files import storage_schema
from .failures import attempt, in_words, plain_text


class TableOutcome(NamedTuple):
    """What became of a batch in one table: entries one by one, or a ledger of them all."""

    entries: list[LedgerEntry]
    rows: pa.Table | None
    ledger: pa.Table | None = None


class BatchOutcome(NamedTuple):
    """What became of a batch. Rows that were not reached have no entry: they are still to do."""

    tables: dict[str, TableOutcome]
    waiting: str = ""  # what the step waits for


class TimedAnswer(NamedTuple):
    """What a step says of one row, and how long it took. A ``Waiting`` for a row that was not reached."""

    answer: Any
    seconds: float = 0.0


class _Judgement(NamedTuple):
    """An input's entry, the rows made of it, and entries of the parts that were dropped from it."""

    entry: LedgerEntry
    rows: Sequence[Row] = ()
    dropped: Sequence[LedgerEntry] = ()


def judge_batch(node: Node, batch: Batch, answers: Sequence[TimedAnswer]) -> BatchOutcome:
    """A batch's answers as entries and rows, by table name."""
    waiting = next((plain_text(a.answer) for a in answers if isinstance(a.answer, Waiting)), "")
    made: dict[str, TableOutcome] = {}
    for part in sorted(batch.wanted):
        table = node.table(part)
        made[table.name] = _outcome(node, table, part, batch, answers)
        answers = [answer._replace(seconds=0.0) for answer in answers]  # one pass made all parts: it counts once
    return BatchOutcome(made, waiting)


def judge_table(node: Node, batch: Batch, reasons: object, seconds: float) -> BatchOutcome | None:
    """The outcome of a filter that has judged a whole table; None where its answer is not a text or null for each."""
    if isinstance(reasons, pa.ChunkedArray):
        reasons = reasons.combine_chunks()
    rows = len(batch.ids)
    if not isinstance(reasons, pa.Array) or not pa.types.is_string(reasons.type) or len(reasons) != rows:
        return None
    if pc.any(pc.equal(reasons, "")).as_py():
        return None
    stays = reasons.is_null()
    columns = {
        "id": pa.array(batch.ids, pa.string()), "video_id": pa.array(batch.videos, pa.string()),
        "digest": pa.array(batch.digests, pa.int64()), "status": pc.if_else(stays, DONE, DROPPED),
        "kind": pc.fill_null(reasons, ""), "attempts": pa.array(np.ones(rows, np.int32)),
        "seconds": pa.array(np.full(rows, seconds / max(rows, 1), np.float32)),
        "rows": pa.array(np.zeros(rows, np.int32)), "live": pa.array(np.ones(rows, bool)),
    }  # fmt: skip
    empty = pa.repeat("", rows)
    ledger = pa.Table.from_arrays([columns.get(name, empty) for name in LEDGER.names], schema=LEDGER)
    return BatchOutcome({node.tables[0].name: TableOutcome([], None, ledger)})


def _outcome(node: Node, table: TableRef, part: str, batch: Batch, answers: Sequence[TimedAnswer]) -> TableOutcome:
    entries: list[LedgerEntry] = []
    rows: list[Row] = []
    origins: list[str] = []
    versions: list[int] = []
    content = isinstance(node.step, Source)
    made_of = output_versions(np.array(batch.digests, np.int64), table.fingerprint).tolist()
    for id_, video, digest, version, said in zip(batch.ids, batch.videos, batch.digests, made_of, answers, strict=True):
        if isinstance(said.answer, Waiting):
            continue
        begun = LedgerEntry(id_, video, digest, DONE, seconds=said.seconds)
        verdict = attempt(_judge, table, part, begun, said.answer)
        entry, made, dropped = verdict.value or _failure_entry(
            begun, "BadAnswer", in_words(_error_answer(verdict.error), node.step)
        )
        entries += [entry, *dropped]
        rows += made
        origins += [id_] * len(made)
        versions += [content_version(row) if content else version for row in made]
    return TableOutcome(entries, to_stored_table(table.row, rows, origins, versions) if table.row and rows else None)


def _error_answer(error: BaseException | None) -> BaseException:
    assert error is not None
    return error


def to_stored_table(row: type[Row], rows: Sequence[Row], origins: list[str], versions: list[int]) -> pa.Table:
    """Rows as the store keeps them, with the hidden columns."""
    table = to_arrow(row, rows)
    columns = [*table.columns, pa.array(origins, pa.string()), pa.array(versions, pa.int64())]
    return pa.Table.from_arrays(columns, schema=storage_schema(row).with_metadata(None)).cast(storage_schema(row))


def content_version(row: Row) -> int:
    """A hash of what a row says, without facts of this machine: an unchanged row changes nothing after it."""
    said = repr(_portable(row)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), signed=True)


def _portable(value: Any) -> Any:
    if isinstance(value, list):
        return [_portable(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if not hasattr(value, "__dataclass_fields__"):
        return value
    fields: tuple[Field, ...] = row_fields(type(value))
    return [(f.name, _portable(getattr(value, f.name))) for f in fields if not f.col.local]


def _judge(table: TableRef, part: str, entry: LedgerEntry, answer: Any) -> _Judgement:
    if part and not isinstance(answer, RowError):
        if not isinstance(answer, Mapping):
            return _failure_entry(
                entry, "BadAnswer", f"the step answered {type(answer).__name__}, not a table for each part"
            )
        answer = answer.get(part)
    if isinstance(answer, RowError):
        return _failure_entry(entry, answer.kind, answer)
    return _rows(table.row, entry, answer) if table.row else _verdict(entry, answer)


def _failure_entry(entry: LedgerEntry, kind: object, message: object) -> _Judgement:
    word = plain_text(kind, 100) if isinstance(kind, str) and kind else "RowError"
    return _Judgement(entry._replace(status=FAILED, kind=word, message=plain_text(message)))


def _verdict(entry: LedgerEntry, answer: Any) -> _Judgement:
    if answer is None:
        return _Judgement(entry)
    if wrong := unwritable(answer):
        return _failure_entry(entry, "BadAnswer", f"the reason to drop it {wrong}; None keeps a row")
    return _Judgement(entry._replace(status=DROPPED, kind=answer))


def _rows(row_type: type[Row], entry: LedgerEntry, answer: Any) -> _Judgement:
    if not isinstance(answer, Sequence) or isinstance(answer, (str, bytes, bytearray, Drop)):
        return _failure_entry(entry, "BadAnswer", f"the step answered {type(answer).__name__}, not a list of rows")
    answers = list(answer)
    if all(type(row) is row_type for row in answers):
        return _only_rows(row_type, entry, answers)
    rows = [row for row in answers if not isinstance(row, Drop)]
    drops = [drop for drop in answers if isinstance(drop, Drop)]
    if wrong := next((said for row in rows if (said := wrong_row(row_type, row, entry.video_id))), None):
        return _failure_entry(entry, "BadRow", wrong)
    if wrong := next((said for drop in drops if (said := wrong_drop(drop, entry.video_id))), None):
        return _failure_entry(entry, "BadAnswer", wrong)
    if len({row.id for row in rows}) < len(rows):
        twice = Counter(row.id for row in rows).most_common(1)[0]
        return _failure_entry(entry, "BadAnswer", f"the step answered several rows with the id {twice[0]}")
    dropped = [
        LedgerEntry(d.id, entry.video_id, entry.digest, DROPPED, d.reason, plain_text(d.detail), part_of=entry.id)
        for d in drops
        if d.id != entry.id
    ]
    own = next((d for d in drops if d.id == entry.id), None)
    if own is not None and not rows:  # nothing of it is left
        entry = entry._replace(status=DROPPED, kind=own.reason, message=plain_text(own.detail))
    return _Judgement(entry._replace(rows=len(rows)), rows, dropped)


def _only_rows(row_type: type[Row], entry: LedgerEntry, rows: Sequence[Row]) -> _Judgement:
    """As ``_rows``, for an answer without drops: nearly all are."""
    for row in rows:
        if wrong := wrong_row(row_type, row, entry.video_id):
            return _failure_entry(entry, "BadRow", wrong)
    if len(rows) > 1 and len({row.id for row in rows}) < len(rows):
        twice = Counter(row.id for row in rows).most_common(1)[0]
        return _failure_entry(entry, "BadAnswer", f"the step answered several rows with the id {twice[0]}")
    return _Judgement(LedgerEntry(*entry[:8], len(rows)), rows)


def wrong_row(row_type: type[Row], row: Any, video_id: str | None = None) -> str | None:
    """What is wrong with a row that a step made; None for a sound one. ``video_id`` is its input's, if it has one."""
    if type(row) is not row_type:
        return f"the step gave a {type(row).__name__}, not a {row_type.__name__}"
    if said := problem(row):
        return said
    if not row.id or not row.video_id:
        return f"{row_type.__name__}.{'video_id' if row.id else id_name(row_type)}: is empty"
    if video_id is not None and row.video_id != video_id:
        return f"the row's video_id is {row.video_id}, its input's {video_id}"
    return None


def wrong_drop(drop: Drop, video_id: str | None = None) -> str | None:
    """As ``wrong_row``, for a verdict."""
    for name in ("id", "video_id", "reason"):
        if said := unwritable(getattr(drop, name)):
            return f"Drop.{name}: {said}"
    if video_id is not None and drop.video_id != video_id:
        return f"the drop's video_id is {drop.video_id}, its input's {video_id}"
    return None
