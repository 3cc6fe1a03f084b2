"""What the engine itself costs: a build whose steps do nothing.

``python benchmarks/engine.py [ROWS]`` prints CPU microseconds per row (goal: at most 50), the time of
building again with nothing to do (goal: at most 2 s), peak memory, and the floor in the same run: writing
and reading the same rows once as plain Parquet.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import BatchFunction, Filter, Item, Map, Source, Split, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Clip, Col, Video, from_arrow, to_arrow

CLIPS = 100  # per video


@dataclass(frozen=True)
class Videos(Source[Video]):
    """Videos that are not there."""

    cost = "row"
    batch = 1024
    n: Annotated[int, Col("how many", local=True)] = 100

    def find(self) -> Iterator[Item]:
        """Numbered ones."""
        for i in range(self.n):
            yield Item(f"v{i:07d}", "1", i)

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Item, Video]]:
        """Make them up."""
        yield lambda items: [[Video(i.video_id, str(i.payload), "", "", 0)] for i in items]


@dataclass(frozen=True)
class Clips(Split[Video, Clip]):
    """A hundred clips a video."""

    cost = "row"

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Video, Clip]]:
        """Make them up."""
        yield lambda videos: [
            [Clip(f"{v.video_id}_{k:04d}", v.video_id, k, k + 1.0, []) for k in range(CLIPS)] for v in videos
        ]


@dataclass(frozen=True)
class Same(Map[Clip, Clip]):
    """The row as it came."""

    cost = "row"
    batch = 1024
    replaces_inputs = True

    def make(self, row: Clip) -> Clip:
        """Nothing."""
        return row


@dataclass(frozen=True)
class All(Filter[Clip]):
    """Keeps every row."""

    def drop(self, row: Clip) -> str | None:
        """Never."""
        return None


def main() -> None:
    """Build, build again, and compare with the floor."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    recipe = Recipe("no-op", (Videos(max(rows // CLIPS // 3, 1)), Clips(), Same(), All()))
    root = Path(tempfile.mkdtemp())
    try:
        first_cpu, first_s = timed(lambda: run_build(recipe, root, RunOptions(workers=2)))
        again_cpu, again_s = timed(lambda: run_build(recipe, root, RunOptions(workers=2)))
        handled = sum(stage.rows or stage.done for stage in Build.read(root).funnel())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        floor_cpu, _ = timed(lambda: floor(root / "floor.parquet", handled))
    finally:
        shutil.rmtree(root)
    print(f"rows through steps     {handled:>12,}")
    print(f"build                  {first_cpu:>9.1f} CPU s {first_s:>8.1f} s")
    print(f"per row                {first_cpu / handled * 1e6:>9.1f} us  (goal 50)")
    print(f"plain write and read   {floor_cpu / handled * 1e6:>9.1f} us  (ratio {first_cpu / floor_cpu:.1f})")
    print(f"build again            {again_cpu:>9.1f} CPU s {again_s:>8.2f} s  (goal 2)")
    print(f"peak memory            {peak:>9} MB")


def timed(call: object) -> tuple[float, float]:
    """CPU seconds of this process and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    assert callable(call)
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def floor(path: Path, rows: int) -> None:
    """The same number of rows to one Parquet file and back."""
    made = [Clip(f"v_{k:08d}", "v", 0.0, 1.0, []) for k in range(rows)]
    pq.write_table(to_arrow(Clip, made), path, compression="zstd")
    assert sum(1 for _ in from_arrow(Clip, pq.read_table(path, partitioning=None))) == rows


if __name__ == "__main__":
    main()
