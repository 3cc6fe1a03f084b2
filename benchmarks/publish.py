"""What making a release costs, as ratios in one run.

``python benchmarks/publish.py [--rows N] [--media-gb N] [--runs N]`` makes up a dataset of so many clips and another of
so many bytes of clip files, and publishes them to folders. It prints

- ``tables``: the rows written as a release of links against bare ``pyarrow.parquet`` reading and writing the same
  columns with the same settings (goal: at least 0.8 of its speed);
- ``media``: clip files into WebDataset archives against ``cp -r`` of the same files (goal: at least 0.8 of its speed),
  and the bytes read and written against those of the media (goal: once each);
- ``embed``: the files as a column of a table against bare ``pyarrow.parquet`` doing the same;
- ``memory``: the peak of this process (goal: at most 1 GB).

Each is run so many times by turns, and the fastest counts. The ratio of processor seconds bears a busy machine; the
load of the machine is printed beside. Beside the files of ``--media-gb`` a copy of them must fit on the disk.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
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
from cliploom.cards.release.files import GROUP_BYTES
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
    """Seconds of the clock and of processors, and bytes that this process read and wrote, inside."""
    before, began, spent = _io(), time.perf_counter(), _cpu_s()
    yield
    told |= {"seconds": time.perf_counter() - began, "cpu": _cpu_s() - spent}
    told |= {key: value - before[key] for key, value in _io().items()}


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _io() -> dict[str, int]:
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:  # not on Linux
        return {"rchar": 0, "wchar": 0}
    return {key: int(value) for key, value in (line.split(": ") for line in lines) if key in ("rchar", "wchar")}


def fastest(prepare: Callable[[], object], runs: int, *works: Callable[[], object]) -> list[dict[str, float]]:
    """The fastest of so many runs of each, by turns: the least of each number."""
    found: list[list[dict[str, float]]] = [[] for _ in works]
    for _ in range(runs):
        for done, work in zip(found, works, strict=True):
            prepare()
            os.sync()
            told: dict[str, float] = {}
            with measured(told):
                work()
            done.append(told)
    return [{key: min(one[key] for one in done) for key in done[0]} for done in found]


def compare(name: str, what: str, made: dict[str, float], other: str, bare: dict[str, float]) -> str:
    """A line of results."""
    clock = f"{made['seconds']:.2f} s, {other} {bare['seconds']:.2f} s, ratio {bare['seconds'] / made['seconds']:.2f}"
    spent = f"processors {made['cpu']:.2f} s and {bare['cpu']:.2f} s, ratio {bare['cpu'] / made['cpu']:.2f}"
    return f"{name:7} {what}: {clock}; {spent}; load {os.getloadavg()[0]:.1f}"


def plain_copy(source: Path, target: Path) -> None:
    """By ``cp``."""
    subprocess.run(["cp", "-r", source, target], check=True)


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


def bare_embedding(source: DatasetSource, target: Path) -> None:
    """Clip files as a column of bytes, by pyarrow alone, with the settings and the row groups of a release."""
    [file] = source.tables["train"]
    table = pq.read_table(file)
    video = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    schema = pa.schema([("video", video), *(field for field in table.schema if field.name != "file_name")])
    options = {
        "compression": {"video.bytes": "none", **dict.fromkeys(["video.path", "clip_id", "caption"], "zstd")},
        "use_dictionary": ["video.path", "clip_id", "caption"],
        "write_statistics": ["video.path", "clip_id", "caption"],
    }
    group = -(-GROUP_BYTES // CLIP_BYTES)
    with pq.ParquetWriter(target, schema, write_page_index=True, use_content_defined_chunking=True, **options) as out:
        for start in range(0, len(table), group):
            rows = table.slice(start, group)
            names = rows.column("file_name").to_pylist()
            videos = [{"bytes": (file.parent / name).read_bytes(), "path": Path(name).name} for name in names]
            columns = [rows.column(field.name) for field in list(schema)[1:]]
            out.write_table(pa.Table.from_arrays([pa.array(videos, video), *columns], schema=schema))


def main() -> None:
    """Make, publish, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--media-gb", type=float, default=1.0)
    parser.add_argument("--embed-gb", type=float, default=0.5, help="of the media, as a column of a table")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        measure_tables(Path(place) / "tables", given.rows, given.runs)
        measure_media(Path(place) / "media", given.media_gb, given.runs)
        measure_embedding(Path(place) / "embed", given.embed_gb, given.runs)
    print(f"memory  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most")


def measure_tables(root: Path, rows: int, runs: int) -> None:
    """Rows."""
    source, out = make_table(root / "table", rows), root / "out"
    made, bare = fastest(
        lambda: shutil.rmtree(out, ignore_errors=True),
        runs,
        lambda: publish_to_folder(source, out, PublishOptions("links")),
        lambda: bare_parquet(source, root / "bare.parquet"),
    )
    print(compare("tables", f"{rows:,} rows", made, "pyarrow alone", bare), flush=True)
    shutil.rmtree(root)


def measure_media(root: Path, gigabytes: float, runs: int) -> None:
    """Files into archives."""
    source, out = make_media(root / "media", gigabytes), root / "out"
    clips = root / "media" / "train" / "clips"
    size = sum(file.stat().st_size for file in clips.iterdir())
    made, plain = fastest(
        lambda: shutil.rmtree(out, ignore_errors=True),
        runs,
        lambda: publish_to_folder(source, out, PublishOptions("webdataset")),
        lambda: plain_copy(clips, out),
    )
    line = compare("media", f"{size / 1e9:.2f} GB", made, "cp", plain)
    print(f"{line}; {passes(made, size)}", flush=True)
    shutil.rmtree(root)


def measure_embedding(root: Path, gigabytes: float, runs: int) -> None:
    """Files into a table."""
    source, out = make_media(root / "media", gigabytes), root / "out"
    size = sum(file.stat().st_size for file in (root / "media" / "train" / "clips").iterdir())
    made, bare = fastest(
        lambda: shutil.rmtree(out, ignore_errors=True),
        runs,
        lambda: publish_to_folder(source, out, PublishOptions("parquet", embed=True)),
        lambda: bare_embedding(source, root / "bare.parquet"),
    )
    line = compare("embed", f"{size / 1e9:.2f} GB", made, "pyarrow alone", bare)
    print(f"{line}; {passes(made, size)}", flush=True)
    shutil.rmtree(root)


def passes(made: dict[str, float], size: int) -> str:
    """How often the bytes were read and written."""
    return f"read {made['rchar'] / size:.2f} times, written {made['wchar'] / size:.2f} times"


if __name__ == "__main__":
    main()
