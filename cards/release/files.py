"""Writing a release: Parquet files that the Hub's viewer likes, clip files beside them, all or nothing."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import UserError
from ...schemas.features import METADATA_KEY, features_json, media_of

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_BYTES = 50 << 20  # of a row group, uncompressed: the Hub's viewer reads one at a time, 286 MB at most
SHARD_BYTES = 450 << 20  # of a Parquet file
FOLDER_FILES = 5_000  # the Hub takes 10,000 files a folder

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


@dataclass
class PartSize:
    """What a part of a split holds."""

    examples: int = 0
    table_bytes: int = 0  # uncompressed


@dataclass
class SplitFiles:
    """What a split of the release holds, counted while it is written."""

    name: str
    examples: int = 0
    seconds: float = 0.0
    table_bytes: int = 0  # uncompressed
    videos: set[str] = field(default_factory=set)
    parts: dict[str, PartSize] = field(default_factory=dict)  # by name, in order; one "" where there are no subsets

    def count(self, table: pa.Table, part: str) -> None:
        """Add rows."""
        import pyarrow.compute as pc

        self.examples += len(table)
        self.seconds += pc.sum(table.column("duration_s")).as_py() or 0.0
        self.table_bytes += table.nbytes
        size = self.parts.setdefault(part, PartSize())
        size.examples, size.table_bytes = size.examples + len(table), size.table_bytes + table.nbytes
        self.videos.update(table.column("video_id").unique().to_pylist())

    def rows_of(self, parts: Iterable[str]) -> int:
        """Rows of some of its parts."""
        return sum(self.parts[part].examples for part in parts if part in self.parts)


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """Fill the yielded folder; on a clean exit it takes the place of ``folder``, otherwise the old one stays."""
    part, old = folder.with_name(f"{folder.name}.part"), folder.with_name(f"{folder.name}.old")
    mend_folder(folder)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        mend_folder(folder)


def mend_folder(folder: Path) -> None:
    """Bring the old folder back if a kill came between the two renames; otherwise let go of it."""
    old = folder.with_name(f"{folder.name}.old")
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


class TableFiles:
    """The Parquet files of one split, ``data/<split>-00000-of-0000N.parquet`` or one ``metadata.parquet``."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema, sharded: bool) -> None:
        self.folder, self.name, self.sharded = folder, name, sharded
        self.encoding = _encoding(schema)
        self.schema = schema.with_metadata({**(schema.metadata or {}), METADATA_KEY: features_json(schema)})
        self.files: list[Path] = []
        self.held: list[pa.Table] = []
        self.held_bytes = 0
        self.writer: Any = None
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, table: pa.Table) -> None:
        """Take rows; they are written a row group at a time."""
        self.held.append(table)
        self.held_bytes += table.nbytes
        if self.held_bytes >= GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        """Write the rest and give the files their names."""
        self._flush()
        self._close()
        if self.sharded:
            for number, file in enumerate(self.files):
                file.rename(self.folder / f"{self.name}-{number:05d}-of-{len(self.files):05d}.parquet")

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.writer is None:
            path = self.folder / (f"{self.name}-{len(self.files):05d}" if self.sharded else f"{self.name}.parquet")
            self.files.append(path)
            self.writer = pq.ParquetWriter(
                path, self.schema, write_page_index=True, **self.encoding,
                use_content_defined_chunking=True,  # a release with few changes uploads little
            )  # fmt: skip
        if self.held:
            table = pa.concat_tables(self.held)
            self.writer.write_table(table, row_group_size=max(len(table), 1))
            self.held, self.held_bytes = [], 0
        if self.sharded and self.files[-1].stat().st_size >= SHARD_BYTES:
            self._close()

    def _close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def _encoding(schema: pa.Schema) -> dict[str, Any]:
    """How columns are encoded: whole videos and images as they are, which is what the Hub can play; all else small."""
    if not any(map(media_of, schema)):
        return {"compression": "zstd"}
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    leaves = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    paths = [leaves.column(i).path for i in range(len(leaves))]
    videos = [f"{field.name}.bytes" for field in schema if media_of(field)]
    packed = [path for path in paths if path not in videos]
    compression = dict.fromkeys(packed, "zstd") | dict.fromkeys(videos, "none")
    return {"compression": compression, "use_dictionary": packed, "write_statistics": packed}


def clip_name(clip_id: str, source: str, number: int, of: int) -> str:
    """Where a clip's file goes, relative to its split's folder; a deep folder only where one would be too full."""
    stem = clip_id if _SAFE.fullmatch(clip_id) else f"clip-{number:08d}"
    suffix = PurePosixPath(source).suffix.lower()
    inner = f"{number // FOLDER_FILES:04d}/" if of > FOLDER_FILES else ""
    return f"clips/{inner}{stem}{suffix if re.fullmatch(r'[.][a-z0-9]{1,5}', suffix) else '.mp4'}"


def put_file(source: Path, target: Path) -> None:
    """Link a file where the file system can, copy it where it cannot."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def find_clips(root: Path, clips: Iterable[tuple[str, str | None]]) -> None:
    """Raise ``UserError`` unless every ``(clip id, file)`` is a file below ``root``; loaders do not notice."""
    whole = root.resolve()
    missing = []
    for clip_id, file in clips:
        if file is None:
            raise UserError(
                f"the clip {clip_id} has no file of its own, and `media: files` publishes files",
                "let builders.clips cut them (`cut: smart`), or publish times with `media: virtual`",
            )
        path = (root / file).resolve()
        if not path.is_relative_to(whole):
            raise UserError(f"the file of the clip {clip_id} is outside the build folder: {file}")
        if not path.is_file() or not path.stat().st_size:
            missing.append(f"{clip_id} ({file})")
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise UserError(
            f"the files of these clips are missing or empty: {', '.join(missing[:3])}{more}",
            "remove the clips step's folder below media/ and tables/, and build again",
        )
