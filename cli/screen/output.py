"""The answer to a SQL query, from a database that can read one build and nothing else."""

from __future__ import annotations

import base64
import csv
import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import UserError
from ...engine.query import open_query
from .formatting import json_text
from .tables import Column, print_table

if TYPE_CHECKING:
    import duckdb

    from ...engine.build import Build

_SHOWN = 1000  # rows of a table on a screen
_AT_ONCE = 2000


def print_answer(build: Build, query: str, how: str) -> None:
    """Run one SELECT and write its answer to standard output.

    Raises:
        UserError: it is not one SELECT, or DuckDB does not take it.
    """
    with open_query(build, query) as (db, statement):
        if how == "parquet":
            _parquet(db, statement)
        else:
            _WRITERS[how](db.execute(statement))


def _names(db: duckdb.DuckDBPyConnection) -> list[str]:
    return [str(column[0]) for column in db.description or ()]


def _rows(db: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while some := db.fetchmany(_AT_ONCE):
        yield from some


def _table(db: duckdb.DuckDBPyConnection) -> None:
    columns = [Column(str(name), _align(str(kind)), True) for name, kind, *_ in db.description or ()]
    shown = db.fetchmany(_SHOWN)
    print_table(columns, [[_cell(value) for value in row] for row in shown])
    if db.fetchone() is not None:
        print(f"… the first {_SHOWN:,} rows; --format csv, json or parquet writes all")


def _align(kind: str) -> Any:
    return "right" if kind in ("NUMBER", "DOUBLE", "FLOAT") or "INT" in kind or kind.startswith("DECIMAL") else "left"


def _csv(db: duckdb.DuckDBPyConnection) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_names(db))
    writer.writerows([_cell(value, whole=True) for value in row] for row in _rows(db))


def _json(db: duckdb.DuckDBPyConnection) -> None:
    names, before = _names(db), "["
    for row in _rows(db):
        print(before, json_text(dict(zip(names, map(_plain, row), strict=True))), sep="\n", end="")
        before = ","
    print("[]" if before == "[" else "\n]")


def _parquet(db: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if sys.stdout.isatty():
        raise UserError(
            "a Parquet file is no text", "send it to a file: cliploom sql … --format parquet > answer.parquet"
        )
    reader = pa.RecordBatchReader.from_stream(db.sql(statement))
    with pq.ParquetWriter(sys.stdout.buffer, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
    sys.stdout.buffer.flush()


def _cell(value: Any, whole: bool = False) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes) and not whole:
        return f"{len(value):,} bytes"
    if isinstance(value, float) and not whole:
        return f"{value:.6g}"
    made = _plain(value)
    return made if isinstance(made, str) else json.dumps(made, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value as JSON holds it; bytes in base64, times and the like as text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


_WRITERS: dict[str, Callable[[Any], None]] = {"table": _table, "csv": _csv, "json": _json}
