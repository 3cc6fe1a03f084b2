"""One step in one shard: what is to do, what is under way, and what waits to be committed."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ..contract.errors import UserError
from ..contract.step import Item, Source
from ..planning.plan import Node, TableRef
from ..storage.join import Batch, Inputs, batches, inputs_of, output_version
from ..storage.ledger import FAILED, Key, LedgerEntry
from ..storage.shard import Shard
from ..storage.store import Store, shard_of
from .answers import TableOutcome
from .sources import items_of

_COMMIT_ROWS, _COMMIT_BYTES, _COMMIT_S = 5000, 32 << 20, 3.0


@dataclass
class Pending:
    """Outcomes of one table that are not on disk yet."""

    entries: list[LedgerEntry] = field(default_factory=list)
    rows: list[pa.Table] = field(default_factory=list)
    size: int = 0  # of the rows, in bytes
    since: float = field(default_factory=time.monotonic)

    @property
    def full(self) -> bool:
        """Is it time to commit?"""
        return (
            len(self.entries) >= _COMMIT_ROWS
            or self.size >= _COMMIT_BYTES
            or time.monotonic() - self.since >= _COMMIT_S
        )


class Task:
    """The work of one node in one shard. Commits as it goes; ``finish`` closes the shard."""

    def __init__(self, nodes: Sequence[Node], node: Node, store: Store, number: int, items: Sequence[Item]) -> None:
        self.node, self.number = node, number
        self.shards = {t.name: store.shard(t, number) for t in node.tables}
        self.token = store.input_token(node.depends_on, number, items)
        self.in_flight = 0
        self.suspects: set[str] = set()  # ids that were alone when their worker was lost
        self.again: deque[Batch] = deque()  # what goes out next: a batch read ahead, the rows of a lost one
        self.pending = {t.name: Pending() for t in node.tables}
        self._nodes, self._store, self._items = nodes, store, items
        self.wanted: Mapping[str, frozenset[str]] = {}
        self._source: Iterator[Batch] = iter(())

    def is_up_to_date(self, retry_failed: bool) -> bool:
        """Was all this done before, from the very same inputs?"""
        return all(self._is_up_to_date(shard, retry_failed) for shard in self.shards.values())

    def _is_up_to_date(self, shard: Shard, retry_failed: bool) -> bool:
        if shard.untouched:
            return not self._inputs_exist()
        return shard.is_outcome(self.token) and not (retry_failed and shard.counts().failed)

    def _inputs_exist(self) -> bool:
        if self.node.reads.anchor is None:
            return bool(self._items)
        return self._store.has_rows(self.node.anchors, self.number)

    def open(self, retry_failed: bool) -> None:
        """Find out what is to do."""
        self.inputs = self._read_inputs()
        wanted: dict[str, set[str]] = {}
        for table in self.node.tables:
            part = _part(self.node, table)
            for id_ in todo(self.shards[table.name].ledger(), self.inputs, retry_failed):
                wanted.setdefault(id_, set()).add(part)
        self.wanted = {i: frozenset(parts) for i, parts in wanted.items()}
        self._source = self._batches()

    def _read_inputs(self) -> Inputs:
        if self.node.reads.anchor is None:
            digests = {i.video_id: output_version(0, i.digest) for i in self._items}
            return Inputs({i.video_id: i.video_id for i in self._items}, digests)
        return inputs_of(self._nodes, self.node, self._store, self.number)

    def _batches(self) -> Iterator[Batch]:
        if self.node.reads.anchor is not None:
            yield from batches(self._nodes, self.node, self._store, self.number, self.inputs, self.wanted)
            return
        items, size = [i for i in self._items if i.video_id in self.wanted], self.node.step.rows_per_call()
        for start in range(0, len(items), size):
            some = items[start : start + size]
            ids = [i.video_id for i in some]
            yield Batch(ids, ids, [self.inputs.digests[i] for i in ids], frozenset([""]), some)

    def more(self) -> bool:
        """Is there a batch to hand out?"""
        if not self.again and (batch := next(self._source, None)) is not None:
            self.again.append(batch)
        return bool(self.again)

    def next_batch(self) -> Batch | None:
        """The next batch to hand out; None when all are."""
        return self.again.popleft() if self.more() else None

    def land(self, outcomes: Mapping[str, TableOutcome]) -> list[LedgerEntry]:
        """Take a batch's outcome; commits when enough has come together.

        Returns an entry for each input of the batch that was dealt with: a failed one where it failed in any table.
        """
        complete: dict[str, LedgerEntry] = {}
        for name, outcome in outcomes.items():
            before = self.shards[name].ledger()
            pending = self.pending[name]
            for entry in outcome.entries:
                old = before.get(entry.key)
                tries = old.attempts if old and old.digest == entry.digest and old.status == FAILED else 0
                pending.entries.append(entry._replace(attempts=tries + 1) if tries else entry)
                if not entry.part_of and (entry.status == FAILED or entry.id not in complete):
                    complete[entry.id] = entry
            if outcome.rows is not None:
                pending.rows.append(outcome.rows)
                pending.size += outcome.rows.nbytes
            if pending.full:
                self.commit(name)
        return list(complete.values())

    def lose(self, batch: Batch, kind: str, message: str) -> list[LedgerEntry]:
        """The worker was lost on this batch: try its rows one by one, or give up the only one. As ``land``.

        One that was alone when its worker died is tried once more: it may have been killed from outside.
        """
        if kind == "gone":  # before it began
            self.again.append(batch)
            return []
        if len(batch.ids) > 1:
            self.again.extend(batch.one(i) for i in range(len(batch.ids)))
            return []
        if kind != "timeout" and batch.ids[0] not in self.suspects:
            self.suspects.add(batch.ids[0])
            self.again.append(batch)
            return []
        entry = LedgerEntry(batch.ids[0], batch.videos[0], batch.digests[0], FAILED, kind, message)
        return self.land({self.node.table(part).name: TableOutcome([entry], None) for part in batch.wanted})

    def commit(self, name: str) -> None:
        """Put what is pending on disk."""
        pending, self.pending[name] = self.pending[name], Pending()
        if pending.entries:
            self.shards[name].commit(pending.entries, pa.concat_tables(pending.rows) if pending.rows else None)

    def save(self) -> None:
        """Commit everything that has come in."""
        for name in self.shards:
            self.commit(name)

    def finish(self) -> None:
        """All is done: fold the shards and say of which inputs they are the outcome."""
        self.save()
        for name, shard in self.shards.items():
            try:
                shard.finish(self.inputs.digests, self.token)
            except UserError as error:
                raise UserError(f"{name}: {error.message}", error.hint) from None


def deal_items(nodes: Sequence[Node], limit: int | None, shards: int) -> dict[int, dict[int, list[Item]]]:
    """What each source finds, by node and shard; the first ``limit`` by id.

    Raises:
        UserError: a source finds nothing, or two things have the same id.
    """
    dealt: dict[int, dict[int, list[Item]]] = {}
    known: dict[str, str] = {}  # id -> the step that found it
    for node in nodes:
        if not isinstance(node.step, Source):
            continue
        found = sorted(items_of(node.step), key=lambda item: item.video_id)
        dealt[node.index] = defaultdict(list)
        for item in found:
            if item.video_id in known:
                where = " and ".join(sorted({known[item.video_id], node.name}))
                raise UserError(f"two videos have the id {item.video_id}, from {where}", "give each a name of its own")
            known[item.video_id] = node.name
        for item in found[:limit]:
            dealt[node.index][shard_of(item.video_id, shards)].append(item)
    return dealt


def todo(ledger: Mapping[Key, LedgerEntry], inputs: Inputs, retry_failed: bool) -> list[str]:
    """The ids that the ledger lacks, that have changed since, or that are to be tried again."""
    found = []
    for id_, digest_ in inputs.digests.items():
        entry = ledger.get(("", id_))
        if entry is None or entry.digest != digest_ or (retry_failed and entry.status == FAILED):
            found.append(id_)
    return found


def _part(node: Node, table: TableRef) -> str:
    return table.name.removeprefix(node.name).removeprefix(".")
