"""What a step says of its input rows, judged: sound answers become entries and rows, all others that row's failure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas import Field, Row, are_sound, id_name, problem, row_fields, to_arrow, unwritable
from ..contract.errors import RowError, Waiting
from ..contract.step import Drop, Source
from ..planning.plan import Node, TableRef
from ..storage.join import Batch, output_versions
from ..storage.ledger import DONE, DROPPED, FAILED, LedgerEntry, lines_of, to_ledger
from ..storage.row_files import storage_schema
from ..storage.shard import Results
from .failures import attempt, in_words, plain_text


class BatchOutcome(NamedTuple):
    """What became of a batch. Rows that were not reached have no entry: they are still to do."""

    tables: dict[str, Results]
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
    """A batch's answers as lines of a ledger and rows, by table name."""
    waiting = next((plain_text(a.answer) for a in answers if isinstance(a.answer, Waiting)), "")
    made: dict[str, Results] = {}
    for part in sorted(batch.wanted):
        table = node.table(part)
        made[table.name] = _outcome(node, table, part, batch, answers)
        answers = [answer._replace(seconds=0.0) for answer in answers]  # one pass made all parts: it counts once
    return BatchOutcome(made, waiting)


def judge_table(node: Node, batch: Batch, reasons: object, seconds: float) -> BatchOutcome | None:
    """The outcome of a filter that has judged a whole table; None where its answer is not a text or null for each."""
    if isinstance(reasons, pa.ChunkedArray):
        reasons = reasons.combine_chunks()
    ids, videos, digests = batch.inputs
    if not isinstance(reasons, pa.Array) or not pa.types.is_string(reasons.type) or len(reasons) != len(ids):
        return None
    if pc.any(pc.equal(reasons, "")).as_py():
        return None
    ledger = lines_of(ids, videos, digests, seconds / max(len(ids), 1), reasons=reasons)
    return BatchOutcome({node.tables[0].name: Results(ledger)})


def merge_outcomes(outcomes: Sequence[BatchOutcome]) -> BatchOutcome:
    """The outcome of several batches of one step that gives verdicts only."""
    names = outcomes[0].tables if outcomes else ()
    ledgers = {name: pa.concat_tables([one.tables[name].ledger for one in outcomes]) for name in names}
    waiting = next((one.waiting for one in outcomes if one.waiting), "")
    return BatchOutcome({name: Results(ledger) for name, ledger in ledgers.items()}, waiting)


def _outcome(node: Node, table: TableRef, part: str, batch: Batch, answers: Sequence[TimedAnswer]) -> Results:
    """The whole batch at once where all answers are sound, as nearly all are; else row by row."""
    sound = attempt(_sound_outcome, node, table, part, batch, answers).value
    return sound or _row_by_row_outcome(node, table, part, batch, answers)


def _sound_outcome(
    node: Node, table: TableRef, part: str, batch: Batch, answers: Sequence[TimedAnswer]
) -> Results | None:
    """The outcome where each answer is a list of sound rows, or of a filter a reason or none; None where one is not."""
    ids, videos, digests = batch.inputs
    given = [said.answer.get(part) if part else said.answer for said in answers]
    seconds = np.array([said.seconds for said in answers])
    if table.row is None:
        if any(said is not None and (type(said) is not str or unwritable(said)) for said in given):
            return None
        return Results(lines_of(ids, videos, digests, seconds, reasons=pa.array(given, pa.string())))
    if any(type(made) is not list for made in given):
        return None
    rows: list[Row] = [*chain.from_iterable(given)]
    counts = np.array([*map(len, given)])
    ledger = lines_of(ids, videos, digests, seconds, counts)
    if not rows:
        return Results(ledger)
    at = np.repeat(np.arange(len(ids)), counts)
    if not _are_sound(table.row, rows, videos.take(pa.array(at))):
        return None
    if isinstance(node.step, Source):
        versions = np.array([content_version(row) for row in rows])
    else:
        versions = np.repeat(output_versions(digests, table.fingerprint), counts)
    return Results(ledger, to_stored_table(table.row, rows, ids.take(pa.array(at)), versions))


