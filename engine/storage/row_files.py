"""Files of rows: sorted by video and id, read and merged a window of videos at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...schemas import Row, arrow_schema, id_name
from ..contract.errors import UserError
from .files import intact

IN, VERSION = "_in", "_v"
"""Hidden columns: the id of the input that a row was made from, and a hash of what it was made of."""

UNIQUE_IDS = "the step that writes them must give each row an id of its own, made from the id of its input"

_WINDOW_BYTES = 64 << 20


class Chunk(NamedTuple):
    """A file of rows and the ids of the inputs whose rows in it still count."""

    file: Path
    ids: frozenset[str]


def storage_schema(row: type[Row]) -> pa.Schema:
    """A row type's schema with the hidden columns."""
    return arrow_schema(row).append(pa.field(IN, pa.string())).append(pa.field(VERSION, pa.int64()))


def merge_chunks(chunks: list[Chunk], row: type[Row]) -> Iterator[pa.Table]:
    """The rows of all chunks in order of video and id, a window of videos at a time."""
    key = id_name(row)
    for low, high in windows([c.file for c in chunks]):
        parts = []
        for chunk in chunks:
            table = read_window(chunk.file, None, low, high)
            if table.num_rows:
                parts.append(table.filter(pc.is_in(table.column(IN), pa.array(list(chunk.ids), pa.string()))))
        if not parts:
            continue
        table = pa.concat_tables(parts)
        order = [("video_id", "ascending"), (key, "ascending")] if key != "video_id" else [(key, "ascending")]
        table = table.take(pc.sort_indices(table, sort_keys=order))
        _check_ids(table, row)
        yield table


def _check_ids(table: pa.Table, row: type[Row]) -> None:
    """``UserError`` where neighbours have one id."""
    for at, (before, after) in enumerate(pairwise(table.column(id_name(row)).to_pylist())):
        if before == after:
            one, other = table.column(IN).slice(at, 2).to_pylist()
            raise UserError(f"two {row.table} have the id {after}: one made of {one}, one of {other}", UNIQUE_IDS)


def regroup(tables: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The same rows in tables of exactly ``size`` rows, so that files do not tell how they were made."""
    rest: pa.Table | None = None
    for table in tables:
        rest = table if rest is None else pa.concat_tables([rest, table])
        while rest.num_rows >= size:
            yield rest.slice(0, size).combine_chunks()
            rest = rest.slice(size)
    if rest is not None and rest.num_rows:
        yield rest.combine_chunks()


def windows(files: Iterable[Path]) -> list[tuple[str, str]]:
    """Spans of video ids, ``[low, high)``, of about 64 MB each over all files; ``""`` is open.

    Read from the statistics of the row groups; one video is never split.
    """
    groups: list[tuple[str, int]] = []
    for file in files:
        with intact(file, file.parent):
            meta = pq.read_metadata(file)
        column = next(i for i in range(meta.num_columns) if meta.schema.column(i).path == "video_id")
        for i in range(meta.num_row_groups):
            group = meta.row_group(i)
            groups.append((str(group.column(column).statistics.min), group.total_byte_size))
    edges: list[str] = []
    size = 0
    for low, weight in sorted(groups):
        if size and size + weight > _WINDOW_BYTES and (not edges or low > edges[-1]):
            edges.append(low)
            size = 0
        size += weight
    return list(zip(["", *edges], [*edges, ""], strict=True)) if groups else []


def read_window(file: Path, columns: list[str] | None, low: str, high: str) -> pa.Table:
    """The rows of a file with ``low <= video_id < high``."""
    with intact(file, file.parent), pq.ParquetFile(file) as parquet:
        meta = parquet.metadata
        column = next(i for i in range(meta.num_columns) if meta.schema.column(i).path == "video_id")
        wanted = []
        for i in range(meta.num_row_groups):
            stats = meta.row_group(i).column(column).statistics
            if str(stats.max) >= low and (not high or str(stats.min) < high):
                wanted.append(i)
        table = parquet.read_row_groups(wanted, columns=columns, use_threads=False)
    if not low and not high:
        return table
    video = table.column("video_id")
    mask = pc.greater_equal(video, low)
    return table.filter(pc.and_(mask, pc.less(video, high)) if high else mask)
