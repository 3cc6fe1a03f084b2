"""Workers on a Ray cluster: an ``Executor`` that starts an actor for each worker, on whatever node has room for it.

An actor only watches over a worker process of its own, the same as those of this machine: that one may crash or hang
at a row, and the actor lives and says at which. So the loss of an actor is a loss of the machine, for which no row is
to blame. Ray places actors and tells which are lost; what is tried again is decided by the runner alone.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from ..contract.errors import UserError
from ..contract.extras import extra
from ..contract.resources import Resources
from ..contract.usage import UsageCounter
from ..planning.plan import Node, outline_nodes
from ..storage.addresses import build_root, place_of
from ..storage.join import Inputs, Window
from .executor import Plan
from .failures import Timeout, WorkerLost, plain_text
from .row_loop import LOAD_PATIENCE_S
from .unit import UnitResult, close_step, do_unit
from .worker import Worker
from .worker_pool import check_importable

_IN_FLIGHT = 2  # units of an actor: the next is there when one is done
_LOSSES = 8  # actors of one step that may be lost one after another
_LOOK_S = 2.0  # between two looks at what the cluster has
_PATIENCE_S = 20.0  # for an actor to start, after which the screen says what is waited for
_IDLE_S = 2.0  # after which an actor without work makes room for another step's
_LEAVE_S = 10.0  # for a step to let go of what it holds
_MB = 1 << 20


class DriverState(NamedTuple):
    """What a worker elsewhere takes over from the program that builds."""

    environment: dict[str, str]
    path: list[str]  # that modules are imported from
    folder: str  # that recipes' relative paths begin at


class RayWorker:
    """What runs inside an actor: one worker process, and the build folder as this node sees it."""

    def __init__(self, place: str, isolate: bool, driver: DriverState) -> None:
        os.environ.update(driver.environment)
        sys.path += [path for path in driver.path if path not in sys.path]
        with suppress(OSError):  # there may be no such folder here
            os.chdir(driver.folder)
        self._root = build_root(place)
        self._worker = Worker(isolate, UsageCounter())

    def run(self, setup: tuple[Any, ...], window: Window, closing: Inputs | None, limit_s: float) -> UnitResult:
        """One unit of work; ``setup`` is given with the first."""
        if setup:
            nodes, node, shards, context = setup
            setup = (nodes, node, self._root, shards, replace(context, root=self._root, usage=UsageCounter()))
        most_s = max(limit_s, LOAD_PATIENCE_S)
        made: UnitResult = self._worker.submit(most_s, do_unit, setup, window, closing, step_limit_s=limit_s).result()
        return made

    def close(self) -> None:
        """Let the worker process finish and go."""
        self._worker.submit(LOAD_PATIENCE_S, close_step)
        self._worker.close()


class _Actor:
    """One actor for one step, as the driver sees it, and the units that it was given."""

    def __init__(self, ray: Any, node: Node, plan: Plan, needs: Resources) -> None:
        self.node, self.needs = node, needs
        self.is_open = self.told = False
        self.loss: WorkerLost | None = None
        self.began = self.last_done = time.monotonic()
        self._ray, self._units = ray, list[Future[UnitResult]]()
        options: dict[str, Any] = {
            "num_cpus": needs.cpus, "num_gpus": needs.gpus, "memory": needs.memory_mb * _MB,
            "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD",
        }  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if name.startswith("CLIPLOOM_")}
        driver = DriverState(environment, sys.path, os.getcwd())
        place = place_of(plan.root.absolute())
        self.actor = ray.remote(**options)(RayWorker).remote(place, node.step.isolate, driver)
        self._setup: tuple[Any, ...] = (outline_nodes(plan.nodes, node), node, plan.shards, plan.context(node))

    @property
    def in_flight(self) -> int:
        """How many units it has."""
        return sum(not future.done() for future in self._units)

    @property
    def idle_s(self) -> float:
        """For how long it has had nothing to do."""
        return 0.0 if self._units else time.monotonic() - self.last_done

    def submit(self, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        """Start a unit."""
        future: Future[UnitResult] = Future()
        setup, self._setup = self._setup, ()
        ref = self.actor.run.remote(setup, window, closing, self.node.timeout_s)
        ref.future().add_done_callback(partial(_settle, future))
        self._units.append(future)
        return future

    def look(self) -> None:
        """See what has become of its units."""
        for future in [one for one in self._units if one.done()]:
            self._units.remove(future)
            error = future.exception()
            if isinstance(error, WorkerLost):
                self.loss = self.loss or error
            else:
                self.is_open = True
            self.last_done = time.monotonic()

    def close(self) -> None:
        """Let it finish and go."""
        with suppress(self._ray.exceptions.RayError):
            self._ray.get(self.actor.close.remote(), timeout=_LEAVE_S)
        self.kill()

    def kill(self) -> None:
        """End it now, with what it has started."""
        with suppress(ValueError, self._ray.exceptions.RayError):
            self._ray.kill(self.actor)


def _settle(future: Future[UnitResult], done: Future[UnitResult]) -> None:
    """Give a unit's outcome to who waits for it. What Ray itself says of it is no row's fault."""
    from ray.exceptions import RayTaskError

    error = done.exception()
    if error is None:
        future.set_result(done.result())
    elif isinstance(error, RayTaskError):
        future.set_exception(error.cause if isinstance(error.cause, BaseException) else error)
    else:
        future.set_exception(WorkerLost("gone", f"its machine was lost: {plain_text(error)}"))


class RayPool:
    """The actors that there are now."""

    def __init__(self, plan: Plan, address: str = "") -> None:
        with extra("ray"):
            import ray
            import ray.exceptions
        self._ray, self._plan = ray, plan
        self._actors: list[_Actor] = []
        self._losses = Counter[int]()  # by node, one after another
        self._seen_at, self._nodes = -_LOOK_S, list[dict[str, float]]()
        self._mine = not ray.is_initialized()
        if self._mine:
            _connect(ray, address)

    def check(self, node: Node) -> None:
        """Raise ``UserError`` for a step that actors could not import, or that fits no node."""
        check_importable(node)
        needs = self._needs(node)
        if not any(_fits(needs, one) for one in self._cluster()):
            most = max(self._cluster(), key=lambda one: one.get("CPU", 0.0), default={})
            memory, cpus, gpus = (most.get(name, 0.0) for name in ("memory", "CPU", "GPU"))
            said = (
                f"needs {needs}, the largest node of the cluster has {cpus:g} CPU, {gpus:g} GPU, {memory / _MB:.0f} MB"
            )
            raise UserError(f"{node.name} {said}", "start a larger node, or choose options that take less")

    def _needs(self, node: Node) -> Resources:
        """What a worker asks for: GPUs only where there are some, or where it cannot do without."""
        needs = node.step.resources()
        has_gpus = any(one.get("GPU") for one in self._cluster())
        return needs if has_gpus or needs.needs_gpu else needs._replace(gpus=0.0, gpu_memory_mb=0)

    def _cluster(self) -> list[dict[str, float]]:
        """What the nodes have that are there now: they come and go."""
        if time.monotonic() - self._seen_at >= _LOOK_S:
            self._seen_at = time.monotonic()
            self._nodes = [one["Resources"] for one in self._ray.nodes() if one["Alive"]]
        return self._nodes

    @property
    def breadth(self) -> int:
        """About how many units are done at once."""
        return max(int(sum(one.get("CPU", 0.0) for one in self._cluster())), 1)

    def capacity(self, node: Node, ahead: bool) -> int:
        """1 where an actor takes a unit of this node now."""
        return int(self._actor(node, ahead) is not None)

    def submit(self, node: Node, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        """Start a unit on an actor that has nothing to do, else on one that will soon."""
        actor = self._actor(node, ahead=True)
        assert actor is not None
        return actor.submit(window, closing)

    def _actor(self, node: Node, ahead: bool) -> _Actor | None:
        mine = [actor for actor in self._actors if actor.node is node and actor.loss is None]
        if (idle := next((actor for actor in mine if not actor.in_flight), None)) is not None:
            return idle
        may_start = not node.use.workers or len(mine) < node.use.workers
        if may_start and (new := self._start(node)) is not None:
            return new
        at_work = (actor for actor in mine if actor.in_flight < _IN_FLIGHT)
        return next(at_work, None) if ahead else None

    def _start(self, node: Node) -> _Actor | None:
        """A new actor, where the cluster has room for it; one of another step that is idle makes room."""
        needs = self._needs(node)
        while not self._has_room(needs):
            others = (one for one in self._actors if one.node is not node and one.idle_s > _IDLE_S)
            if (idle := next(others, None)) is None:
                return None
            self._let_go(idle)
        self._actors.append(new := _Actor(self._ray, node, self._plan, needs))
        return new

    def _has_room(self, needs: Resources) -> bool:
        """Is there room beside the actors that there are? Counted over all nodes: Ray finds the one, or it waits."""
        for name, wanted in _requests(needs).items():
            held = sum(_requests(actor.needs).get(name, 0.0) for actor in self._actors)
            if wanted and held + wanted > sum(one.get(name, 0.0) for one in self._cluster()):
                return False
        return True

    def poll(self) -> None:
        """Let go of actors that are lost, and say what is waited for."""
        for actor in list(self._actors):
            actor.look()
            if actor.is_open:
                self._losses[actor.node.index] = 0
            if actor.loss is not None:
                self._actors.remove(actor)
                actor.kill()
                self._count_loss(actor)
            elif not (actor.is_open or actor.told) and time.monotonic() - actor.began > _PATIENCE_S:
                actor.told = True
                self._plan.warn(actor.node, f"waits for a node with {actor.needs}")

    def _count_loss(self, actor: _Actor) -> None:
        assert actor.loss is not None
        self._seen_at = -_LOOK_S
        self._losses[actor.node.index] += not actor.loss.count
        never = isinstance(actor.loss, Timeout) and not actor.loss.count and not actor.is_open
        if never or self._losses[actor.node.index] > _LOSSES:
            raise UserError(f"{actor.node.name} cannot {'go on' if actor.is_open else 'start'}: {actor.loss}")

    def _let_go(self, actor: _Actor) -> None:
        self._actors.remove(actor)
        actor.close()

    def release(self, node: Node) -> None:
        """The node is done: its actors end."""
        for actor in [one for one in self._actors if one.node is node]:
            self._let_go(actor)

    def cancel(self) -> None:
        """End all of them, and leave the cluster."""
        for actor in self._actors:
            actor.kill()
        self._actors.clear()
        if self._mine:
            self._ray.shutdown()


def ray_executor(words: str) -> Callable[[Plan], RayPool]:
    """What makes the executor that ``ray`` or ``ray://HOST:PORT`` names; ``UserError`` for other words."""
    if words != "ray" and not re.fullmatch(r"ray://[\w.-]+:\d+", words):
        raise UserError(f"--on {words}: it is `ray`, or ray:// with a cluster's address, such as ray://10.0.0.1:6379")
    return partial(RayPool, address=words.removeprefix("ray").removeprefix("://"))


def _requests(needs: Resources) -> dict[str, float]:
    """What Ray calls the same."""
    return {"CPU": needs.cpus, "GPU": needs.gpus, "memory": float(needs.memory_mb * _MB)}


def _fits(needs: Resources, node: Mapping[str, float]) -> bool:
    return all(wanted <= node.get(name, 0.0) for name, wanted in _requests(needs).items())


def _connect(ray: Any, address: str) -> None:
    """Join a cluster, or start one on this machine.

    Raises:
        UserError: there is none at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or actors without GPUs lose their environment
    try:
        ray.init(address=address or None, log_to_driver=False, include_dashboard=False if not address else None)
    except (ConnectionError, RuntimeError, ValueError) as error:
        said = f"there is no Ray cluster at {address or 'this machine'}: {plain_text(error)[:200]}"
        raise UserError(said, "`ray start --head` starts one; its address goes behind --on ray://") from None
