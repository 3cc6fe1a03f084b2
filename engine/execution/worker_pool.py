"""Who does a build's work: worker processes, and event loops that wait for servers."""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from ..contract.errors import UserError
from ..contract.step import StepContext
from ..planning.plan import Node, TableRef, outline_nodes
from ..storage.join import Inputs, Window
from ..storage.manifest import Manifest
from .async_worker import AsyncWorker
from .failures import WorkerLost
from .row_loop import LOAD_PATIENCE_S
from .unit import UnitResult, close_step, do_unit, fold_in_process, open_step
from .worker import Worker

_LOADS = 3  # times that a step is loaded again because its worker died before any row
_IN_FLIGHT = 2  # units of a worker: the next is there when one is done
_STORAGE_S = 300.0  # for a worker to read and to write, between two calls of its step


class Plan(NamedTuple):
    """What workers need to know of a build."""

    nodes: Sequence[Node]
    root: Path
    shards: int
    context: Callable[[Node], StepContext]


class WorkerProcess:
    """One worker process that has one step open."""

    def __init__(self, node: Node, plan: Plan) -> None:
        self.node, self._plan = node, plan
        self.generation = 0  # how often the process was replaced
        self._idle_losses = 0  # of processes that died outside any call of their step, one after another
        self._open()

    def _open(self) -> None:
        self.is_open, self.in_flight = False, 0
        self._worker = Worker(self.node.step.isolate)
        nodes, root, shards, context = self._plan
        given = (outline_nodes(nodes, self.node), self.node, root, shards, context(self.node))
        self.opening: Future[None] = self._worker.submit(LOAD_PATIENCE_S, open_step, *given)

    @property
    def busy(self) -> bool:
        """Is it loading, or at work?"""
        return not self.is_open or self.in_flight > 0

    def opened(self) -> None:
        """The step is loaded."""
        self.is_open = True

    def submit(self, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        """Start a unit of work; the future may raise ``WorkerLost``."""
        self.in_flight += 1
        limit_s = self.node.timeout_s
        return self._worker.submit(max(limit_s, _STORAGE_S), do_unit, window, closing, step_limit_s=limit_s)

    def complete(self) -> None:
        """A unit is done."""
        self.in_flight -= 1
        self._idle_losses = 0

    def renew(self, error: WorkerLost, generation: int) -> bool:
        """A fresh process in place of one of this generation; whether there is one now, to be waited for.

        Raises:
            UserError: no process lives to see a row.
        """
        if generation != self.generation:
            return False  # it was replaced when the unit before was lost
        self._worker.kill()
        if not self.is_open or not error.count:
            self._idle_losses += 1
        if self._idle_losses > _LOADS or (error.kind == "timeout" and not self.is_open):
            raise UserError(f"{self.node.name} cannot {'go on' if self.is_open else 'start'}: {error}")
        self.generation += 1
        self._open()
        return True

    def close(self) -> None:
        """Let the worker finish and go."""
        self._worker.submit(LOAD_PATIENCE_S, close_step)
        self._worker.close()

    def kill(self) -> None:
        """End the worker now."""
        self._worker.kill()


class WorkerPool:
    """The workers that there are now. New ones are told of through ``begin``, so that their loading is waited for."""

    def __init__(
        self, most: int, plan: Plan, begin: Callable[[WorkerProcess | AsyncWorker], None],
        warn: Callable[[Node, str], None],
    ) -> None:  # fmt: skip
        self._most, self._plan, self._begin, self._warn = most, plan, begin, warn
        self._workers: list[WorkerProcess] = []
        self._async_workers: dict[int, AsyncWorker] = {}
        self._folder: Worker | None = None

    def async_worker(self, node: Node) -> AsyncWorker | None:
        """The event loop of a node, where it takes another batch now."""
        stream = self._async_workers.get(node.index)
        if stream is None:
            stream = self._async_workers[node.index] = AsyncWorker(node, self._plan.context(node))
            self._begin(stream)
        return stream if stream.ready else None

    def worker(self, node: Node, ahead: bool) -> WorkerProcess | None:
        """One that takes a unit of this node now, ``ahead`` also one at work; else None, and perhaps one is coming."""
        mine = [worker for worker in self._workers if worker.node is node]
        if sum(worker.busy for worker in self._workers) < self._most:
            if (idle := next((worker for worker in mine if not worker.busy), None)) is not None:
                return idle
            most = node.use.workers or (1 if node.step.cost in ("llm", "gpu") else self._most)
            if len(mine) < most and self._room_for(node):
                self._workers.append(new := WorkerProcess(node, self._plan))
                self._begin(new)
                return None
        at_work = (worker for worker in mine if worker.is_open and worker.in_flight < _IN_FLIGHT)
        return next(at_work, None) if ahead and all(worker.is_open for worker in mine) else None

    def fold(self, tables: Sequence[TableRef], number: int, inputs: Inputs) -> Future[Mapping[str, Manifest]]:
        """Fold a shard in a process that has no step open."""
        if self._folder is None:
            self._folder = Worker()
        given = (self._plan.root, self._plan.shards, tables, number, inputs)
        return self._folder.submit(LOAD_PATIENCE_S, fold_in_process, *given)

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
        if self._folder is not None:
            self._folder.kill()


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
