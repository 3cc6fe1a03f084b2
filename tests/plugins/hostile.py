"""Steps that do to the engine whatever code can do, in every place where a step's code runs."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import toys

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, Waiting
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.resources import Resources
from cliploom.engine.contract.step import AsyncFunction, Drop, Global, Item, RowAnswer, Source, Split, Step, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Caption, Clip, Col, Review, Video

VICTIM = "v00001_1"


class Unspeakable(Exception):
    """Neither its text nor its repr can be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Unpicklable(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def _raises(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


def _swallows() -> None:
    for _ in range(3):
        with suppress(Exception):
            time.sleep(60)
    time.sleep(60)


DEEDS: dict[str, Callable[[], object]] = {
    "exit": lambda: sys.exit(),
    "interrupt": _raises(KeyboardInterrupt()),
    "cancelled": _raises(asyncio.CancelledError()),
    "generator": _raises(GeneratorExit()),
    "stop": _raises(StopIteration()),
    "unspeakable": _raises(Unspeakable()),
    "unpicklable": _raises(Unpicklable(1, 2)),
    "surrogate": _raises(ValueError("a \ud800 b")),
    "kind": _raises(RowError("of no kind", 5)),  # type: ignore[arg-type]
    "os_exit": lambda: os._exit(0),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(60),
    "spin": lambda: next(n for n in itertools.count() if n < 0),
    "swallow": _swallows,
    "speak": lambda: print("aloud"),
    "wait": _raises(Waiting("for something outside")),
}
RAISING = ("exit", "interrupt", "cancelled", "generator", "stop", "unspeakable", "unpicklable", "surrogate", "kind")


def caption(clip: Clip) -> Caption:
    """A sound answer."""
    return Caption(f"{clip.clip_id}_c", clip.video_id, clip.clip_id, "toy", "teacher", "hello", [], "toy", "1")


@dataclass(frozen=True)
class InWorker(Split[Clip, Caption]):
    """One caption a clip, in a worker process."""

    batch = 4
    timeout_s = 5.0
    deed: Annotated[str, Col("what to do to the engine")] = ""

    def process(self, row: Clip) -> RowAnswer[Caption]:
        if row.clip_id == VICTIM and self.deed:
            DEEDS[self.deed]()
        return [caption(row)]


@dataclass(frozen=True)
class InRunner(InWorker):
    """The same in the runner."""

    cost = "row"


@dataclass(frozen=True)
class InLanes(InWorker):
    """The same on an event loop."""

    def max_concurrency(self) -> int:
        return 3

    @asynccontextmanager
    async def open_async(self, site: StepContext) -> AsyncIterator[AsyncFunction[Clip, Caption]]:
        yield self._answer

    async def _answer(self, row: Clip) -> RowAnswer[Caption]:
        await asyncio.sleep(0)
        return self.process(row)


@dataclass(frozen=True)
class InTask(InLanes):
    """The same in a task that the step begins itself."""

    async def _answer(self, row: Clip) -> RowAnswer[Caption]:
        return await asyncio.create_task(super()._answer(row))


@dataclass(frozen=True)
class AtOnce(Global[Clip, Caption]):
    """The same for a step that reads everything."""

    timeout_s = 5.0
    deed: Annotated[str, Col("what to do to the engine")] = ""

    def rows(self, db: Any, site: StepContext) -> Iterator[Caption]:
        clips = db.execute("SELECT clip_id, video_id FROM clips ORDER BY clip_id").fetchall()
        for clip_id, video_id in clips:
            if clip_id == VICTIM and self.deed:
                DEEDS[self.deed]()
            yield caption(Clip(clip_id, video_id, 0.0, 1.0, []))


@dataclass(frozen=True)
class AtStart(InWorker):
    """Does it where the model would be loaded."""

    def open(self, site: StepContext) -> Any:
        DEEDS[self.deed]()


def built(root: Path, step: Step | StepUse, videos: int = 3) -> Build:
    """A build of nine clips (or three for each of ``videos``) and the step."""
    recipe = Recipe("hostile", (toys.Numbers(last=videos - 1), toys.Pieces(), step), shards=2)
    run_build(recipe, root, RunOptions(workers=2))
    return Build.read(root)


def said(build: Build) -> set[str]:
    """The clips that have a caption."""
    with build.connect() as db:
        return {row[0] for row in db.execute("SELECT clip_id FROM captions").fetchall()}


def failed(build: Build) -> list[tuple[str, str, str]]:
    """The errors: id, kind, message."""
    with build.connect() as db:
        return db.execute("SELECT id, kind, message FROM errors ORDER BY ALL").fetchall()


def clip(clip_id: str = VICTIM) -> Clip:
    """A sound clip."""
    return Clip(clip_id, clip_id.partition("_")[0], 0.0, 1.0, [])


_context_is_lost = False


@dataclass(frozen=True)
class OnGpu(InWorker):
    """As with CUDA: after one bad row every later call of the process fails."""

    cost = "gpu"

    def process(self, row: Clip) -> RowAnswer[Caption]:
        global _context_is_lost
        _context_is_lost = _context_is_lost or row.clip_id == VICTIM
        if _context_is_lost:
            raise RuntimeError("CUDA error: device-side assert triggered")
        return [caption(row)]


@dataclass(frozen=True)
class SeesGpus(InWorker):
    """Says which GPUs its process sees, and which process it is."""

    cost = "gpu"
    word: Annotated[str, Col("what ends the ids of its captions")] = "c"
    memory: Annotated[int, Col("main memory that it says it takes, in MB", local=True)] = 10

    def resources(self) -> Resources:
        return Resources(gpus=1.0, memory_mb=self.memory)

    def process(self, row: Clip) -> RowAnswer[Caption]:
        text = f"{os.environ.get('CUDA_VISIBLE_DEVICES')} {os.getpid()}"
        return [replace(caption(row), caption_id=f"{row.clip_id}_{self.word}", text=text)]


@dataclass(frozen=True)
class Asks(Global[Clip, Review]):
    """Waits for people, and drops nothing."""

    def rows(self, db: Any, site: StepContext) -> Iterator[Review]:
        yield Review("r", "v00000", "v00000_0", None, "ada", "accept")
        raise Waiting("for ada \ud800")


@dataclass(frozen=True)
class DropsUnsaid(Global[Clip, Review]):
    """Drops a clip without having said that it may."""

    def rows(self, db: Any, site: StepContext) -> Iterator[Review | Drop]:
        yield Drop("v00000_0", "v00000", "dull")
        yield Review("r", "v00000", "v00000_1", None, "ada", "accept", text="\ud800")
        yield Review("s", "v00000", "v00000_1", None, "ada", "accept")


@dataclass(frozen=True)
class LanesAtStart(InLanes):
    """Does it where a server would be connected to."""

    def open_async(self, site: StepContext) -> Any:
        DEEDS[self.deed]()


@dataclass(frozen=True)
class Sleeps(InLanes):
    """Never answers."""

    async def _answer(self, row: Clip) -> RowAnswer[Caption]:
        await asyncio.sleep(60)
        return []


@dataclass(frozen=True)
class FindsWrong(Source[Video]):
    """Finds one sound video, and one whose id no file can hold."""

    cost = "row"

    def find(self) -> Iterator[Item]:
        yield Item("sound", "1", None)
        yield Item("a\ud800", "1", None)

    def process(self, row: Item) -> RowAnswer[Video]:
        return [Video(row.video_id, "", "", "", 0)]


@dataclass(frozen=True)
class Naps(InRunner):
    """Takes a while for each row."""

    def process(self, row: Clip) -> RowAnswer[Caption]:
        time.sleep(0.1)
        return [caption(row)]


@dataclass(frozen=True)
class CountsCalls(Split[Clip, Caption]):
    """Says of each row how many came with it, and to which process."""

    batch = 2

    @contextmanager
    def open(self, site: StepContext) -> Iterator[Any]:
        yield lambda rows: [[replace(caption(row), text=f"{len(rows)} {os.getpid()}")] for row in rows]
