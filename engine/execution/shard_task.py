"""One step in one shard: what is to do, what is under way, and what waits to be committed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ..contract.errors import UserError
from ..contract.step import Item, Source
from ..planning.plan import Node, TableRef
from ..storage.hashes import hash_column
from ..storage.input_reader import InputReader
from ..storage.join import Batch, Inputs, Window, inputs_of, output_versions
from ..storage.ledger import FAILED, LedgerEntry, Standing, compare, to_ledger
from ..storage.manifest import Manifest
from ..storage.object_store import size_of
from ..storage.shard import Results, Shard
from ..storage.store import Store, shard_of
from .failures import Timeout, WorkerLost
from .result_buffer import MOST_BYTES, ResultBuffer
from .sources import items_of
from .tally import RowTally
from .unit import UnitResult, fold_shards


class Call(NamedTuple):
    """A batch, and the place of its first row in the window that it is of."""

    batch: Batch
    window: Window
    first: int

    @property
    def rows(self) -> Window:
        """The rows of the batch as a window of their own."""
        return self.window.slice(self.first, self.first + len(self.batch))


class Task:
    """The work of one node in one shard. Commits as it goes; ``finish`` closes the shard."""

    def __init__(self, nodes: Sequence[Node], node: Node, store: Store, number: int, items: Sequence[Item]) -> None:
        self.node, self.number = node, number
        self.shards = {t.name: store.shard(t, number) for t in node.tables}
        self.token = store.input_token(node.depends_on, number, items)
        self.in_flight = 0
        self.to_do = 0  # rows, when it was opened
        self.is_closed = False  # its shards are finished
        self._suspects: set[str] = set()  # ids that were alone when their worker was lost
        self._left: deque[Window] = deque()  # what is still to be handed out
        self._buffers = {t.name: ResultBuffer() for t in node.tables}
        self._nodes, self._store, self._items = nodes, store, items
        self._calls: Iterator[Call] = iter(())
        self._ahead: Call | None = None

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
        self.standings = {name: self._compare(shard) for name, shard in self.shards.items()}
        parts = [_part(self.node, table) for table in self.node.tables]
        masks = [standing.to_do(retry_failed) for standing in self.standings.values()]
        codes = sum(
            (mask.astype(np.int64) << at for at, mask in enumerate(masks)), np.zeros(len(self.inputs.ids), np.int64)
        )
        for code in sorted({*codes.tolist()} - {0}):
            which = np.flatnonzero(codes == code)
            self.to_do += len(which)
            wanted = frozenset(part for at, part in enumerate(parts) if code >> at & 1)
            items = tuple(self._items[at] for at in which.tolist()) if self._items else ()
            self._left.append(Window(self.number, self.inputs.pick(which), wanted, items, self._tries(which)))

    def _compare(self, shard: Shard) -> Standing:
        return compare(shard.ledger(), self.inputs.ids, self.inputs.digests)

    def _tries(self, which: np.ndarray) -> dict[str, int]:
        """How often rows were tried that failed before on the same input."""
        found: dict[str, int] = {}
        for standing in self.standings.values():
            failed = which[(standing.same & standing.failed)[which]]
            ids = self.inputs.ids.take(pa.array(failed)).to_pylist()
            found |= zip(ids, standing.attempts[failed].tolist(), strict=True)
        return found

    def _read_inputs(self) -> Inputs:
        if self.node.reads.anchor is None:
            ids = pa.array([item.video_id for item in self._items], pa.string())
            digests = hash_column(pa.array([item.digest for item in self._items], pa.string()))
            return Inputs(ids, ids, output_versions(digests.view(np.int64), ""))
        return inputs_of(self._nodes, self.node, self._store, self.number)

    @property
    def row_bytes(self) -> float:
        """About how large an input row is where it lies, with what belongs to it."""
        tables = self.node.inputs
        files = [file for table in tables if (file := self._store.shard(table, self.number).live_file) is not None]
        return sum(size_of(file) for file in files) / max(len(self.inputs.ids), 1)

    @property
    def has_unit(self) -> bool:
        """Is there a unit to hand out: rows, or a shard to close that no unit of rows has closed?"""
        return bool(self._left) or not (self.in_flight or self.is_closed)

    def take(self, most: int) -> Window:
        """Rows to hand out, at most so many and no more than are well held at once; none when all are."""
        if not self._left:
            return Window(self.number, self.inputs.pick(np.arange(0)), frozenset())
        most = max(min(most, int(MOST_BYTES / max(self.row_bytes, 1.0))), self.node.rows_per_call)
        window = self._left.popleft()
        if len(window) > most:
            self._left.appendleft(window.slice(most, len(window)))
            window = window.slice(0, most)
        return window

    def closing_inputs(self) -> Inputs | None:
        """All inputs of the shard, if all but what was taken just now is done, so that this closes it; else None.

        What has come in is committed first: whoever folds the shard sees no more than that.
        """
        if self.in_flight or self._left:
            return None
        self.save()
        return self.inputs

    def more(self, reader: InputReader) -> bool:
        """Is there a call to make?"""
        while self._ahead is None:
            self._ahead = next(self._calls, None)
            if self._ahead is None:
                if not self._left:
                    return False
                self._calls = _calls(reader, self._left.popleft())
        return True

    def next_call(self, reader: InputReader) -> Call | None:
        """The next call to make, for who makes them one by one; None when all are made."""
        call = self._ahead if self.more(reader) else None
        self._ahead = None
        return call

    def land(self, outcomes: Mapping[str, Results], tries: Mapping[str, int]) -> RowTally:
        """Take a batch's outcome; commits when enough has come together. Returns how the batch's inputs went."""
        for name, outcome in outcomes.items():
            self._buffers[name].add(outcome, tries)
            if self._buffers[name].full:
                self._commit(name)
        tally = RowTally()
        tally.add_outcomes(outcomes)
        return tally

    def complete(self, window: Window, result: UnitResult) -> None:
        """Take what a worker process has written; what it left of the window is to be handed out again."""
        for name, chunk in result.chunks.items():
            self.shards[name].append(chunk)
        if result.manifests:
            self.close(result.manifests)
        elif result.rows < len(window):
            self._left.appendleft(window.slice(result.rows, len(window)))

    def lose(self, window: Window, error: WorkerLost) -> RowTally:
        """The worker was lost on this window: the rows of the call under way go out one by one, or the only one fails.

        One that was alone when its worker died is tried once more: it may have been killed from outside. As ``land``.
        """
        first, stop = error.first, error.first + error.count
        if error.kind == "gone" or not error.count:  # no row is to blame
            self._left += [window] if len(window) else []
            return RowTally()
        for some in (window.slice(0, first), window.slice(stop, len(window))):
            if len(some):
                self._left.append(some)
        blamed = [window.slice(at, at + 1) for at in range(first, min(stop, len(window)))]
        id_ = blamed[0].inputs.ids[0].as_py()
        if len(blamed) > 1 or (not isinstance(error, Timeout) and id_ not in self._suspects):
            self._suspects |= {id_} if len(blamed) == 1 else set()
            self._left.extend(blamed)
            return RowTally()
        return self._fail(blamed[0], error)

    def _fail(self, window: Window, error: WorkerLost) -> RowTally:
        ids, videos, digests = window.inputs
        entry = LedgerEntry(ids[0].as_py(), videos[0].as_py(), int(digests[0]), FAILED, error.kind, error.message)
        outcome = Results(to_ledger([entry]))
        return self.land({self.node.table(part).name: outcome for part in window.wanted}, window.tries)

    def _commit(self, name: str) -> None:
        if results := self._buffers[name].take():
            self.shards[name].commit(results)

    def save(self) -> None:
        """Commit everything that has come in."""
        for name in () if self.is_closed else self.shards:
            self._commit(name)

    def finish(self) -> None:
        """All is done: fold the shards and say of which inputs they are the outcome."""
        results = {name: made for name, buffer in self._buffers.items() if (made := buffer.take())}
        self.close(fold_shards(self.shards, self.inputs, results))

    def close(self, manifests: Mapping[str, Manifest]) -> None:
        """Commit the folded shards."""
        for name, manifest in manifests.items():
            self.shards[name].close(manifest, self.token)
        self.is_closed = True

    @property
    def is_idle(self) -> bool:
        """Is nothing in it, and was there never?"""
        return not len(self.inputs.ids) and all(shard.untouched for shard in self.shards.values())


def _calls(reader: InputReader, window: Window) -> Iterator[Call]:
    first = 0
    for batch in reader.batches(window):
        yield Call(batch, window, first)
        first += len(batch)


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


def _part(node: Node, table: TableRef) -> str:
    return table.name.removeprefix(node.name).removeprefix(".")
