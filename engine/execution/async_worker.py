"""An event loop in the runner's process, for steps that only wait for servers."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from contextlib import suppress

from ..contract.step import StepContext
from ..planning.plan import Node
from ..storage.join import Batch
from .answers import BatchOutcome
from .row_loop import AsyncJob

_BEAT_S = 0.5
_CLOSE_S = 1.5  # for a step to give up what is under way


class AsyncWorker:
    """One step on a loop of its own. The runner treats it as a seat that takes several batches at once."""

    def __init__(self, node: Node, context: StepContext) -> None:
        self.node, self.context = node, context
        self.rows = 0  # under way
        self._most = 2 * node.step.max_concurrency()  # type: ignore[attr-defined]  # as many wait as are asked: no lane idles
        self._loop = asyncio.new_event_loop()
        self._closing = False
        self._beat = time.monotonic()
        self._loop.call_soon(self._mark_time)
        self._thread = threading.Thread(target=self._run, name=f"stream {node.name}", daemon=True)
        self._thread.start()
        self._job: AsyncJob | None = None
        self.opening: Future[None] = asyncio.run_coroutine_threadsafe(self._open(), self._loop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._closing:
            with suppress(SystemExit, KeyboardInterrupt):  # from a task that the step began: it has them as its outcome
                self._loop.run_forever()

    def _mark_time(self) -> None:
        self._beat = time.monotonic()
        self._loop.call_later(_BEAT_S, self._mark_time)

    async def _open(self) -> None:
        job = AsyncJob(self.node, self.context)
        await job.open()
        self._job = job

    @property
    def ready(self) -> bool:
        """Does it take another batch?"""
        return self._job is not None and self.rows < self._most

    @property
    def is_blocked(self) -> bool:
        """Has a row held up the whole loop for longer than a row may take?"""
        return time.monotonic() - self._beat > self.node.timeout_s + 2 * _BEAT_S

    def submit(self, batch: Batch) -> Future[BatchOutcome]:
        """Start a batch."""
        assert self._job is not None
        self.rows += len(batch.ids)
        return asyncio.run_coroutine_threadsafe(self._job.do(batch), self._loop)

    def complete(self, rows: int) -> None:
        """A batch of so many rows is done."""
        self.rows -= rows

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

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_CLOSE_S)
        if self._job is not None:
            await self._job.close()
