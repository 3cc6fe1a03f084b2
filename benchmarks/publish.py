"""What making a release costs, as ratios in one run.

``python benchmarks/publish.py [ROWS] [MEDIA_GB]`` makes up a dataset of so many clips, with 1,000,000 rows and 1 GB of
media by default, and publishes it to folders. It prints

- ``media``: clip files into WebDataset archives against a plain copy of the same bytes (goal: at least 0.8 of its
  speed), and the bytes read and written against those of the media (goal: once each);
- ``tables``: the rows written as a release of links against bare ``pyarrow.parquet`` reading and writing the same
  columns with the same settings (goal: at least 0.8 of its speed);
- ``memory``: the peak of this process (goal: at most 1 GB).
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import publish_to_folder
from cliploom.cards.publishing.release_folder import LINK_COLUMNS
from cliploom.cards.publishing.source import DatasetSource, read_source
from cliploom.cards.release.reading import open_dataset

CLIP_BYTES = 4 << 20  # of a clip's file; 4 MB is ten seconds at 3 Mbit/s
BATCH_ROWS = 50_000
WORDS = ["red", "dog", "runs", "over", "wet", "grass", "while", "two", "people", "look", "at", "grey", "sea", "walls"]
CARD = """---
license: cc-by-4.0
tags: [cliploom]
configs:
- config_name: default
  default: true
  data_files: [{{split: train, path: "{path}"}}]
---
# Made up
"""


def make_table(folder: Path, rows: int) -> DatasetSource:
    """A dataset of times."""
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(CARD.format(path="data/train-*.parquet"))
    writer = None
    for first in range(0, rows, BATCH_ROWS):
        numbers = range(first, min(rows, first + BATCH_ROWS))
        captions = [" ".join(WORDS[(n * k * 7919) % len(WORDS)] for k in range(5, 25)) for n in numbers]
        table = pa.table({
            "clip_id": [f"v{n // 50:07d}_{n % 50 * 4000:09d}_{n % 50 * 4000 + 4000:09d}" for n in numbers],
            "video_id": [f"v{n // 50:07d}" for n in numbers], "start_s": [n % 50 * 4.0 for n in numbers],
            "end_s": [n % 50 * 4.0 + 4 for n in numbers], "duration_s": [4.0] * len(numbers), "caption": captions,
            "teacher": ["chat"] * len(numbers), "model": ["made-up"] * len(numbers),
            "uri": [f"https://films.example/{n // 50:07d}.mp4" for n in numbers],
            "license": ["cc-by-4.0"] * len(numbers),
        })  # fmt: skip
        writer = writer or pq.ParquetWriter(
            folder / "data" / "train-00000-of-00001.parquet", table.schema, compression="zstd", write_page_index=True,
            use_content_defined_chunking=True,
        )  # fmt: skip
        writer.write_table(table)
    if writer:
        writer.close()
    return read_source(open_dataset(folder))


def make_media(folder: Path, gigabytes: float) -> DatasetSource:
    """A dataset of clip files, whose bytes cannot be compressed."""
    clips = folder / "train" / "clips"
    clips.mkdir(parents=True)
    (folder / "README.md").write_text(CARD.format(path="train/**"))
    number = max(1, round(gigabytes * 2**30 / CLIP_BYTES))
    noise = os.urandom(CLIP_BYTES)
    for n in range(number):
        with (clips / f"clip{n:06d}.mp4").open("wb") as file:
            file.write(n.to_bytes(8) + noise[8:])
    ids = [f"clip{n:06d}" for n in range(number)]
    table = pa.table({"file_name": [f"clips/{i}.mp4" for i in ids], "clip_id": ids, "caption": ["a dog"] * number})
    pq.write_table(table, folder / "train" / "metadata.parquet")
    return read_source(open_dataset(folder))


@contextmanager
def measured(told: dict[str, float]) -> Iterator[None]:
    """Seconds, and bytes that this process read and wrote, inside."""
    before, began = _io(), time.perf_counter()
    yield
    told["seconds"] = time.perf_counter() - began
    told |= {key: value - before[key] for key, value in _io().items()}


def _io() -> dict[str, int]:
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:  # not on Linux
        return {"rchar": 0, "wchar": 0}
    return {key: int(value) for key, value in (line.split(": ") for line in lines) if key in ("rchar", "wchar")}


def fastest(prepare: Callable[[], object], *works: Callable[[], object], times: int = 5) -> list[dict[str, float]]:
    """The fastest run of each, by turns."""
    found: list[list[dict[str, float]]] = [[] for _ in works]
    for _ in range(times):
        for runs, work in zip(found, works, strict=True):
            prepare()
            os.sync()
            told: dict[str, float] = {}
            with measured(told):
                work()
            runs.append(told)
    return [min(runs, key=lambda told: told["seconds"]) for runs in found]


def plain_copy(source: Path, target: Path) -> None:
    """As ``cp`` does it."""
    target.mkdir(parents=True)
    for file in sorted(source.iterdir()):
        shutil.copyfile(file, target / file.name)


def bare_parquet(source: DatasetSource, target: Path) -> None:
    """The columns of a release of links, read and written by pyarrow alone."""
    [file] = source.tables["train"]
    columns = [name for name in LINK_COLUMNS if name in source.schema.names]
    with pq.ParquetFile(file) as opened:
        schema = pa.schema([opened.schema_arrow.field(name) for name in columns])
        options = {"compression": "zstd", "write_page_index": True, "use_content_defined_chunking": True}
        with pq.ParquetWriter(target, schema, **options) as writer:
            for group in range(opened.num_row_groups):
                writer.write_table(opened.read_row_group(group, columns=columns))


def main() -> None:
    """Make, publish, compare."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    gigabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        out = root / "out"

        def clear() -> None:
            shutil.rmtree(out, ignore_errors=True)

        table = make_table(root / "table", rows)
        made, bare = fastest(
            clear,
            lambda: publish_to_folder(table, out, PublishOptions("links")),
            lambda: bare_parquet(table, root / "bare.parquet"),
        )
        print(f"tables  {rows:,} rows: {made['seconds']:.2f} s, pyarrow alone {bare['seconds']:.2f} s", end="")
        print(f", ratio {bare['seconds'] / made['seconds']:.2f}")
        media = make_media(root / "media", gigabytes)
        clips = root / "media" / "train" / "clips"
        size = sum(file.stat().st_size for file in clips.iterdir())
        made, plain = fastest(
            clear,
            lambda: publish_to_folder(media, out, PublishOptions("webdataset")),
            lambda: plain_copy(clips, out),
        )
        print(f"media   {size / 1e9:.2f} GB: {made['seconds']:.2f} s, copied {plain['seconds']:.2f} s", end="")
        print(f", ratio {plain['seconds'] / made['seconds']:.2f}", end="")
        print(f"; read {made['rchar'] / size:.2f} times, written {made['wchar'] / size:.2f} times")
        [made] = fastest(clear, lambda: publish_to_folder(media, out, PublishOptions("parquet", embed=True)), times=1)
        print(f"embed   {size / 1e9:.2f} GB: {made['seconds']:.2f} s", end="")
        print(f"; read {made['rchar'] / size:.2f} times, written {made['wchar'] / size:.2f} times")
    print(f"memory  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most")


if __name__ == "__main__":
    main()
