"""Files of rows: sorted by video and id, read and merged a window of videos at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...schemas import Row, arrow_schema, id_name, memoize, row_fields
from ..contract.errors import UserError
from .files import intact
from .manifest import FORMAT
from .object_store import RangeFile, folder_of, present, size_of
from .recent_tables import MOST_BYTES_EACH, file_name, keep_table, recent_table
from .table_folder import manifest_place

IN, VERSION = "_in", "_v"
"""Hidden columns: the id of the input that a row was made from, and a hash of what it was made of."""

UNIQUE_IDS = "the step that writes them must give each row an id of its own, made from the id of its input"

_LITTLE_BYTES = 64 << 10
_WINDOW_BYTES = 64 << 20
_COPIED_BYTES = 1 << 20  # below which parts of a file cost as much as all of it
_HEAVY_GROUP, _LIGHT_GROUP = 128, 16384  # rows per Parquet row group, so that readers hold little


class RowSource(NamedTuple):
    """A file of rows and the ids of the inputs whose rows in it still count; None for all of them."""

    file: Path
    ids: pa.Array | None


@memoize
def storage_schema(row: type[Row]) -> pa.Schema:
    """A row type's schema with the hidden columns."""
    schema = arrow_schema(row)
    metadata = {**(schema.metadata or {}), b"cliploom.format": str(FORMAT).encode()}
    return schema.append(pa.field(IN, pa.string())).append(pa.field(VERSION, pa.int64())).with_metadata(metadata)


def parquet_bytes(table: pa.Table, row_group: int, own_id: str) -> bytes:
    """A table as a Parquet file in memory."""
    sink = pa.BufferOutputStream()
    stamped = table.replace_schema_metadata({**(table.schema.metadata or {}), b"cliploom.format": str(FORMAT).encode()})
    pq.write_table(stamped, sink, row_group_size=row_group, **parquet_options(table, own_id))
    return bytes(sink.getvalue())


def parquet_options(table: pa.Table, own_id: str) -> dict[str, Any]:
    """How a table like this one is encoded: text by dictionary where it repeats; little is not worth compressing."""
    repeats = [path for field in table.schema if field.name != own_id for path in _text_columns(field.type, field.name)]
    return {"use_dictionary": repeats, "compression": "zstd" if table.nbytes > _LITTLE_BYTES else "none"}


def _text_columns(type_: pa.DataType, path: str) -> Iterator[str]:
    """Columns of text, by their paths in a Parquet file."""
    if pa.types.is_string(type_):
        yield path
    elif pa.types.is_list(type_):
        yield from _text_columns(type_.value_type, f"{path}.list.element")
    elif pa.types.is_struct(type_):
        for field in type_:
            yield from _text_columns(field.type, f"{path}.{field.name}")


def group_rows(row: type[Row]) -> int:
    """How many rows of a type a row group of its files has."""
    heavy = any(f.type is bytes or "ndarray" in str(f.type) for f in row_fields(row))
    return _HEAVY_GROUP if heavy else _LIGHT_GROUP


def merge_rows(sources: Sequence[RowSource], row: type[Row]) -> Iterator[pa.Table]:
    """The rows of all sources in order of video and id, a window of videos at a time."""
    for low, high in windows([source.file for source in sources]):
        parts = []
        for source in sources:
            table = read_window(source.file, None, low, high)
            if table.num_rows:
                parts.append(pick_rows(table, source.ids))
        if parts and (table := sort_rows(pa.concat_tables(parts), row)).num_rows:
            yield table


def pick_rows(table: pa.Table, inputs: pa.Array | None) -> pa.Table:
    """The rows that were made of these inputs; of None, all."""
    return table if inputs is None else table.filter(pc.is_in(table.column(IN), inputs))


def sort_rows(table: pa.Table, row: type[Row]) -> pa.Table:
    """Rows in order of video and id; ``UserError`` where two have one id."""
    key = id_name(row)
    order = [("video_id", "ascending"), (key, "ascending")] if key != "video_id" else [(key, "ascending")]
    table = table.take(pc.sort_indices(table, sort_keys=order))
    ids = table.column(key).combine_chunks()
    same = pc.index(pc.equal(ids[:-1], ids[1:]), True).as_py() if len(ids) > 1 else -1
    if same >= 0:
        one, other = table.column(IN).slice(same, 2).to_pylist()
        raise UserError(f"two {row.table} have the id {ids[same]}: one made of {one}, one of {other}", UNIQUE_IDS)
    return table


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
        if (table := recent_table(file)) is not None:
            groups += [(table.column("video_id")[0].as_py(), table.nbytes)] if table.num_rows else []
            continue
        with intact(file, manifest_place(file)):
            meta = pq.read_metadata(open_rows(file))
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


def _read_groups(file: Path, columns: list[str] | None, low: str, high: str) -> pa.Table:
    """All rows of the row groups that have some of these videos."""
    with intact(file, manifest_place(file)), pq.ParquetFile(open_rows(file, whole=columns is None)) as parquet:
        meta = parquet.metadata
        if not low and not high:
            wanted = list(range(meta.num_row_groups))
            if len(wanted) == 1 and meta.row_group(0).total_byte_size <= MOST_BYTES_EACH:
                columns = None  # it will be asked for again
        else:
            column = next(i for i in range(meta.num_columns) if meta.schema.column(i).path == "video_id")
            stats = [meta.row_group(i).column(column).statistics for i in range(meta.num_row_groups)]
            wanted = [i for i, s in enumerate(stats) if str(s.max) >= low and (not high or str(s.min) < high)]
            columns = None if columns is None else list(dict.fromkeys([*columns, "video_id"]))
        table = parquet.read_row_groups(wanted, columns=columns, use_threads=False)
        if columns is None and len(wanted) == meta.num_row_groups:
            keep_table(file_name(file), table, size_of(file))
    return table


def open_rows(file: Path, whole: bool = False) -> Any:
    """What pyarrow reads a file of rows from. One in a bucket is copied here if it is little, or wanted ``whole``."""
    folder = folder_of(file)
    if folder is None or file.exists():
        return file
    if whole or size_of(file) <= _COPIED_BYTES:
        return present(file)
    return pa.PythonFile(RangeFile(folder, file.relative_to(folder.root).as_posix()), mode="r")


def count_rows(file: Path) -> int:
    """How many rows a file has."""
    if (table := recent_table(file)) is not None:
        return int(table.num_rows)
    with intact(file, manifest_place(file)):
        return int(pq.read_metadata(open_rows(file)).num_rows)


def read_window(file: Path, columns: list[str] | None, low: str, high: str) -> pa.Table:
    """The rows of a file with ``low <= video_id < high``."""
    if (table := recent_table(file)) is None:
        table = _read_groups(file, columns, low, high)
    if not low and not high:
        return table if columns is None else table.select(columns)
    video = table.column("video_id")
    mask = pc.greater_equal(video, low)
    found = table.filter(pc.and_(mask, pc.less(video, high)) if high else mask)
    return found if columns is None else found.select(columns)
