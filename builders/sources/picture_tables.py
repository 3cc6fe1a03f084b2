"""Tables that hold pictures themselves: Parquet, and the Arrow files of a `datasets` dataset on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from ...engine.contract.errors import RowError, UserError
from .json_lists import ListRow

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 1024
_TEXT_BYTES = 20_000  # a longer binary value is no text


class TableCell(NamedTuple):
    """Where a picture lies in a table: it is read when its row is made, not when it is found."""

    file: str
    row: int  # from 0
    column: str
    path: str = ""  # the name that the table gives it, or the file that it is in


def dataset_tables(folder: str) -> list[tuple[str, str]]:
    """Arrow files and their splits (empty for none) of a folder that ``datasets`` saved; none for another folder."""
    root = Path(folder)
    try:
        if (root / "dataset_dict.json").is_file():
            splits = json.loads((root / "dataset_dict.json").read_text("utf-8"))["splits"]
            return [(file, split) for split in splits for file, _ in dataset_tables(str(root / split))]
        if (root / "state.json").is_file() and (root / "dataset_info.json").is_file():
            files = json.loads((root / "state.json").read_text("utf-8"))["_data_files"]
            return [(str(root / os.path.basename(one["filename"])), "") for one in files]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: this is no whole dataset of `datasets`: {error}") from None
    return []


def table_rows(path: str, file: BinaryIO | None = None) -> Iterator[ListRow]:
    """The rows of a Parquet or Arrow file; a picture, or a video, is a ``TableCell``, and its bytes are not read.

    ``file`` is Parquet that lies elsewhere, opened, and ``path`` then its name.

    Raises:
        UserError: it is neither.
    """
    import pyarrow as pa

    name, number = os.path.basename(path), 0
    try:
        with _open_table(path, file) as source:
            pictures = _picture_columns(source.schema)
            for batch in source.batches(pictures):
                for row in batch:
                    cells = {c: TableCell(path, number, c, _path_in(row.get(c))) for c in pictures}
                    number += 1
                    yield ListRow(f":{number}", {k: _plain(v) for k, v in row.items() if k not in cells} | cells)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name}: this is neither Parquet nor Arrow: {error}") from None


def read_cell(cell: TableCell) -> bytes | None:
    """The picture's bytes; None where the table only names its file.

    Raises:
        RowError: ``unreadable``.
    """
    import pyarrow as pa

    try:
        value = _column(cell.file, cell.row, cell.column)
    except (pa.ArrowException, OSError, KeyError, IndexError) as error:
        raise RowError(f"{os.path.basename(cell.file)}:{cell.row + 1}: cannot be read: {error}", "unreadable") from None
    value = value.get("bytes") if isinstance(value, Mapping) else value
    return value if isinstance(value, bytes) and value else None


class _PictureTable(NamedTuple):
    """An open table."""

    schema: pa.Schema
    parquet: Any  # a ParquetFile, or None
    arrow: pa.Table | None

    def batches(self, pictures: Mapping[str, bool]) -> Iterator[list[dict[str, Any]]]:
        """Its rows without the bytes of pictures; ``pictures`` are columns, and whether each names files too."""
        plain = [name for name in self.schema.names if name not in pictures]
        if self.parquet is not None:
            wanted = [*plain, *(f"{name}.path" for name, named in pictures.items() if named)]
            for batch in self.parquet.iter_batches(_BATCH_ROWS, columns=wanted):
                yield batch.to_pylist() or [{}] * batch.num_rows
            return
        assert self.arrow is not None
        import pyarrow.compute as pc

        table = self.arrow.select(plain)
        for name in (name for name, named in pictures.items() if named):
            table = table.append_column(name, pc.struct_field(self.arrow.column(name), "path"))
        for start in range(0, self.arrow.num_rows, _BATCH_ROWS):
            size = min(_BATCH_ROWS, self.arrow.num_rows - start)
            yield table.slice(start, size).to_pylist() or [{}] * size


@contextmanager
def _open_table(path: str, file: BinaryIO | None = None) -> Iterator[_PictureTable]:
    if path.lower().endswith(".arrow"):
        table = _arrow_table(path)
        yield _PictureTable(table.schema, None, table)
        return
    import pyarrow.parquet as pq

    with pq.ParquetFile(file or path) as parquet:
        yield _PictureTable(parquet.schema_arrow, parquet, None)


@lru_cache(maxsize=4)
def _arrow_table(path: str) -> pa.Table:
    import pyarrow as pa

    source = pa.memory_map(path)
    try:
        return pa.ipc.open_stream(source).read_all()
    except pa.ArrowInvalid:
        return pa.ipc.open_file(source).read_all()


def _column(path: str, row: int, column: str) -> Any:
    if path.lower().endswith(".arrow"):
        return _arrow_table(path).column(column)[row].as_py()
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if row < rows:
                return _group(path, os.stat(path).st_mtime_ns, group, column)[row].as_py()
            row -= rows
    raise IndexError("it has fewer rows now")


@lru_cache(maxsize=2)
def _group(path: str, changed_ns: int, group: int, column: str) -> pa.ChunkedArray:
    """A column of a row group: rows come in order, so the next one wants the same."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, columns=[column]).column(column)


def _picture_columns(schema: pa.Schema) -> dict[str, bool]:
    """Columns that hold files, as ``datasets`` writes pictures, and whether each names them too."""
    import pyarrow as pa

    found = {}
    for field in schema:
        inner = {one.name for one in field.type} if pa.types.is_struct(field.type) else set()
        if "bytes" in inner and inner <= {"bytes", "path"}:
            found[field.name] = "path" in inner
        elif field.type in (pa.binary(), pa.large_binary()) and field.name.lower() in BINARY_COLUMNS:
            found[field.name] = False
    return found


BINARY_COLUMNS = frozenset(
    ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes", "picture", "video", "mp4", "webm", "mkv",
     "video_bytes")
)  # fmt: skip
"""Binary columns that hold a picture or a video; other ones may hold text."""


def _path_in(value: Any) -> str:
    value = value.get("path") if isinstance(value, Mapping) else value
    return value if isinstance(value, str) else ""


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode() if len(value) <= _TEXT_BYTES else None
        except UnicodeDecodeError:
            return None
    return value
