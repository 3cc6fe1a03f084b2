"""How long the page for looking at a build makes people wait.

``python benchmarks/view.py [CLIPS]`` builds 100,000 clips with captions, scores and a stored picture each, and prints
seconds for opening the build, for the first answers (goal: 1 s until the first clips and filters are there), for
filters (goal: 0.5 s each), and for the pictures of a screen. ``--serve`` serves the page afterwards.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cliploom.cards.viewer.viewer import Viewer
from cliploom.cli.screen.serving import serve_page
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Map, RowAnswer, Split
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Caption, Clip, Frame, Score, Video
from engine import CLIPS as PER_VIDEO
from engine import Clips, Videos

WORDS = ["red", "dog", "runs", "over", "wet", "grass", "while", "two", "people", "look", "at", "grey", "sea", "walls"]
JPEG = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (18, 32, 3)).astype(np.uint8))[1].tobytes()


@dataclass(frozen=True)
class Captions(Map[Clip, Caption]):
    """Words."""

    cost = "row"
    batch = 1024

    def make(self, row: Clip) -> Caption:
        """A few of them."""
        n = int.from_bytes(row.clip_id.encode(), "big")
        text = " ".join(WORDS[n * k % 9973 % len(WORDS)] for k in range(5, 20))
        return Caption(f"{row.clip_id}_c", row.video_id, row.clip_id, "chat", "teacher", text, [], "made-up", "1")


@dataclass(frozen=True)
class Scores(Map[Clip, Score]):
    """Numbers."""

    cost = "row"
    batch = 1024

    def make(self, row: Clip) -> Score:
        """One."""
        n = int.from_bytes(row.clip_id.encode(), "big")
        return Score(f"{row.clip_id}_s", row.video_id, row.clip_id, None, "clip_score", n % 9973 / 9973, "made-up", "")


@dataclass(frozen=True)
class Pictures(Split[Video, Frame]):
    """A picture a clip."""

    cost = "row"

    def process(self, row: Video) -> RowAnswer[Frame]:
        """The same one."""
        video = row.video_id
        return [Frame(f"{video}_{k:09d}", video, k + 0.5, JPEG, 32, 18, "0" * 16, 1.0, 1.0) for k in range(PER_VIDEO)]


def main() -> None:
    """All of it."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    clips = numbers[0] if numbers else 100_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "build"
        steps = (Videos(clips // PER_VIDEO), Pictures(), Clips(), Captions(), Scores())
        run_build(Recipe("looked-at", steps), root, RunOptions(workers=2))
        build = Build.read(root)
        print(f"clips                  {clips:>10,}")
        viewer = timed("open the build", lambda: Viewer(build))
        timed("first clips", lambda: (viewer.about(), viewer.clips([], 0, 60), viewer.facets([])))
        for name, fields in (
            ("words", [("text", "dog sea")]), ("a range", [("score_clip_score", "0.2..0.3")]),
            ("SQL", [("where", "words > 8 AND caption LIKE '%red%'")]), ("sorted", [("sort", "-score_clip_score")]),
        ):  # fmt: skip
            timed(name, lambda fields=fields: (viewer.clips(fields, 0, 60), viewer.facets(fields)))
        timed("far down", lambda: viewer.clips([], clips - 60, 60))
        shown = viewer.clips([("sort", "-score_clip_score")], 0, 30)["clips"]
        timed("30 pictures", lambda: [viewer.picture(one["clip_id"]) for one in shown])
        timed("one clip", lambda: viewer.page(shown[0]["clip_id"]))
        print(f"peak memory            {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:>10,} MB")
        if "--serve" in sys.argv:
            serve_page(build, 8772, False)


def timed(name: str, call: Callable[[], Any]) -> Any:
    """Print how long a call takes."""
    start, cpu = time.perf_counter(), time.process_time()
    made = call()
    print(f"{name:<22} {time.perf_counter() - start:>10.3f} s  {time.process_time() - cpu:>8.3f} CPU s")
    return made


if __name__ == "__main__":
    main()
