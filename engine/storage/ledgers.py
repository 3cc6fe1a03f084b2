"""All ledgers of a build: the one place that numbers, verdicts and failures are taken from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..planning.plan import TableRef
from .ledger import DONE, Counts, total
from .shard import Shard
from .store import Store


class Ledgers:
    """The ledgers of a build's tables as they stand, in the recipe's order.

    A table is ``finished`` if it is the outcome of what the tables before it hold now. One that is not still counts,
    row by row, unless it is that of a ``Global`` step: that is the outcome of one set, and of another set it says
    nothing. Those that count are ``current``.
    """

    def __init__(self, store: Store, tables: Sequence[tuple[Mapping[str, Any], TableRef]]) -> None:
        """``tables`` with the lock's entry of their step."""
        self.store = store
        self.finished: dict[str, bool] = {}
        self.current: dict[str, bool] = {}
        named = {table.name: table for _, table in tables}
        for step, table in tables:
            names = [*step.get("reads", ()), *step.get("filters", ())]
            before = all(self.finished[name] for name in names)
            inputs, anchors = [named[n] for n in names], [named[n] for n in step.get("anchors", ())]
            if step["shape"] == "global":
                whole = store.global_state(table)
                self.current[table.name] = before and whole is not None and whole.inputs == store.global_token(inputs)
                self.finished[table.name] = self.current[table.name] and whole is not None and not whole.waiting
            else:
                self.current[table.name] = True
                self.finished[table.name] = before and self._is_outcome(table, inputs, anchors)

    def _is_outcome(self, table: TableRef, inputs: Sequence[TableRef], anchors: Sequence[TableRef]) -> bool:
        for number in range(self.store.shards):
            shard = self.store.shard(table, number)
            if shard.untouched:
                if self.store.has_rows(anchors, number):
                    return False
            elif shard.state is None or (inputs and shard.state.inputs != self.store.input_token(inputs, number)):
                return False
        return True

    def _shards(self, table: TableRef) -> list[Shard]:
        if not self.current[table.name]:
            return []
        return [self.store.shard(table, number) for number in range(self.store.shards)]

    def counts(self, table: TableRef) -> Counts:
        """A table's ledger in numbers."""
        counts = total(shard.counts() for shard in self._shards(table))
        whole = self.store.global_state(table)
        if whole and self.current[table.name] and not whole.waiting:  # its entries are of its rows and its drops
            return counts._replace(done=whole.came - counts.dropped - counts.failed)
        return counts

    def came(self, table: TableRef, counts: Counts) -> int:
        """The rows that reached a table's step, whose counts these are."""
        came = self._whole_came(table)
        return counts.came if came is None else came

    def _whole_came(self, table: TableRef) -> int | None:
        whole = self.store.global_state(table)
        return whole.came if whole and self.current[table.name] else None

    def misses(self, table: TableRef) -> Iterator[pa.Table]:
        """The lines of what a table's step dropped, and of what it failed on."""
        for shard in self._shards(table):
            counts = shard.counts()
            if counts.failed or counts.reasons:
                ledger = shard.ledger()
                missed = pc.and_(ledger.column("live"), pc.not_equal(ledger.column("status"), DONE))
                yield ledger.filter(missed)
