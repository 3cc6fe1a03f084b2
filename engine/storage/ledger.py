"""What became of every input of a step: a table with one line for each, in one shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DONE, DROPPED, FAILED = "done", "dropped", "failed"

LEDGER = pa.schema(
    [
        ("id", pa.string()),
        ("video_id", pa.string()),
        ("digest", pa.int64()),
        ("status", pa.string()),
        ("kind", pa.string()),  # the class of a failure, or the reason of a drop
        ("message", pa.string()),
        ("attempts", pa.int32()),
        ("seconds", pa.float32()),
        ("rows", pa.int32()),
        ("live", pa.bool_()),  # False: its input is not there now; kept in case it comes back
        ("part_of", pa.string()),  # the input that a part was dropped from; empty for an input's own entry
    ]
)


class LedgerEntry(NamedTuple):
    """One input row that a step has handled, or a part of one that it dropped. ``digest`` is that of what it read."""

    id: str
    video_id: str
    digest: int
    status: str
    kind: str = ""
    message: str = ""
    attempts: int = 1
    seconds: float = 0.0
    rows: int = 0
    live: bool = True
    part_of: str = ""


class Counts(NamedTuple):
    """A ledger in numbers: of what is there now, so each input is done, dropped or failed."""

    done: int = 0
    dropped: int = 0
    failed: int = 0
    rows: int = 0
    seconds: float = 0.0
    parts: int = 0  # dropped of inputs that were done
    reasons: dict[str, int] = {}  # of inputs and parts
    causes: dict[str, int] = {}

    @property
    def came(self) -> int:
        """The inputs that were handled."""
        return self.done + self.dropped + self.failed


def to_ledger(entries: Iterable[LedgerEntry]) -> pa.Table:
    """Entries as a table."""
    columns = list(zip(*entries, strict=True)) or [()] * len(LEDGER)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, LEDGER, strict=True)]
    return pa.Table.from_arrays(arrays, schema=LEDGER)


def lines_of(
    ids: pa.Array, videos: pa.Array, digests: np.ndarray, seconds: np.ndarray | float,
    rows: np.ndarray | None = None, reasons: pa.Array | None = None,
) -> pa.Table:  # fmt: skip
    """The lines of inputs that are all done or dropped: ``rows`` were made of each, or ``reasons`` drop some."""
    n = len(ids)
    empty = pa.repeat("", n)
    status = pa.repeat(DONE, n) if reasons is None else pc.if_else(reasons.is_null(), DONE, DROPPED)
    made = np.zeros(n, np.int32) if rows is None else rows.astype(np.int32)
    each_s = np.full(n, seconds, np.float32) if isinstance(seconds, float) else seconds.astype(np.float32)
    columns = [
        ids, videos, pa.array(digests, pa.int64()), status, empty if reasons is None else pc.fill_null(reasons, ""),
        empty, pa.array(np.ones(n, np.int32)), pa.array(each_s), pa.array(made), pa.array(np.ones(n, bool)), empty,
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=LEDGER)


def own_lines(ledger: pa.Table) -> pa.Table:
    """The lines of inputs, without those of parts."""
    own = pc.equal(ledger.column("part_of"), "")
    return ledger if pc.all(own).as_py() else ledger.filter(own)


def entries_of(ledger: pa.Table) -> list[LedgerEntry]:
    """The lines of a ledger one by one: for few of them."""
    columns = [ledger.column(name).to_pylist() for name in LEDGER.names]
    return [LedgerEntry(*values) for values in zip(*columns, strict=True)]


def input_ids(ledger: pa.Table) -> pa.ChunkedArray:
    """For each line the id of the input row that it is about."""
    part_of = ledger.column("part_of")
    own = pc.equal(part_of, "")
    return ledger.column("id") if pc.all(own).as_py() else pc.if_else(own, ledger.column("id"), part_of)


def places_of(ids: pa.Array | pa.ChunkedArray, among: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """For each id whether it is among others, and at which place of theirs; 0 where it is not."""
    whole = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    if whole.equals(among):  # as it is for all that is done in one go
        return np.ones(len(whole), bool), np.arange(len(whole))
    if not len(among):
        return np.zeros(len(whole), bool), np.zeros(len(whole), np.int64)
    at = pc.index_in(whole, value_set=among)
    return at.is_valid().to_numpy(zero_copy_only=False), at.fill_null(0).to_numpy()


def newest(ledger: pa.Table) -> np.ndarray:
    """Where the last line is for each input and each part, in a table of lines in order of age.

    A part may have the id of an input, or of another input's part.
    """
    lines = ledger.select(["part_of", "id"]).append_column("at", pa.array(np.arange(ledger.num_rows)))
    last = lines.group_by(["part_of", "id"], use_threads=False).aggregate([("at", "max")])
    return np.sort(last.column("at_max").to_numpy())


class Standing(NamedTuple):
    """What a ledger says of each of some inputs, by place."""

    known: np.ndarray  # it has a line for it
    same: np.ndarray  # made of what it is now
    failed: np.ndarray  # that is a failure
    attempts: np.ndarray  # how often it was tried

    def to_do(self, retry_failed: bool) -> np.ndarray:
        """Which of them lack, have changed since, or are to be tried again."""
        missing: np.ndarray = ~self.same | self.failed if retry_failed else ~self.same
        return missing


def compare(ledger: pa.Table, ids: pa.Array, digests: np.ndarray) -> Standing:
    """What a ledger says of inputs with these ids and digests."""
    own = own_lines(ledger)
    known, places = places_of(ids, own.column("id").combine_chunks())
    if not own.num_rows:
        return Standing(known, known, known, np.ones(len(known), np.int64))
    same = known & (own.column("digest").to_numpy()[places] == digests)
    failed = known & pc.equal(own.column("status"), FAILED).to_numpy(zero_copy_only=False)[places]
    return Standing(known, same, failed, own.column("attempts").to_numpy()[places].astype(np.int64))


def leaving(ledger: pa.Table, judges: bool) -> pa.Table:
    """The live lines whose rows stay behind: what was dropped, and what a step that ``judges`` could not judge."""
    gone = pc.equal(ledger.column("status"), DROPPED)
    if judges:
        gone = pc.or_(gone, pc.equal(ledger.column("status"), FAILED))
    return ledger.filter(pc.and_(gone, ledger.column("live")))


def count(ledger: pa.Table) -> Counts:
    """Add up the live lines of a ledger."""
    live = ledger if pc.all(ledger.column("live")).as_py() else ledger.filter(ledger.column("live"))
    own = own_lines(live)
    statuses = _tally(own.column("status"))
    if statuses.keys() <= {DONE} and own.num_rows == live.num_rows:
        kinds: dict[str, dict[str, int]] = {DROPPED: {}, FAILED: {}}
    else:
        kinds = {s: _tally(live.filter(pc.equal(live.column("status"), s)).column("kind")) for s in (DROPPED, FAILED)}
    return Counts(
        done=statuses.get(DONE, 0), dropped=statuses.get(DROPPED, 0), failed=statuses.get(FAILED, 0),
        rows=pc.sum(live.column("rows")).as_py() or 0,
        seconds=round(pc.sum(live.column("seconds")).as_py() or 0.0, 3),
        parts=live.num_rows - own.num_rows, reasons=kinds[DROPPED], causes=kinds[FAILED],
    )  # fmt: skip


def _tally(column: pa.ChunkedArray) -> dict[str, int]:
    found = pc.value_counts(column)
    return dict(sorted(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)))


def total(parts: Iterable[Counts]) -> Counts:
    """The counts of several ledgers together."""
    listed = list(parts)
    numbers = {
        name: sum(getattr(part, name) for part in listed) for name in ("done", "dropped", "failed", "rows", "parts")
    }
    reasons: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    for part in listed:
        reasons.update(part.reasons)
        causes.update(part.causes)
    return Counts(
        **numbers, seconds=round(sum(part.seconds for part in listed), 3),
        reasons=dict(sorted(reasons.items())), causes=dict(sorted(causes.items())),
    )  # fmt: skip
