"""Lists that name the files of a folder and say more of each: csv, tsv, jsonl, Parquet."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...engine.contract.errors import UserError, nearest
from .sidecars import clean

FILE_COLUMNS = ("file", "file_name", "filename", "path", "video", "video_path", "file_path")
"""Names of the column that names the file; the first that is there is taken."""


class Line(NamedTuple):
    """One row of a manifest."""

    where: str  # file and line
    told: dict[str, Any]  # all columns but the one that names the file; JSON values


def read_manifest(path: str, root: str, column: str = "") -> dict[str, Line]:
    """A manifest's rows by the file that they name, relative to ``root``, with forward slashes.

    Empty cells are left out. ``column`` names the file; empty for the first of ``FILE_COLUMNS``.

    Raises:
        UserError: it cannot be read, has no such column, or names a file twice. Says the line.
    """
    name = os.path.basename(path)
    found: dict[str, Line] = {}
    try:
        for number, row in _rows(path):
            key = column or next((c for c in FILE_COLUMNS if c in row), "")
            if key not in row:
                raise _no_column(f"{name}:{number}", column, row)
            file = _relative(str(row[key] or "").strip(), root)
            if not file:
                raise UserError(f"{name}:{number}: the column {key} is empty, it should name a video file")
            if file in found:
                raise UserError(f"{name}:{number}: {file} was named before ({found[file].where})", "one row per file")
            told = {str(k): clean(v) for k, v in row.items() if k != key and v is not None and v != ""}
            found[file] = Line(f"{name}:{number}", told)
    except OSError as error:
        raise UserError(f"cannot read the manifest {path}: {error.strerror or error}") from None
    return found


def _rows(path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    ending = os.path.splitext(path)[1].lower()
    if ending in (".csv", ".tsv"):
        return _csv_rows(path, "\t" if ending == ".tsv" else ",")
    if ending in (".jsonl", ".ndjson"):
        return _json_rows(path)
    if ending in (".parquet", ".pq"):
        return _parquet_rows(path)
    raise UserError(f"{path} is no manifest: its name must end in .csv, .tsv, .jsonl or .parquet")


def _csv_rows(path: str, delimiter: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    name = os.path.basename(path)
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if None in row:
                    raise UserError(
                        f"{name}:{reader.line_num}: more cells than the header has columns",
                        "put cells that hold a comma in double quotes",
                    )
                yield reader.line_num, row
        except csv.Error as error:
            raise UserError(f"{name}:{reader.line_num}: this is not csv: {error}") from None
        except UnicodeDecodeError:
            raise UserError(f"{name}:{reader.line_num + 1}: this is not UTF-8", "save the file as UTF-8") from None


def _json_rows(path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    name = os.path.basename(path)
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"), parse_constant=lambda _: None)
            except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
                raise UserError(f"{name}:{number}: this is not JSON in UTF-8: {error}") from None
            if not isinstance(row, dict):
                raise UserError(f"{name}:{number}: a line must be a JSON object {{…}}")
            yield number, row


def _parquet_rows(path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except pa.ArrowException as error:
        raise UserError(f"{os.path.basename(path)}: this is not Parquet: {error}") from None


def _relative(file: str, root: str) -> str:
    """A cell as a path relative to the folder; it only ever picks among files that a listing found."""
    inside = os.path.relpath(file, root) if os.path.isabs(file) else os.path.normpath(file) if file else ""
    return inside.replace(os.sep, "/")


def _no_column(where: str, column: str, row: Mapping[str, Any]) -> UserError:
    there = [str(key) for key in row]
    if column:
        return UserError(f"{where}: there is no column {column}{nearest(column, there)}")
    hint = f"name it with manifest_column; the columns are {', '.join(there)}"
    return UserError(f"{where}: no column names the file ({', '.join(FILE_COLUMNS)})", hint)
