"""Who does a build's work: seats in processes of their own, and streams that wait for servers."""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ..contract.errors import UserError
from ..contract.step import StepContext
from ..planning.plan import Node, concurrency_of
from ..storage.join import Batch
from .answers import BatchOutcome
from .async_worker import AsyncWorker
from .failures import WorkerLost
from .row_loop import LOAD_PATIENCE_S, Job
from .worker import Worker

_LOADS = 3  # times that a step is loaded again because its worker died before any row

_job: Job | None = None  # of a worker process


def open_step(node: Node, context: StepContext) -> None:
    """Load the step in this worker process."""
    global _job
    _job = Job(node, context)
    _job.open()


def do_batch(batch: Batch) -> BatchOutcome:
    """One batch, in the worker process."""
    assert _job is not None
    return _job.do(batch)


def close_step() -> None:
    """Let go of the step, in the worker process."""
    if _job is not None:
        _job.close()


class WorkerProcess:
    """One worker process that has one step open."""

    def __init__(self, node: Node, context: StepContext) -> None:
        self.node, self.context = node, context
        self._idle_losses = 0  # of workers that died while loading or waiting, one after another
        self._open()

    def _open(self) -> None:
        self.busy, self._is_open = True, False
        self._worker = Worker(self.node.step.isolate)
        self.opening: Future[None] = self._worker.submit(LOAD_PATIENCE_S, open_step, self.node, self.context)

    def opened(self) -> None:
        """The step is loaded."""
        self.busy, self._is_open = False, True

    def submit(self, batch: Batch) -> Future[BatchOutcome]:
        """Start a batch; the future may raise ``WorkerLost``."""
        self.busy = True
        return self._worker.submit(self.node.timeout_s, do_batch, batch)

    def complete(self, batch: Batch) -> None:
        """The batch is done."""
        self.busy, self._idle_losses = False, 0

    def renew(self, error: WorkerLost) -> None:
        """A fresh process in place of one that was lost; ``UserError`` where none lives to see a batch."""
        self._worker.kill()
        if error.kind == "gone" or not self._is_open:
            self._idle_losses += 1
        if self._idle_losses > _LOADS or (error.kind == "timeout" and not self._is_open):
            raise UserError(f"{self.node.name} cannot start: {error}")
        self._open()

    def close(self) -> None:
        """Let the worker finish and go."""
        self._worker.submit(LOAD_PATIENCE_S, close_step)
        self._worker.close()

    def kill(self) -> None:
        """End the worker now."""
        self._worker.kill()


class WorkerPool:
    """The workers that there are now. New ones are told of through ``begins``, so that their loading is waited for."""

    def __init__(
        self, most: int, site_of: Callable[[Node], StepContext], begins: Callable[[WorkerProcess | AsyncWorker], None],
        warn: Callable[[Node, str], None],
    ) -> None:  # fmt: skip
        self._most, self._site_of, self._begin, self._warn = most, site_of, begins, warn
        self._workers: list[WorkerProcess] = []
        self._async_workers: dict[int, AsyncWorker] = {}

    def free(self, node: Node) -> WorkerProcess | AsyncWorker | None:
        """One that takes a batch of this node now; else None, and perhaps one more is on its way."""
        return self._async_worker(node) if concurrency_of(node) else self._worker(node)

    def _async_worker(self, node: Node) -> AsyncWorker | None:
        stream = self._async_workers.get(node.index)
        if stream is None:
            stream = self._async_workers[node.index] = AsyncWorker(node, self._site_of(node))
            self._begin(stream)
        return stream if stream.ready else None

    def _worker(self, node: Node) -> WorkerProcess | None:
        mine = [worker for worker in self._workers if worker.node is node]
        if sum(worker.busy for worker in self._workers) >= self._most:
            return None
        idle = next((worker for worker in mine if not worker.busy), None)
        most = 1 if node.step.cost in ("llm", "gpu") else self._most
        if idle is None and len(mine) < most and self._room_for(node):
            worker = WorkerProcess(node, self._site_of(node))
            self._workers.append(worker)
            self._begin(worker)
        return idle

    def _room_for(self, node: Node) -> bool:
        """Is there memory for one more worker? Idle ones of other steps make room."""
        while self._workers and available_mb() < node.step.memory_mb * 1.25:
            idle = next((worker for worker in self._workers if not worker.busy and worker.node is not node), None)
            if idle is None:
                return False
            self._workers.remove(idle)
            idle.close()
        if available_mb() < node.step.memory_mb:
            self._warn(node, f"needs about {node.step.memory_mb} MB, {available_mb()} MB are free")
        return True

    def dismiss(self, node: Node) -> None:
        """The node is done: its workers let go of what they hold, and end."""
        for worker in [s for s in self._workers if s.node is node]:
            self._workers.remove(worker)
            worker.close()
        if node.index in self._async_workers:
            self._async_workers.pop(node.index).close()

    @property
    def blocked(self) -> Node | None:
        """A node one of whose rows holds up all others."""
        return next((s.node for s in self._async_workers.values() if s.is_blocked), None)

    def end(self) -> None:
        """End all of them now."""
        for worker in self._workers:
            worker.kill()
        for stream in self._async_workers.values():
            stream.close()


class _ImportFinder(pickle.Pickler):
    """Finds what a worker process could not import."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (type, types.FunctionType)) and value.__module__ == "__main__":
            raise UserError(
                f"{value.__qualname__} is defined in the program that builds, which worker processes do not run",
                "put it into a module of its own and import it from there",
            )
        return NotImplemented


def check_importable(node: Node) -> None:
    """``UserError`` for a step that worker processes could not import."""
    try:
        _ImportFinder(io.BytesIO()).dump((node.step, node.reads))
    except UserError as error:
        raise UserError(f"{node.name}: {error.message}", error.hint) from None
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(f"{node.name} cannot be sent to worker processes: {error}") from None


def available_mb() -> int:
    """The memory that is free for use, in MB; a very large number where the system does not say."""
    try:
        with Path("/proc/meminfo").open() as file:
            line = next(line for line in file if line.startswith("MemAvailable"))
        return int(line.split()[1]) // 1024
    except (OSError, StopIteration):
        return 1 << 20
