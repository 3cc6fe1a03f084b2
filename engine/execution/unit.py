"""What a worker process does: it reads what is to do, does it, writes what comes of it, and tells the names.

No row travels: the runner names inputs and gets the names of objects, which count once it has put them into a shard's
manifest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from ..contract.errors import UserError, Waiting
from ..contract.step import Cost, StepContext
from ..planning.plan import Node, TableRef
from ..storage.input_reader import InputReader
from ..storage.join import Batch, Inputs, Window
from ..storage.manifest import Chunk, Manifest
from ..storage.shard import Results, Shard, write_chunk
from ..storage.store import Store
from .answers import BatchOutcome
from .call_progress import own_progress
from .failures import plain_text
from .result_buffer import MOST_S, ResultBuffer
from .row_loop import Job
from .tally import RowTally


class UnitResult(NamedTuple):
    """What came of a window of rows: counts, and the names of what was written."""

    rows: int  # that were dealt with, from the window's beginning
    tally: RowTally
    chunks: dict[str, Chunk]  # by table; to be committed
    manifests: dict[str, Manifest]  # of shards that are finished with it, in place of chunks
    waiting: str  # what the step waits for
    seconds: float


_ELSEWHERE: tuple[Cost, ...] = ("io", "llm", "gpu")  # who works there leaves this process's processor free


def read_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, each read while the one before is worked at."""
    with ThreadPoolExecutor(1, "read ahead") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


class OpenUnit:
    """A unit under way: what has come of its rows so far.

    ``closing`` is given where all else of the shard is done: all its inputs, by which it is folded.
    """

    def __init__(self, store: Store, node: Node, window: Window, closing: Inputs | None) -> None:
        self.rows, self.waiting = 0, ""
        self._store, self._node, self._window, self._closing = store, node, window, closing
        self._began, self._tally = time.monotonic(), RowTally()
        self._tables = {node.table(part).name: node.table(part) for part in sorted(window.wanted)}
        self._buffers = {name: ResultBuffer(since=self._began) for name in self._tables}

    def add(self, outcome: BatchOutcome, rows: int) -> None:
        """Take what became of so many rows."""
        self.rows += rows
        self.waiting = self.waiting or outcome.waiting
        self._tally.add_outcomes(outcome.tables)
        for name, made in outcome.tables.items():
            self._buffers[name].add(made, self._window.tries)

    @property
    def full(self) -> bool:
        """Is it as much as may be lost at once?"""
        return any(buffer.full for buffer in self._buffers.values()) or time.monotonic() - self._began > MOST_S

    def write(self) -> UnitResult:
        """Write what has come of it."""
        seconds, number = time.monotonic() - self._began, self._window.number
        results = {name: some for name, buffer in self._buffers.items() if (some := buffer.take())}
        with self._store.together():
            return self._write_results(results, number, seconds)

    def _write_results(self, results: dict[str, Results], number: int, seconds: float) -> UnitResult:
        if self._closing is not None and self.rows == len(self._window) and not self.waiting:
            manifests = fold_shards(fresh_shards(self._store, self._node.tables, number), self._closing, results)
            return UnitResult(self.rows, self._tally, {}, manifests, "", seconds)
        chunks = {name: self._write(self._tables[name], some) for name, some in results.items()}
        return UnitResult(self.rows, self._tally, chunks, {}, self.waiting, seconds)

    def _write(self, table: TableRef, results: Results) -> Chunk:
        shard = self._store.shard(table, self._window.number)
        return write_chunk(self._store.files, shard.folder, results, shard.row_group)


class UnitWorker:
    """A step, and the storage that it reads and writes. The step is loaded for the first row that it is to do."""

    def __init__(self, nodes: Sequence[Node], node: Node, root: Path, shards: int, context: StepContext) -> None:
        self.node = node
        self.store = Store(root, shards, listed=False)
        self.reader = InputReader(nodes, node, self.store)
        self.job = Job(node, context, progress=own_progress())

    def run(self, window: Window, closing: Inputs | None) -> UnitResult:
        """Do a window, or as much of it as may be lost at once."""
        if len(window) and self.job.work is None:
            try:
                self.job.open()
            except Waiting as error:
                return UnitResult(0, RowTally(), {}, {}, plain_text(error), 0.0)
        unit = OpenUnit(self.store, self.node, window, closing)
        batches = self.reader.batches(window)
        for batch in read_ahead(batches) if self.node.step.cost in _ELSEWHERE else batches:
            unit.add(self.job.do(batch, unit.rows), len(batch))
            if unit.waiting or unit.full:
                break
        return unit.write()


def fresh_shards(store: Store, tables: Sequence[TableRef], number: int) -> dict[str, Shard]:
    """A shard of each of a step's tables, as another process has left it by now."""
    for table in tables:
        store.refresh(table)
    return {table.name: store.shard(table, number) for table in tables}


def fold_shards(shards: Mapping[str, Shard], inputs: Inputs, results: Mapping[str, Results]) -> dict[str, Manifest]:
    """Fold a shard of each of a step's tables, with results that are not committed; their manifests, to be committed.

    Raises:
        UserError: two rows of a table have one id.
    """
    made = {}
    for name, shard in shards.items():
        try:
            made[name] = shard.fold(inputs.ids, inputs.digests, results.get(name))
        except UserError as error:
            raise UserError(f"{name}: {error.message}", error.hint) from None
    return made


_worker: UnitWorker | None = None  # of a worker process


def do_unit(setup: tuple[Any, ...], window: Window, closing: Inputs | None) -> UnitResult:
    """One unit of work, in the worker process; ``setup`` makes its ``UnitWorker`` and is given with the first."""
    global _worker
    if setup:
        _worker = UnitWorker(*setup)
    assert _worker is not None
    return _worker.run(window, closing)


def close_step() -> None:
    """Let go of the step, in the worker process."""
    if _worker is not None:
        _worker.job.close()
