"""What it costs to bring frames to a worker: a build whose step looks at every frame and does nothing.

``python benchmarks/frames.py [FRAMES]`` prints frames per second, and the bytes that a batch weighs on its way beside
those of its pictures.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cliploom.engine.build import run_build
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Item, RowAnswer, Source, Split
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.storage.join import Batch
from cliploom.schemas import Col, Frame, Score, Video, to_arrow

JPEG_BYTES = 60_000
PER_VIDEO = 550


@dataclass(frozen=True)
class Films(Source[Video]):
    """Videos that are not there."""

    cost = "row"
    n: Annotated[int, Col("how many", local=True)] = 2

    def find(self) -> Iterator[Item]:
        """Numbered ones."""
        for i in range(self.n):
            yield Item(f"v{i:07d}", "1", i)

    def process(self, row: Item) -> RowAnswer[Video]:
        """Made up."""
        return [Video(row.video_id, "", "", "", 0)]


@dataclass(frozen=True)
class Pictures(Split[Video, Frame]):
    """Frames of random bytes."""

    cost = "row"
    batch = 1

    def process(self, row: Video) -> RowAnswer[Frame]:
        """Made up."""
        return [frame(row.video_id, k) for k in range(PER_VIDEO)]


@dataclass(frozen=True)
class Look(Split[Frame, Score]):
    """Nothing, in a worker."""

    batch = 80

    def process(self, row: Frame) -> RowAnswer[Score]:
        """Nothing."""
        return []


def frame(video_id: str, number: int) -> Frame:
    """A frame that cannot be compressed."""
    return Frame(f"{video_id}_{number:09d}", video_id, number / 2, os.urandom(JPEG_BYTES), 320, 180, "0" * 16, 1.0, 1.0)


def main() -> None:
    """Build, with and without the step."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 6_600
    films = Films(max(frames // PER_VIDEO, 1))
    root = Path(tempfile.mkdtemp())
    try:
        run_build(Recipe("frames", (films, Pictures()), shards=2), root, RunOptions(workers=2))
        started = time.perf_counter()
        run_build(Recipe("frames", (films, Pictures(), Look()), shards=2), root, RunOptions(workers=2))
        took_s = time.perf_counter() - started
    finally:
        shutil.rmtree(root)
    whole = to_arrow(Frame, [frame("v", k) for k in range(2 * PER_VIDEO)])
    part = whole.slice(100, Look.batch)
    sent = pickle.dumps(Batch([""] * 80, [""] * 80, [0] * 80, frozenset([""]), [], part))
    print(f"frames through a step  {films.n * PER_VIDEO / took_s:>9,.0f} /s")
    print(f"sent per batch         {len(sent) / 1e6:>9.1f} MB for {Look.batch * JPEG_BYTES / 1e6:.1f} MB of pictures")


if __name__ == "__main__":
    import frames  # worker processes do not run this program: they import its steps

    frames.main()
