"""What has been done and is not on disk yet, of one table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from ..storage.ledger import LedgerEntry, to_ledger
from ..storage.shard import Results
from .answers import TableOutcome

MOST_ROWS, MOST_BYTES, MOST_S = 5000, 32 << 20, 3.0
"""What is done between two commits, and so lost by a kill; whichever is reached first."""


@dataclass
class ResultBuffer:
    """Entries and rows as they come."""

    entries: list[LedgerEntry] = field(default_factory=list)
    rows: list[pa.Table] = field(default_factory=list)
    ledgers: list[pa.Table] = field(default_factory=list)  # of what came as tables, and of what came before those
    size: int = 0  # of the tables, in bytes; rows that came as tables are quick to do again
    since: float = field(default_factory=time.monotonic)

    def add(self, outcome: TableOutcome, tries: Mapping[str, int]) -> None:
        """Take what became of a batch; ``tries`` says how often inputs that failed before were tried."""
        if tries:
            entries = (e._replace(attempts=tries[e.id] + 1) if e.id in tries else e for e in outcome.entries)
            self.entries += entries
        else:
            self.entries += outcome.entries
        if outcome.ledger is not None:
            self._close_entries()
            self.ledgers.append(_with_tries(outcome.ledger, tries))
            self.size += outcome.ledger.nbytes
        if outcome.rows is not None:
            self.rows.append(outcome.rows)
            self.size += outcome.rows.nbytes

    @property
    def full(self) -> bool:
        """Is it time to commit?"""
        return len(self.entries) >= MOST_ROWS or self.size >= MOST_BYTES or time.monotonic() - self.since >= MOST_S

    def take(self) -> Results | None:
        """What is in it, which is empty afterwards; None for nothing."""
        self._close_entries()
        ledgers, rows = self.ledgers, self.rows
        self.ledgers, self.rows, self.size, self.since = [], [], 0, time.monotonic()
        return Results(pa.concat_tables(ledgers), pa.concat_tables(rows) if rows else None) if ledgers else None

    def _close_entries(self) -> None:
        if self.entries:
            self.ledgers.append(to_ledger(self.entries))
            self.entries = []


def _with_tries(ledger: pa.Table, tries: Mapping[str, int]) -> pa.Table:
    if not tries:
        return ledger
    attempts = [tries.get(id_, 0) + 1 for id_ in ledger.column("id").to_pylist()]
    at = ledger.column_names.index("attempts")
    return ledger.set_column(at, ledger.schema.field(at), pa.array(attempts, pa.int32()))