def _are_sound(row_type: type[Row], rows: Sequence[Row], videos: pa.Array) -> bool:
    """Are these, for sure, sound rows of inputs of these videos, with an id of its own each?"""
    if {*map(type, rows)} != {row_type} or not are_sound(rows):
        return False
    ids = {*map(attrgetter(id_name(row_type)), rows)}
    return len(ids) == len(rows) and "" not in ids and [*map(attrgetter("video_id"), rows)] == videos.to_pylist()


def _row_by_row_outcome(
    node: Node, table: TableRef, part: str, batch: Batch, answers: Sequence[TimedAnswer]
) -> Results:
    entries: list[LedgerEntry] = []
    rows: list[Row] = []
    origins: list[str] = []
    versions: list[int] = []
    content = isinstance(node.step, Source)
    made_of = output_versions(batch.inputs.digests, table.fingerprint)
    inputs = (column.tolist() for column in (*batch.inputs, made_of))
    for id_, video, digest, version, said in zip(*inputs, answers, strict=True):
        if isinstance(said.answer, Waiting):
            continue
        begun = LedgerEntry(id_, video, digest, DONE, seconds=said.seconds)
        verdict = attempt(_judge, table, part, begun, said.answer)
        if verdict.error is not None:
            entry, made, dropped = _failure_entry(begun, "BadAnswer", in_words(verdict.error, node.step))
        else:
            entry, made, dropped = verdict.value
        entries += [entry, *dropped]
        rows += made
        origins += [id_] * len(made)
        versions += [content_version(row) if content else version for row in made]
    stored = to_stored_table(table.row, rows, origins, versions) if table.row and rows else None
    return Results(to_ledger(entries), stored)


def to_stored_table(
    row: type[Row], rows: Sequence[Row], origins: pa.Array | list[str], versions: np.ndarray | list[int]
) -> pa.Table:
    """Rows as the store keeps them, with the hidden columns."""
    table = to_arrow(row, rows)
    made_of = origins if isinstance(origins, pa.Array) else pa.array(origins, pa.string())
    columns = [*table.columns, made_of, pa.array(versions, pa.int64())]
    return pa.Table.from_arrays(columns, schema=storage_schema(row))


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
    rows = [row for row in answers if not isinstance(row, Drop)]
    drops = [drop for drop in answers if isinstance(drop, Drop)]
    if wrong := _wrong_rows(row_type, rows, entry.video_id):
        return _failure_entry(entry, *wrong)
    if wrong_verdict := next((said for drop in drops if (said := wrong_drop(drop, entry.video_id))), None):
        return _failure_entry(entry, "BadAnswer", wrong_verdict)
    dropped = [
        LedgerEntry(d.id, entry.video_id, entry.digest, DROPPED, d.reason, plain_text(d.detail), part_of=entry.id)
        for d in drops
        if d.id != entry.id
    ]
    own = next((d for d in drops if d.id == entry.id), None)
    if own is not None and not rows:  # nothing of it is left
        entry = entry._replace(status=DROPPED, kind=own.reason, message=plain_text(own.detail))
    return _Judgement(entry._replace(rows=len(rows)), rows, dropped)


def _wrong_rows(row_type: type[Row], rows: Sequence[Row], video_id: str) -> tuple[str, str] | None:
    """What is wrong with the rows of an input of this video: the kind of failure, and its message."""
    for row in rows:
        if wrong := wrong_row(row_type, row, video_id):
            return "BadRow", wrong
    if len(rows) > 1 and len({row.id for row in rows}) < len(rows):
        twice = Counter(row.id for row in rows).most_common(1)[0]
        return "BadAnswer", f"the step answered several rows with the id {twice[0]}"
    return None


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
