"""A SQL expression that can do nothing but look at the columns of its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..contract.errors import RowError, UserError
from .functions import ALLOWED, check_functions
from .syntax import LEVELS, columns_in, first_line, parse_expression, walk

if TYPE_CHECKING:
    import duckdb

_SETTINGS = (
    "enable_progress_bar = false", "TimeZone = 'UTC'", "Calendar = 'gregorian'", f"max_expression_depth = {LEVELS}",
    "lock_configuration = true",
)  # fmt: skip
_NAMES = {"SUBQUERY": "a subquery", "WINDOW": "a window function", "STAR": "`*`", "PARAMETER": "a parameter"}


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory that reaches no file and no network, and whose settings are those of no machine."""
    import duckdb

    db = duckdb.connect(
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": "",
            "memory_limit": "1GB",
            "threads": 1,
        }
    )
    for setting in _SETTINGS:
        db.execute(f"SET {setting}")
    return db


def columns_of(db: duckdb.DuckDBPyConnection, text: str) -> set[str]:
    """The columns that an expression names, in lower case.

    Raises:
        UserError: it is not one expression, it holds a subquery, a window or a parameter, or its
            value would not be the same in every build.
    """
    if not text.strip():
        raise UserError("it is empty")
    try:
        root = parse_expression(db, text)
        nodes = list(walk(root))
    except RecursionError:
        raise UserError(f"it is nested more than {LEVELS} deep") from None
    for node in nodes:
        if node["class"] not in ALLOWED:
            raise UserError(f"it holds {_NAMES.get(node['class'], node['class'].lower())}: it sees one row, no more")
    check_functions(db, root)
    return columns_in(root)


def judge(db: duckdb.DuckDBPyConnection, text: str, rows: pa.Table) -> list[bool | None]:
    """The value of the expression for each row.

    Raises:
        RowError: it cannot be computed for one of them (a cast that fails).
    """
    import duckdb

    try:
        return [value for (value,) in _query(db, text, rows)]
    except duckdb.Error as error:
        raise RowError(first_line(error), "where") from None


def judge_table(db: duckdb.DuckDBPyConnection, text: str, rows: pa.Table) -> pa.ChunkedArray:
    """The same as a column; raises what DuckDB raises."""
    db.register("clips", rows)
    try:
        query = db.sql(f"SELECT (\n{text}\n) AS verdict FROM clips")
        return pa.RecordBatchReader.from_stream(query).read_all().column("verdict")
    finally:
        db.unregister("clips")


def name_groups(db: duckdb.DuckDBPyConnection, text: str, rows: pa.Table) -> list[str | None]:
    """The value of an expression of any type for each row, as text; ``UserError`` where it does not fit the columns."""
    import duckdb

    try:
        found = [value for (value,) in _query(db, f"CAST((\n{text}\n) AS VARCHAR)", rows)]
    except duckdb.Error as error:
        raise UserError(first_line(error)) from None
    if len(found) != len(rows):
        raise UserError("it holds an aggregate: it sees one row, no more")
    return found


def bind(db: duckdb.DuckDBPyConnection, text: str, schema: pa.Schema) -> None:
    """Raise ``UserError`` for an expression that does not fit these columns, or is not true or false of a row."""
    import duckdb

    nulls = pa.table({field.name: pa.nulls(1, field.type) for field in schema})
    try:
        rows = _query(db, text, nulls.slice(0, 0))
        type_ = str(db.description[0][1]) if db.description else ""
        _query(db, text, nulls)  # a word where a number must stand shows itself only when there is a row
    except duckdb.Error as error:
        raise UserError(first_line(error)) from None
    if rows:  # one value of no rows
        raise UserError("it holds an aggregate: it sees one row, no more")
    if type_.upper() not in ("BOOLEAN", "BOOL"):
        raise UserError(f"its value is {type_}, not true or false")


def _query(db: duckdb.DuckDBPyConnection, text: str, rows: pa.Table) -> list[tuple[Any, ...]]:
    db.register("clips", rows)
    try:
        return db.execute(f"SELECT (\n{text}\n) FROM clips").fetchall()
    finally:
        db.unregister("clips")
