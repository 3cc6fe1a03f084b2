"""Cheap steps for tests of the engine, and a program that builds with them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from cliploom.engine.build import run_build
from cliploom.engine.contract.errors import Waiting
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
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Caption, Clip, Col, Embedding, Halfs, Score, Segment, Video


def count_call(log: str, what: str) -> None:
    """Append a line to the log: what was computed (a short append is atomic)."""
    if log:
        with open(log, "a") as file:
            file.write(what + "\n")


@dataclass(frozen=True)
class Numbers(Source[Video]):
    """The videos ``v<first>`` … ``v<last>``."""

    first: Annotated[int, Col("first", local=True)] = 0
    last: Annotated[int, Col("last", local=True)] = 9
    changed: Annotated[int, Col("the video whose content is another one", local=True)] = -1
    log: Annotated[str, Col("log", local=True)] = ""

    def find(self) -> Iterator[Item]:
        for i in range(self.first, self.last + 1):
            yield Item(f"v{i:05d}", "new" if i == self.changed else "old", i)

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Item, Video]]:
        yield lambda items: [[self._video(item)] for item in items]

    def _video(self, item: Item) -> Video:
        count_call(self.log, f"video {item.video_id}")
        return Video(item.video_id, f"{item.payload}.mp4", "/nowhere", item.digest, item.payload)


@dataclass(frozen=True)
class Pieces(Split[Video, Clip]):
    """Three clips of one, two and three seconds."""

    cost = "row"
    log: Annotated[str, Col("log", local=True)] = ""

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Video, Clip]]:
        yield lambda videos: [self._clips(v) for v in videos]

    def _clips(self, video: Video) -> list[Clip]:
        count_call(self.log, f"clips {video.video_id}")
        return [Clip(f"{video.video_id}_{k}", video.video_id, 10.0 * k, 11.0 * k + 1, []) for k in range(3)]


@dataclass(frozen=True)
class Longest(Filter[Clip]):
    """Keep clips up to a length."""

    most_s: Annotated[float, Col("length", unit="s")] = 9.0

    def drop(self, row: Clip) -> str | None:
        return "long" if row.seconds > self.most_s else None


class Shown(NamedTuple):
    clip: Clip
    video: Video


@dataclass(frozen=True)
class Say(Map[Shown, Caption]):
    """One caption a clip; misbehaves on the clips of one video if told to."""

    batch = 4
    timeout_s = 2.0
    word: Annotated[str, Col("what to say")] = "hello"
    mode: Annotated[str, Col("how to misbehave", local=True)] = ""
    victim: Annotated[str, Col("on which clip", local=True)] = "v00003_1"
    log: Annotated[str, Col("log", local=True)] = ""

    def make(self, row: Shown) -> Caption:
        clip = row.clip
        count_call(self.log, f"say {clip.clip_id} {self.word}")
        if clip.clip_id == self.victim:
            misbehave(self.mode)
        text = f"{self.word} {clip.clip_id} of {row.video.sha256}"
        return Caption(
            f"{clip.clip_id}_{self.word}", clip.video_id, clip.clip_id, self.word, "teacher", text, [], "toy", "1"
        )


def toy_vector(text: str, size: int = 8) -> Halfs:
    """Numbers of a text, of length 1."""
    made = np.frombuffer(hashlib.blake2b(text.encode(), digest_size=size).digest(), np.uint8) / 128.0 - 1.0
    return np.asarray(made / np.linalg.norm(made), np.float16)


@dataclass(frozen=True)
class TextVectors(Map[Caption, Embedding]):
    """A vector of every caption."""

    cost = "row"

    def make(self, row: Caption) -> Embedding:
        made = toy_vector(row.text)
        return Embedding(
            f"{row.caption_id}_toy", row.video_id, "toy", made, clip_id=row.clip_id, caption_id=row.caption_id
        )


@dataclass(frozen=True)
class ClipVectors(Map[Clip, Embedding]):
    """A vector of every clip, of another encoder than those of the captions."""

    cost = "row"

    def make(self, row: Clip) -> Embedding:
        return Embedding(f"{row.clip_id}_toy", row.video_id, "film", toy_vector(row.clip_id, 6), clip_id=row.clip_id)


def misbehave(mode: str) -> None:
    """Crash, hang, raise, or die for want of memory."""
    if mode == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif mode == "hang":
        time.sleep(60)
    elif mode == "raise":
        raise ValueError("no word for it")


@dataclass(frozen=True)
class Voices(MultiOutput[Video]):
    """Two tables from one look at a video."""

    loud: Annotated[int, Col("option of the segments")] = 1
    high: Annotated[int, Col("option of the scores")] = 1
    log: Annotated[str, Col("log", local=True)] = ""

    def parts(self) -> Sequence[OutputTable]:
        return (OutputTable("segments", Segment, ("loud",)), OutputTable("scores", Score, ("high",)))

    @contextmanager
    def open(self, site: StepContext) -> Iterator[Any]:
        yield lambda videos, wanted: [self._look(v, wanted) for v in videos]

    def _look(self, video: Video, wanted: frozenset[str]) -> dict[str, Any]:
        count_call(self.log, f"look {video.video_id} {'+'.join(sorted(wanted))}")
        v = video.video_id
        made: dict[str, Any] = {
            "segments": [Segment(f"{v}_s", v, 0.0, 1.0, f"loud {self.loud}", [], "en", "toy")],
            "scores": [Score(f"{v}_n", v, f"{v}_0", None, "n", float(self.high), "toy")],
        }
        return {part: made[part] for part in wanted}


class Said(NamedTuple):
    clip: Clip
    captions: list[Caption]


@dataclass(frozen=True)
class Join(Map[Said, Caption]):
    """All captions of a clip in one."""

    cost = "row"
    replaces_inputs = True
    log: Annotated[str, Col("log", local=True)] = ""

    def make(self, row: Said) -> Caption:
        count_call(self.log, f"join {row.clip.clip_id}")
        clip, text = row.clip, " / ".join(c.text for c in row.captions)
        parents = [c.caption_id for c in row.captions]
        return Caption(
            f"{clip.clip_id}_joined", clip.video_id, clip.clip_id, "join", "merge", text, parents, "toy", "1"
        )


@dataclass(frozen=True)
class Even(Global[Clip, Drop]):
    """Drops every second clip of all that reach it; may wait for a file first."""

    log: Annotated[str, Col("log", local=True)] = ""
    wait_for: Annotated[str, Col("file", local=True)] = ""

    def rows(self, db: Any, site: StepContext) -> Iterator[Drop]:
        for i, (clip, video) in enumerate(
            db.execute("SELECT clip_id, video_id FROM clips ORDER BY clip_id").fetchall()
        ):
            if i % 2:
                yield Drop(clip, video, "odd")
        count_call(self.log, f"even {i + 1}")
        if self.wait_for and not Path(self.wait_for).exists():
            raise Waiting(f"put a file at {self.wait_for}")

    def external_digest(self, site: StepContext) -> str:
        return str(self.wait_for and Path(self.wait_for).exists())


def recipe(log: str = "", **settings: Any) -> Recipe:
    """The whole chain; settings are ``step__option``."""

    def given(step: str) -> dict[str, Any]:
        own = {k.split("__")[1]: v for k, v in settings.items() if k.startswith(f"{step}__")}
        return own if step == "longest" else {"log": log, **own}

    steps = (
        Numbers(**given("numbers")), Pieces(**given("pieces")), Voices(**given("voices")), Longest(**given("longest")),
        Say(**given("say")), Join(**given("join")), Even(**given("even")),
    )  # fmt: skip
    return Recipe("toys", steps, shards=4, max_bad=settings.get("max_bad", 1.0))


def environment() -> dict[str, str]:
    """For a program of its own that imports this module, and the same cliploom."""
    folders = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}


def main() -> None:
    """The program: ``FOLDER SETTINGS``: build; settings are a JSON object."""
    settings = json.loads(sys.argv[2])
    retry = settings.pop("retry", False)
    outcome = run_build(recipe(**settings), Path(sys.argv[1]), RunOptions(workers=2, retry_failed=retry))
    print(json.dumps(outcome.waiting))
