"""What became of every input of a step: one entry each, in one shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from .files import intact, replace_file

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

    @property
    def input(self) -> str:
        """The id of the input row that it is about."""
        return self.part_of or self.id

    @property
    def key(self) -> Key:
        """What the ledger keeps it under: a part may have the id of an input, or of another input's part."""
        return self.part_of, self.id


Key = tuple[str, str]
"""``(input, part)`` for a part's entry, ``("", input)`` for an input's own."""


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


def write_ledger(path: Path, entries: Iterable[LedgerEntry], said: Mapping[str, str]) -> None:
    """Replace a ledger file; ``said`` goes into its metadata. This write is the commit."""
    columns = list(zip(*entries, strict=True)) or [()] * len(LEDGER)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, LEDGER, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=LEDGER.with_metadata(dict(said)))
    with replace_file(path) as part:
        pq.write_table(table, part, compression="zstd")


def read_ledger(path: Path) -> tuple[list[LedgerEntry], dict[str, str]]:
    """The entries of a ledger file and what its metadata says."""
    with intact(path, path.parent):
        table = pq.read_table(path, partitioning=None)
        said = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
        columns = [table.column(name).to_pylist() for name in LEDGER.names]
    return [LedgerEntry(*values) for values in zip(*columns, strict=True)], said


def count(entries: Iterable[LedgerEntry]) -> Counts:
    """Add up the live entries of a ledger."""
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    rows, seconds, parts = 0, 0.0, 0
    for entry in entries:
        if not entry.live:
            continue
        if entry.part_of:
            parts += 1
        else:
            statuses[entry.status] += 1
        rows, seconds = rows + entry.rows, seconds + entry.seconds
        if entry.status == DROPPED:
            reasons[entry.kind] += 1
        elif entry.status == FAILED:
            causes[entry.kind] += 1
    return Counts(
        statuses[DONE], statuses[DROPPED], statuses[FAILED], rows, round(seconds, 3), parts,
        dict(sorted(reasons.items())), dict(sorted(causes.items())),
    )  # fmt: skip


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
