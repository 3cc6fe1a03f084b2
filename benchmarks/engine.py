"""What the engine itself costs: builds whose steps do nothing.

``python benchmarks/engine.py filters 10000000`` runs that many clips through filters alone, in shards of as many rows
as a million has in 64: what they add to memory is that of a few shards, however many there are.

``python benchmarks/engine.py [ROWS [FRAMES [SHARDS]]]`` prints, each with its goal: CPU microseconds per row, the time
of building again with nothing to do, and the floor in the same run, writing and reading the same rows once as plain
Parquet; frames per second through a step that looks at real JPEGs, and how much they add to the main process; clips
through filters that judge tables, with their floor, and the memory that they add; and the CPU time of building many
shards, each of them on disk, and of planning them again. Seconds of CPU tell more than those of the clock,
and ratios more than both: others may use the machine.
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

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cliploom.builders.folder import Folder
from cliploom.builders.scan import Scan
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import BatchFunction, Filter, Item, Map, RowAnswer, Source, Split, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.storage.ledger import lines_of
from cliploom.filters.duration import Duration
from cliploom.filters.keep import Keep
from cliploom.schemas import Clip, Col, Frame, Score, Video, from_arrow, to_arrow

FRAMES = 550  # per video
SAMPLES = Path(__file__).parent.parent / "recipes" / "media"
CLIPS = 100  # per video
SHARDS = 64  # of a recipe that says nothing


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
    """Some clips a video."""

    cost = "row"
    n: Annotated[int, Col("how many")] = CLIPS

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Video, Clip]]:
        """Make them up."""
        yield lambda videos: [
            [Clip(f"{v.video_id}_{k:04d}", v.video_id, k, k + 1.0, []) for k in range(self.n)] for v in videos
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


@dataclass(frozen=True)
class Pictures(Split[Video, Frame]):
    """Frames of real JPEGs, in a worker."""

    batch = 1
    jpegs: Annotated[str, Col("folder of JPEG files", local=True)] = ""

    def process(self, row: Video) -> RowAnswer[Frame]:
        """One after another, and again."""
        files = sorted(Path(self.jpegs).iterdir())
        video = row.video_id
        return [
            Frame(f"{video}_{k:09d}", video, k / 2, files[k % len(files)].read_bytes(), 320, 180, "0" * 16, 1.0, 1.0)
            for k in range(FRAMES)
        ]


@dataclass(frozen=True)
class Look(Split[Frame, Score]):
    """Nothing, in a worker."""

    batch = 80

    def process(self, row: Frame) -> RowAnswer[Score]:
        """Nothing."""
        return []


def main() -> None:
    """All of it."""
    alone = sys.argv[1:2] == ["filters"]
    given = [int(word) for word in sys.argv[2 if alone else 1 :]]
    rows, frames, shards = [*given, *(1_000_000, 6_600, 2_048)[len(given) :]]
    all_of_them = (
        (measure_frames, frames),
        (measure_rows, rows),
        (measure_filters, rows),
        (measure_shards, shards),
    )
    for measure, size in all_of_them[2:3] if alone else all_of_them:
        root = Path(tempfile.mkdtemp())
        try:
            measure(root, size)
        finally:
            shutil.rmtree(root)


def measure_rows(root: Path, rows: int) -> None:
    """Build, build again, and compare with the floor."""
    recipe = Recipe("no-op", (Videos(max(rows // CLIPS // 3, 1)), Clips(), Same(), All()))
    first_cpu, first_s = timed(lambda: run_build(recipe, root, RunOptions(workers=2)))
    again_cpu, again_s = timed(lambda: run_build(recipe, root, RunOptions(workers=2)))
    handled = sum(stage.rows or stage.done for stage in Build.read(root).funnel())
    peak = peak_mb()
    floor_cpu, _ = timed(lambda: floor(root / "floor.parquet", handled))
    print(f"rows through steps     {handled:>12,}")
    print(f"build                  {first_cpu:>9.1f} CPU s {first_s:>8.1f} s")
    print(f"per row                {first_cpu / handled * 1e6:>9.1f} us  (goal 30)")
    print(f"plain write and read   {floor_cpu / handled * 1e6:>9.1f} us  (ratio {first_cpu / floor_cpu:.1f})")
    print(f"build again            {again_cpu:>9.2f} CPU s {again_s:>8.2f} s  (goal 2)")
    print(f"peak memory            {peak:>9} MB")


def measure_frames(root: Path, frames: int) -> None:
    """Take real frames from a video, and look at them."""
    run_build(Recipe("scan", (Folder(str(SAMPLES)), Scan()), shards=2), root / "scan", RunOptions(workers=1, limit=1))
    (root / "jpegs").mkdir()
    with Build.read(root / "scan").connect() as db:
        for k, (jpeg,) in enumerate(db.execute("SELECT jpeg FROM frames ORDER BY frame_id").fetchall()):
            (root / "jpegs" / f"{k:04d}.jpg").write_bytes(jpeg)
    size = sum(file.stat().st_size for file in (root / "jpegs").iterdir()) // (k + 1)
    films, pictures, before = Videos(max(frames // FRAMES, 1)), Pictures(str(root / "jpegs")), peak_mb()
    made_cpu, made_s = timed(
        lambda: run_build(Recipe("f", (films, pictures), shards=2), root / "b", RunOptions(workers=2))
    )
    looked_cpu, looked_s = timed(
        lambda: run_build(Recipe("f", (films, pictures, Look()), shards=2), root / "b", RunOptions(workers=2))
    )
    count = films.n * FRAMES
    print(f"frames                 {count:>12,} JPEGs of {size / 1000:.0f} kB")
    print(f"written                {count / made_s:>9,.0f} /s       ({made_cpu:.2f} CPU s in the main process)")
    print(f"looked at              {count / looked_s:>9,.0f} /s       ({looked_cpu:.2f} CPU s there; goal 500 /s)")
    print(f"added to peak memory   {peak_mb() - before:>9} MB in the main process, of {count * size >> 20} MB")


def measure_filters(root: Path, rows: int) -> None:
    """Judge many clips by steps that take tables."""
    before, shards = (Videos(max(rows // CLIPS, 1)), Clips()), min(max(rows // (1_000_000 // SHARDS), SHARDS), 4096)
    filters = Duration(0.5, 60.0), Keep("seconds between 0.5 and 60 and start_s >= 0")
    recipe = Recipe("tables", (*before, *filters), shards=shards)
    run_build(Recipe("tables", before, shards=shards), root, RunOptions(workers=2))
    peak = peak_mb()
    cpu, seconds = timed(lambda: run_build(recipe, root, RunOptions(workers=2)))
    added = peak_mb() - peak
    ledger = lines_of(*columns_of_clips(rows), 0.0)
    floor_cpu, _ = timed(lambda: pq.write_table(ledger, root / "floor.parquet", compression="zstd"))
    print(f"clips through filters  {rows:>12,} in {shards} shards")
    print(f"duration and keep      {cpu:>9.2f} CPU s {seconds:>8.2f} s  (goal 2 for a million)")
    print(f"per clip               {cpu / rows * 1e6:>9.2f} us  (ratio {cpu / floor_cpu:.1f} to their plain Parquet)")
    print(f"added to peak memory   {added:>9} MB, to {peak + added} MB")


def measure_shards(root: Path, shards: int) -> None:
    """Plan a build of many shards again."""
    recipe = Recipe("shards", (Videos(shards * 3), Clips(2), Same(), All()), shards=shards)
    first_cpu, first_s = timed(lambda: run_build(recipe, root, RunOptions(workers=2)))
    again_cpu, again_s = timed(lambda: run_build(recipe, root, RunOptions(workers=2)))
    print(f"shards                 {shards:>12,} of {len(recipe.steps)} tables")
    each_ms = first_cpu / shards / len(recipe.steps) * 1000
    print(
        f"build                  {first_cpu:>9.1f} CPU s {first_s:>8.1f} s  ({each_ms:.1f} CPU ms a shard of a table)"
    )
    print(f"build again            {again_cpu:>9.2f} CPU s {again_s:>8.2f} s  (goal 1)")


def peak_mb() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def timed(call: object) -> tuple[float, float]:
    """CPU seconds of this process and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    assert callable(call)
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def columns_of_clips(rows: int) -> tuple[pa.Array, pa.Array, np.ndarray]:
    """Ids like those of the benchmark's clips, those of their videos, and some digests."""
    ids = pa.array([f"v{k // CLIPS:07d}_{k % CLIPS:04d}" for k in range(rows)])
    digests = np.random.default_rng(0).integers(0, 1 << 62, rows)
    return ids, pc.utf8_slice_codeunits(ids, 0, 8), digests


def floor(path: Path, rows: int) -> None:
    """The same number of rows to one Parquet file and back."""
    made = [Clip(f"v_{k:08d}", "v", 0.0, 1.0, []) for k in range(rows)]
    pq.write_table(to_arrow(Clip, made), path, compression="zstd")
    assert sum(1 for _ in from_arrow(Clip, pq.read_table(path, partitioning=None))) == rows


if __name__ == "__main__":
    import engine  # worker processes do not run this program: they import its steps

    engine.main()
