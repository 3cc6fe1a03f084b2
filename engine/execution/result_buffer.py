"""What has been done and is not on disk yet, of one table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from ..storage.shard import Results

MOST_BYTES, MOST_S = 32 << 20, 3.0
"""What is done between two commits, and so lost by a kill; whichever is reached first."""


@dataclass
class ResultBuffer:
    """Ledgers and rows as they come."""

    ledgers: list[pa.Table] = field(default_factory=list)
    rows: list[pa.Table] = field(default_factory=list)
    size: int = 0  # in bytes
    since: float = field(default_factory=time.monotonic)

    def add(self, results: Results, tries: Mapping[str, int]) -> None:
        """Take what became of a batch; ``tries`` says how often inputs that failed before were tried."""
        self.ledgers.append(_with_tries(results.ledger, tries))
        self.size += results.ledger.nbytes
        if results.rows is not None:
            self.rows.append(results.rows)
            self.size += results.rows.nbytes

    @property
    def full(self) -> bool:
        """Is it time to commit?"""
        return self.size >= MOST_BYTES or time.monotonic() - self.since >= MOST_S

    def take(self) -> Results | None:
        """What is in it, which is empty afterwards; None for nothing."""
        ledgers, rows = self.ledgers, self.rows
        self.ledgers, self.rows, self.size, self.since = [], [], 0, time.monotonic()
        if not any(ledger.num_rows for ledger in ledgers):
            return None
        return Results(pa.concat_tables(ledgers), pa.concat_tables(rows) if rows else None)


def _with_tries(ledger: pa.Table, tries: Mapping[str, int]) -> pa.Table:
    if not tries:
        return ledger
    attempts = [tries.get(id_, 0) + 1 for id_ in ledger.column("id").to_pylist()]
    at = ledger.column_names.index("attempts")
    return ledger.set_column(at, ledger.schema.field(at), pa.array(attempts, pa.int32()))
