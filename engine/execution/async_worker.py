"""Event loops in the runner's process, for steps that only wait for servers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from ..contract.errors import UserError, Waiting
from ..planning.plan import Node, concurrency_of
from ..storage.input_reader import InputReader
from ..storage.join import Batch, Inputs, Window
from ..storage.store import Store
from .executor import Plan
from .failures import plain_text
from .row_loop import AsyncJob
from .tally import RowTally
from .unit import OpenUnit, UnitResult

Result = TypeVar("Result")

_BEAT_S = 0.5
_CLOSE_S = 1.5  # for a step to give up what is under way


class AsyncWorker:
    """One step on a loop of its own, and the units that it was given. A thread beside it reads and writes."""

    def __init__(self, node: Node, plan: Plan) -> None:
        self.node = node
        self._given = self._done = 0  # rows; the runner counts the first, the loop the second
        self._most = 2 * concurrency_of(node)  # as many wait as are asked: no lane idles
        self._store = Store(plan.root, plan.shards, listed=False)
        self._reader = InputReader(plan.nodes, node, self._store)
        self._job, self._opening = AsyncJob(node, plan.context(node)), asyncio.Lock()
        self._storage = ThreadPoolExecutor(1, f"storage of {node.name}")
        self._loop = asyncio.new_event_loop()
        self._closing = False
        self._beat = time.monotonic()
        self._loop.call_soon(self._mark_time)
        self._thread = threading.Thread(target=self._run, name=f"loop of {node.name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._closing:
            with suppress(SystemExit, KeyboardInterrupt):  # from a task that the step began: it has them as its outcome
                self._loop.run_forever()

    def _mark_time(self) -> None:
        self._beat = time.monotonic()
        self._loop.call_later(_BEAT_S, self._mark_time)

    @property
    def ready(self) -> bool:
        """Does it take another unit?"""
        return self._given - self._done < self._most

    @property
    def is_blocked(self) -> bool:
        """Has a row held up the whole loop for longer than a row may take?"""
        return time.monotonic() - self._beat > self.node.timeout_s + 2 * _BEAT_S

    def submit(self, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        """Start a unit."""
        self._given += len(window)
        return asyncio.run_coroutine_threadsafe(self._do(window, closing), self._loop)

    async def _do(self, window: Window, closing: Inputs | None) -> UnitResult:
        unit = OpenUnit(self._store, self.node, window, closing)

        async def do(batch: Batch) -> None:
            unit.add(await self._job.do(batch), len(batch))
            self._done += len(batch)

        if len(window):
            try:
                await self._open()
            except Waiting as error:
                return UnitResult(0, RowTally(), {}, {}, plain_text(error), 0.0)
            batches = await self._in_storage(lambda: list(self._reader.batches(window)))
            await asyncio.gather(*map(do, batches))
        return await self._in_storage(unit.write)

    async def _open(self) -> None:
        async with self._opening:
            if self._job.work is None:
                await self._job.open()

    async def _in_storage(self, call: Callable[[], Result]) -> Result:
        return await self._loop.run_in_executor(self._storage, call)

    def close(self) -> None:
        """Give up what is under way, let go of the step, end the loop; leave it behind where it does not answer."""
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            closing.result(0.0 if self.is_blocked else 2 * _CLOSE_S)
        except TimeoutError:
            return
        self._closing = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._storage.shutdown(wait=False)

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_CLOSE_S)
        await self._job.close()


class EventLoops:
    """The async workers that there are now: an ``Executor`` in the runner's process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workers: dict[int, AsyncWorker] = {}

    def check(self, node: Node) -> None:
        """Every step that waits can do so here."""

    @property
    def breadth(self) -> int:
        """About how many units are done at once."""
        return self._plan.workers

    def capacity(self, node: Node, ahead: bool) -> int:
        """1 where the node's loop takes another unit now."""
        if node.index not in self._workers:
            self._workers[node.index] = AsyncWorker(node, self._plan)
        return int(self._workers[node.index].ready)

    def submit(self, node: Node, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        """Start a unit among those that are under way."""
        return self._workers[node.index].submit(window, closing)

    def poll(self) -> None:
        """``UserError`` for a step one of whose rows holds up all others."""
        for worker in self._workers.values():
            if worker.is_blocked:
                said = f"{worker.node.name} blocks its event loop: it must await what takes long, and nothing else"
                raise UserError(said)

    def release(self, node: Node) -> None:
        """The node is done: its loop ends."""
        if node.index in self._workers:
            self._workers.pop(node.index).close()

    def cancel(self) -> None:
        """End all of them now."""
        for worker in self._workers.values():
            worker.close()
