"""Steps of every shape that run in this process, with every way to leave a row behind; and kills of a build."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest

from cliploom.engine.build import Build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import (
    BatchFunction,
    Drop,
    Filter,
    Global,
    Item,
    Map,
    MultiOutput,
    OutputTable,
    Source,
    Split,
    StepContext,
)
from cliploom.engine.contract.usage import UsageCounter
from cliploom.engine.execution import global_runs
from cliploom.engine.storage.ledger import count
from cliploom.schemas import Caption, Clip, Col, DatasetEntry, Score, Segment, Video


@dataclass(frozen=True)
class Films(Source[Video]):
    """Videos by name, with a number for what they hold and one for when they were touched."""

    cost = "row"
    films: Annotated[dict[str, list[int]], Col("content and time of change, by name", local=True)] = field(
        default_factory=dict
    )

    def find(self) -> Iterator[Item]:
        for name, (content, touched) in self.films.items():
            yield Item(name, f"{content} {touched}", content)

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Item, Video]]:
        yield lambda items: [self._video(item) for item in items]

    def _video(self, item: Item) -> Any:
        if item.payload % 7 == 3:
            return RowError(f"content {item.payload} cannot be read", "unreadable")
        return [Video(item.video_id, f"{item.video_id}.mp4", "/nowhere", str(item.payload), item.payload)]


@dataclass(frozen=True)
class Cuts(Split[Video, Clip]):
    """Up to four clips; leaves out parts, and now and then a whole video."""

    cost = "row"
    shift: Annotated[int, Col("of the starts")] = 0

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Video, Clip]]:
        yield lambda videos: [self._clips(v) for v in videos]

    def _clips(self, video: Video) -> list[Any]:
        content, v = int(video.sha256), video.video_id
        if content % 11 == 5:
            return [Drop(v, v, "dull")]
        clips = [
            Clip(f"{v}_{k}", v, 10.0 * k + self.shift, 10.0 * k + self.shift + 1 + (content + k) % 4, [])
            for k in range(content % 4 + 1)
        ]
        return [*clips, *(Drop(f"{v}_part{k}", v, "short") for k in range(content % 3))]


@dataclass(frozen=True)
class Looks(MultiOutput[Video]):
    """Two tables from one look; the second fails now and then."""

    cost = "row"
    loud: Annotated[int, Col("option of the segments")] = 1

    def parts(self) -> Sequence[OutputTable]:
        return (OutputTable("segments", Segment, ("loud",)), OutputTable("scores", Score, ()))

    @contextmanager
    def open(self, site: StepContext) -> Iterator[Any]:
        yield lambda videos, wanted: [{part: self._part(v, part) for part in wanted} for v in videos]

    def _part(self, video: Video, part: str) -> Any:
        v, content = video.video_id, int(video.sha256)
        if part == "segments":
            return [Segment(f"{v}_s", v, 0.0, 15.0, f"loud {self.loud} {content}", [], "en", "toy")]
        return (
            RowError("no score", "dark") if content % 5 == 1 else [Score(f"{v}_n", v, f"{v}_0", None, "n", 1.0, "toy")]
        )


@dataclass(frozen=True)
class Short(Filter[Clip]):
    """Keeps clips up to a length; cannot judge those of 3 s of some videos."""

    most_s: Annotated[float, Col("length", unit="s")] = 9.0

    @contextmanager
    def open(self, site: StepContext) -> Iterator[Any]:
        yield lambda clips: [self._verdict(clip) for clip in clips]

    def _verdict(self, clip: Clip) -> Any:
        if clip.seconds == 3 and clip.start_s > 9:
            return RowError("nobody can tell", "odd")
        return "long" if clip.seconds > self.most_s else None


class TellInput(NamedTuple):
    clip: Clip
    video: Video
    segments: list[Segment]


@dataclass(frozen=True)
class Tell(Map[TellInput, Caption]):
    """One caption a clip, of all that it reads; fails on some."""

    cost = "row"
    batch = 3
    word: Annotated[str, Col("what to say")] = "a"

    def make(self, row: TellInput) -> Caption:
        clip = row.clip
        if (int(row.video.sha256) + int(clip.start_s)) % 6 == 2:
            raise RowError("no word for it", "mute")
        heard = " ".join(s.text for s in row.segments)
        text = f"{self.word} {clip.clip_id} {row.video.sha256} {heard}"
        return Caption(f"{clip.clip_id}_{self.word}", clip.video_id, clip.clip_id, "t", "teacher", text, [], "toy", "1")


@dataclass(frozen=True)
class Half(Global[Clip, Drop]):
    """Drops every third clip of all that reach it."""

    def rows(self, db: Any, site: StepContext) -> Iterator[Drop]:
        found = db.execute("SELECT clip_id, video_id FROM clips ORDER BY clip_id").fetchall()
        yield from (Drop(clip, video, "third") for clip, video in found[2::3])


class RateInput(NamedTuple):
    clip: Clip
    captions: list[Caption]


@dataclass(frozen=True)
class Rate(Map[RateInput, Score]):
    """A score a clip, after the barrier."""

    cost = "row"

    def make(self, row: RateInput) -> Score:
        clip, size = row.clip, float(sum(len(c.text) for c in row.captions))
        return Score(f"{clip.clip_id}_size", clip.video_id, clip.clip_id, None, "size", size, "toy")


@dataclass(frozen=True)
class Book(Global[RateInput, DatasetEntry]):
    """Publishes what has a caption."""

    def rows(self, db: Any, site: StepContext) -> Iterator[DatasetEntry | Drop]:
        query = "SELECT clip_id, video_id, clip_id IN (SELECT clip_id FROM captions) FROM clips ORDER BY clip_id"
        found = db.execute(query).fetchall()
        if not any(told for _, _, told in found):
            raise UserError("no clip is left to publish")
        for clip, video, told in found:
            yield DatasetEntry(clip, video, clip, "train", None) if told else Drop(clip, video, "no_caption")


@dataclass
class World:
    """What there is to build: the films, and the options."""

    films: dict[str, list[int]] = field(default_factory=dict)
    most_s: float = 9.0
    word: str = "a"
    loud: int = 1

    def recipe(self) -> Recipe:
        films = {name: list(film) for name, film in self.films.items()}
        steps = (Films(films), Cuts(), Looks(self.loud), Short(self.most_s), Tell(self.word), Half(), Rate(), Book())
        return Recipe("histories", steps, shards=3)


class Killed(BaseException):
    """What a kill looks like from inside: nothing that comes after it has an effect."""


@contextmanager
def killed_after(operations: int) -> Iterator[None]:
    """Whatever changes files works so many times and then never again, until the block is left."""
    left = operations

    def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return call(*args, **kwargs)

        return changed

    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync"):
            patch.setattr(os, name, guarded(getattr(os, name)))
        try:
            yield
        except Killed:
            return


class InlineWorker:
    """Stands in for the process of a ``Global`` step: runs it at once, here."""

    def __init__(self, isolate: bool, usage: UsageCounter) -> None: ...

    def submit(self, limit_s: float, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """What the call gives, or the ``UserError`` that it raises."""
        made: Future[Any] = Future()
        try:
            made.set_result(call(*args))
        except UserError as error:
            made.set_exception(error)
        return made

    def close(self) -> None: ...

    def kill(self) -> None: ...


def all_inline(patch: pytest.MonkeyPatch) -> None:
    """Nothing starts a process, and nothing waits for the disk."""
    patch.setattr(global_runs, "Worker", InlineWorker)
    patch.setattr(os, "fsync", lambda handle: None)


def contents(root: Path) -> dict[str, Any]:
    """All that a build says, without what depends on the machine and on how often something was tried."""
    build = Build.read(root)
    folders = [build.store.base(table) for _, table in build.tables()]
    rows = {str(p.relative_to(root)): p.read_bytes() for folder in folders for p in folder.glob("**/rows-*.parquet")}
    found: dict[str, Any] = {"funnel": [stage._replace(seconds=0.0) for stage in build.funnel()]}
    with build.connect() as db:
        for view in ("videos", "clips", "segments", "scores", "captions", "entries", "verdicts"):
            found[view] = db.execute(f"SELECT * FROM {view} ORDER BY ALL").fetchall()
        found["errors"] = db.execute("SELECT * EXCLUDE attempts FROM errors ORDER BY ALL").fetchall()
    return found | {"files": {_without_key(name): content for name, content in rows.items()}}


def _without_key(name: str) -> str:
    """A file of rows without the key of a ``Global`` step, which knows how often a dataset was lost."""
    parts = Path(name).parts
    return "/".join((*parts[:3], *parts[-2:]))


def check_sums(root: Path) -> None:
    """What a manifest says of a finished shard is what its ledger holds, and nothing else lies about."""
    build = Build.read(root)
    store = build.store
    for _, table in build.tables():
        for number in range(store.shards):
            shard = store.shard(table, number)
            if shard.state:
                assert shard.state.counts == count(shard.ledger())
                assert not shard.state.chunks
                assert {name for name, _, _ in store.files.list(shard.folder)} >= shard.state.objects
