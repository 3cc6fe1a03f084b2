"""Processes that look into what came: it is untrusted, and may crash or hang whatever decodes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.contract.errors import RowError
from ...engine.contract.step import StepContext
from ...engine.execution.failures import WorkerLost
from ...engine.execution.worker import Worker
from ...schemas import Video
from ..folder import make_video
from ..sources.listing import VideoFile
from ..sources.manifests import ManifestRow
from .site import check_whole

_MOST_LENT = 8  # processes for other work than looking into files
_MOST_FILES = 32  # in one call: small files are quicker to look into than to hand over


class ReadOrder(NamedTuple):
    """A file to look into, and what is known of it."""

    video_id: str
    shown: str  # its address
    found: VideoFile
    line: ManifestRow


class _Waiting(NamedTuple):
    order: ReadOrder
    answer: asyncio.Future[Video | RowError]


class Readers:
    """Looks into files, in a few processes of their own; and lends processes for other work that may crash."""

    def __init__(self, context: StepContext, most: int, limit_s: float) -> None:
        self._context, self._most, self._limit_s = context, most, limit_s
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._idle: list[Worker] = []
        self._all: list[Worker] = []
        self._lent = asyncio.Semaphore(_MOST_LENT)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Readers]:
        """Serve until this ends."""
        tasks = [asyncio.create_task(self._serve()) for _ in range(self._most)]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for worker in self._all:
                worker.kill()

    async def read(self, order: ReadOrder) -> Video:
        """The row of a file; ``RowError`` where it is no whole video."""
        waiting = _Waiting(order, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(waiting)
        answer = await waiting.answer
        if isinstance(answer, RowError):
            raise answer
        return answer

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """What a function of a module gives in a process that may crash; what is lost so is a ``RowError``."""
        async with self._lent:
            return await self._call(function, *args)

    async def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        worker = self._idle.pop() if self._idle else self._start()
        try:
            given = await asyncio.wrap_future(worker.submit(self._limit_s, function, *args))
        except (WorkerLost, asyncio.CancelledError) as error:
            self._all.remove(worker)
            worker.kill()
            if isinstance(error, WorkerLost):
                raise RowError(error.message, error.kind) from None
            raise
        except BaseException:
            self._idle.append(worker)
            raise
        self._idle.append(worker)
        return given

    def _start(self) -> Worker:
        worker = Worker(isolate=True)
        self._all.append(worker)
        return worker

    async def _serve(self) -> None:
        while True:
            some = [await self._queue.get()]
            while len(some) < _MOST_FILES and not self._queue.empty():
                some.append(self._queue.get_nowait())
            await self._answer(some)

    async def _answer(self, some: Sequence[_Waiting]) -> None:
        try:
            given = await self._call(read_files, [one.order for one in some], self._context)
        except asyncio.CancelledError:
            raise
        except RowError as error:
            if len(some) > 1:  # one bad file costs one row
                for one in some:
                    await self._answer([one])
                return
            given = [error]
        for one, answer in zip(some, given, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)


def read_files(orders: Sequence[ReadOrder], context: StepContext) -> list[Video | RowError]:
    """The rows of files; runs in a process of its own."""
    return [_read(order, context) for order in orders]


def _read(order: ReadOrder, context: StepContext) -> Video | RowError:
    try:
        probed = check_whole(order.shown, Path(order.found.path), None)
        return make_video(order.video_id, order.found, order.line, context, probed)
    except RowError as error:
        return error
