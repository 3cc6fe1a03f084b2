"""What a worker process does: it reads what is to do, does it, writes what comes of it, and tells the names.

No row travels: the runner names inputs and gets the names of objects, which count once it has put them into a shard's
manifest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..contract.errors import UserError
from ..contract.step import StepContext
from ..planning.plan import Node, TableRef
from ..storage.join import InputReader, Inputs, Window
from ..storage.manifest import Chunk, Manifest
from ..storage.shard import Results, Shard, write_chunk
from ..storage.store import Store
from .call_progress import own_progress
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


class UnitWorker:
    """A step, opened, and the storage that it reads and writes."""

    def __init__(self, nodes: Sequence[Node], node: Node, root: Path, shards: int, context: StepContext) -> None:
        self.node = node
        self.store = Store(root, shards, listed=False)
        self.reader = InputReader(nodes, node, self.store)
        self.job = Job(node, context, progress=own_progress())

    def run(self, window: Window, closing: Inputs | None) -> UnitResult:
        """Do a window, or as much of it as may be lost at once.

        ``closing`` is given where all else of the shard is done: all its inputs, by which it is folded.
        """
        began, rows, waiting, tally = time.monotonic(), 0, "", RowTally()
        tables = {self.node.table(part).name: self.node.table(part) for part in sorted(window.wanted)}
        buffers = {name: ResultBuffer(since=began) for name in tables}
        for batch in self.reader.batches(window):
            outcome = self.job.do(batch, rows)
            rows += len(batch.ids)
            tally.add_outcomes(outcome.tables)
            for name, made in outcome.tables.items():
                buffers[name].add(made, window.tries)
            if waiting := outcome.waiting:
                break
            if any(buffer.full for buffer in buffers.values()) or time.monotonic() - began > MOST_S:
                break
        seconds = time.monotonic() - began
        results = {name: some for name, buffer in buffers.items() if (some := buffer.take())}
        if closing is not None and rows == len(window) and not waiting:
            return UnitResult(rows, tally, {}, self._fold(window.number, closing, results), "", seconds)
        chunks = {name: self._write(tables[name], window.number, some) for name, some in results.items()}
        return UnitResult(rows, tally, chunks, {}, waiting, seconds)

    def _write(self, table: TableRef, number: int, results: Results) -> Chunk:
        shard = self.store.shard(table, number)
        return write_chunk(self.store.files, shard.folder, results, shard.row_group)

    def _fold(self, number: int, inputs: Inputs, results: dict[str, Results]) -> dict[str, Manifest]:
        return fold_shards(fresh_shards(self.store, self.node.tables, number), inputs, results)


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


def open_step(nodes: Sequence[Node], node: Node, root: Path, shards: int, context: StepContext) -> None:
    """Load a step in this worker process."""
    global _worker
    _worker = UnitWorker(nodes, node, root, shards, context)
    _worker.job.open()


def do_unit(window: Window, closing: Inputs | None) -> UnitResult:
    """One unit of work, in the worker process."""
    assert _worker is not None
    return _worker.run(window, closing)


def close_step() -> None:
    """Let go of the step, in the worker process."""
    if _worker is not None:
        _worker.job.close()


def fold_in_process(
    root: Path, shards: int, tables: Sequence[TableRef], number: int, inputs: Inputs
) -> dict[str, Manifest]:
    """Fold a shard whose step has nothing more to do in it, in a process that need not have the step open."""
    return fold_shards(fresh_shards(Store(root, shards, listed=False), tables, number), inputs, {})
