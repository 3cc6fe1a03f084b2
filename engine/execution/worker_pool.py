"""Worker processes of this machine, and who has which of them."""

from __future__ import annotations

import io
import math
import pickle
import time
import types
from collections import Counter, deque
from concurrent.futures import Future
from typing import Any

from ..contract.errors import UserError
from ..planning.plan import Node, outline_nodes
from ..storage.join import Inputs, Window
from .executor import Plan
from .failures import Timeout, WorkerLost
from .gpu_shares import GpuGrant, GpuShares
from .machine import Machine, available_mb
from .row_loop import LOAD_PATIENCE_S
from .unit import UnitResult, close_step, do_unit
from .worker import Worker

_LOADS = 3  # times that a step is loaded again because its worker died before any row
_IN_FLIGHT = 2  # units of a worker: the next is there when one is done
_LEFT_ALONE_S = 2.0  # after which a worker that is idle lets another step have its GPU


class WorkerProcess:
    """One worker process for one step, and the units that it was given."""

    def __init__(self, node: Node, plan: Plan, grant: GpuGrant) -> None:
        self.node, self.grant = node, grant
        self.needs = grant.needs
        self.is_open = False  # it has done a unit
        self.loss: WorkerLost | None = None
        context = plan.context(node)
        self._worker = Worker(node.step.isolate, context.usage, grant.environment)
        self._last_done = time.monotonic()
        self._units: deque[Future[UnitResult]] = deque()
        self._setup: tuple[Any, ...] = (
            outline_nodes(plan.nodes, node), node, plan.root, plan.shards, context,
        )  # fmt: skip

    @property
    def in_flight(self) -> int:
        """How many units it has."""
        return sum(not future.done() for future in self._units)

    @property
    def idle_s(self) -> float:
        """For how long it has had nothing to do."""
        return 0.0 if self.in_flight else time.monotonic() - self._last_done

    def submit(self, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        """Start a unit of work; the future may raise ``WorkerLost``."""
        limit_s, setup, self._setup = self.node.timeout_s, self._setup, ()
        most_s = max(limit_s, LOAD_PATIENCE_S)  # to load the step, to read and to write
        future = self._worker.submit(most_s, do_unit, setup, window, closing, step_limit_s=limit_s)
        self._units.append(future)
        return future

    def look(self) -> bool:
        """See what has become of its units; whether it has done any."""
        done = 0
        while self._units and self._units[0].done():
            error = self._units.popleft().exception()
            if isinstance(error, WorkerLost):
                self.loss = self.loss or error
            else:
                done += 1
            self._last_done = time.monotonic()
        self.is_open |= done > 0
        return done > 0

    def close(self) -> None:
        """Let the worker finish and go."""
        self._worker.submit(LOAD_PATIENCE_S, close_step)
        self._worker.close()

    def kill(self) -> None:
        """End the worker now."""
        self._worker.kill()


class WorkerPool:
    """The worker processes that there are now: an ``Executor`` of this machine."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workers: list[WorkerProcess] = []
        self._gpus = GpuShares(plan.machine.gpus)
        self._idle_losses = Counter[int]()  # by node: processes that died outside any call, one after another

    def check(self, node: Node) -> None:
        """Raise ``UserError`` for a step that worker processes could not import, or that does not fit the machine."""
        check_process(node, self._plan.machine)

    @property
    def breadth(self) -> int:
        """About how many units are done at once."""
        return self._plan.workers

    def capacity(self, node: Node, ahead: bool) -> int:
        """1 where a worker takes a unit of this node now."""
        return int(self._worker(node, ahead) is not None)

    def submit(self, node: Node, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        """Start a unit in a worker that has nothing to do, else in one that will soon."""
        worker = self._worker(node, ahead=True)
        assert worker is not None
        return worker.submit(window, closing)

    def _worker(self, node: Node, ahead: bool) -> WorkerProcess | None:
        """One that takes a unit of this node now, ``ahead`` also one at work."""
        mine = [worker for worker in self._workers if worker.node is node]
        if self._has_cpus(node):
            if (idle := next((worker for worker in mine if not worker.in_flight), None)) is not None:
                return idle
            if len(mine) < most_workers(node, self._plan.machine, self._plan.workers) and (new := self._start(node)):
                return new
        at_work = (worker for worker in mine if worker.in_flight < _IN_FLIGHT)
        return next(at_work, None) if ahead and all(worker.is_open for worker in mine) else None

    def _has_cpus(self, node: Node) -> bool:
        """Are there processors for one more worker at work? A step that wants more than there are has them all."""
        busy = sum(worker.needs.cpus for worker in self._workers if worker.in_flight)
        return not busy or busy + node.step.resources().cpus <= self._plan.workers

    def _start(self, node: Node) -> WorkerProcess | None:
        """A new worker, where there is a GPU for it, if it needs one, and memory."""
        needs = node.step.resources()
        while (grant := self._gpus.take(needs)) is None:
            # Not at once: two steps that take turns on one GPU would load their models for every few rows.
            others = (w for w in self._workers if w.node is not node and w.grant.places and w.idle_s > _LEFT_ALONE_S)
            if (idle := next(others, None)) is None:
                return None
            self._let_go(idle)
        if not self._room_for(node, needs.memory_mb):
            self._gpus.give_back(grant)
            return None
        self._workers.append(new := WorkerProcess(node, self._plan, grant))
        return new

    def _room_for(self, node: Node, needed: int) -> bool:
        """Is there memory for one more worker? Idle ones of other steps make room."""
        while self._workers and self._available_mb() < needed * 1.25:
            idle = next((worker for worker in self._workers if not worker.in_flight and worker.node is not node), None)
            if idle is None:
                return False
            self._let_go(idle)
        if (free := self._available_mb()) < needed:
            self._plan.warn(node, f"needs about {needed} MB, {free} MB are free")
        return True

    def _available_mb(self) -> int:
        """The memory that is free, without what workers that are being loaded will take."""
        return available_mb() - sum(worker.needs.memory_mb for worker in self._workers if not worker.is_open)

    def _let_go(self, worker: WorkerProcess) -> None:
        self._workers.remove(worker)
        worker.close()
        self._gpus.give_back(worker.grant)

    def poll(self) -> None:
        """Let go of workers that are lost; ``UserError`` for a step none of whose processes lives to see a row."""
        for worker in list(self._workers):
            if worker.look():
                self._idle_losses[worker.node.index] = 0
            if (error := worker.loss) is None:
                continue
            self._workers.remove(worker)
            worker.kill()
            self._gpus.give_back(worker.grant)
            self._idle_losses[worker.node.index] += not error.count
            never = isinstance(error, Timeout) and not error.count and not worker.is_open
            if never or self._idle_losses[worker.node.index] > _LOADS:
                raise UserError(f"{worker.node.name} cannot {'go on' if worker.is_open else 'start'}: {error}")

    def release(self, node: Node) -> None:
        """The node is done: its workers let go of what they hold, and end."""
        for worker in [s for s in self._workers if s.node is node]:
            self._let_go(worker)

    def cancel(self) -> None:
        """End all of them now."""
        for worker in self._workers:
            worker.kill()


def most_workers(node: Node, machine: Machine, cpus: int) -> int:
    """Worker processes that a node has at once, if there is memory: as its recipe says, or one on each GPU."""
    needs = node.step.resources()
    if node.use.workers:
        return node.use.workers
    if needs.gpus and machine.gpus:
        return max(len(machine.gpus) // math.ceil(needs.gpus), 1)
    return 1 if node.step.cost in ("llm", "gpu") else cpus


class _ImportFinder(pickle.Pickler):
    """Finds what a worker process could not import."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (type, types.FunctionType)) and value.__module__ == "__main__":
            raise UserError(
                f"{value.__qualname__} is defined in the program that builds, which worker processes do not run",
                "put it into a module of its own and import it from there",
            )
        return NotImplemented


def check_process(node: Node, machine: Machine) -> None:
    """``UserError`` for a step that no process of this machine can do."""
    check_importable(node)
    if lack := machine.lack(node.step.resources()):
        hint = "build on a larger machine, or choose options that take less: `cliploom doctor RECIPE`"
        raise UserError(f"{node.name} {lack}", hint)


def check_importable(node: Node) -> None:
    """``UserError`` for a step that worker processes could not import."""
    try:
        _ImportFinder(io.BytesIO()).dump((node.step, node.reads))
    except UserError as error:
        raise UserError(f"{node.name}: {error.message}", error.hint) from None
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(f"{node.name} cannot be sent to worker processes: {error}") from None
