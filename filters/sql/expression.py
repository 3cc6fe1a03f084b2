"""A boolean SQL expression that can do nothing but look at the columns of its row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...engine.contract.errors import RowError, UserError

if TYPE_CHECKING:
    import duckdb

_ALLOWED = frozenset({
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "LAMBDA_REF", "OPERATOR", "TYPE",
})  # fmt: skip
"""What an expression may be made of. A subquery could read files, a window or `*` sees more than one row or column."""

_NAMES = {"SUBQUERY": "a subquery", "WINDOW": "a window function", "STAR": "`*`", "PARAMETER": "a parameter"}


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory that reaches no file and no network, and whose settings are locked."""
    import duckdb

    return duckdb.connect(
        config={
            "enable_external_access": "false",
            "lock_configuration": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": "",
            "memory_limit": "1GB",
            "threads": 1,
        }
    )


def columns_of(db: duckdb.DuckDBPyConnection, text: str) -> set[str]:
    """The columns that an expression names, in lower case (to SQL, upper and lower are one).

    Raises:
        UserError: it is not one expression, it holds a subquery, a window or a parameter, or its
            value would not be the same in every build.
    """
    import duckdb

    if not text.strip():
        raise UserError("it is empty")
    try:
        [(said,)] = db.execute("SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT (\n{text}\n)"]).fetchall()
    except duckdb.Error as error:
        raise UserError(_first_line(error)) from None
    tree = json.loads(said)
    if tree["error"]:
        raise UserError(str(tree["error_message"]).splitlines()[0])
    if len(tree["statements"]) != 1 or not _is_one_expression(tree["statements"][0]["node"]):
        raise UserError("it is more than one expression")
    nodes = list(_nodes(tree["statements"][0]["node"]["select_list"][0]))
    for node in nodes:
        if node["class"] not in _ALLOWED:
            raise UserError(f"it holds {_NAMES.get(node['class'], node['class'].lower())}: it sees one row, no more")
    _check_functions(db, {node["function_name"] for node in nodes if node["class"] == "FUNCTION"})
    named = {node["column_names"][0].lower() for node in nodes if node["class"] == "COLUMN_REF"}
    return named - {name for node in nodes if node["class"] == "LAMBDA" for name in _parameters(node)}


def judge(db: duckdb.DuckDBPyConnection, text: str, rows: pa.Table) -> list[bool | None]:
    """The value of the expression for each row.

    Raises:
        RowError: it cannot be computed for one of them (a cast that fails).
    """
    import duckdb

    try:
        return [value for (value,) in _query(db, text, rows)]
    except duckdb.Error as error:
        raise RowError(_first_line(error), "where") from None


def bind(db: duckdb.DuckDBPyConnection, text: str, schema: pa.Schema) -> None:
    """Raise ``UserError`` for an expression that does not fit these columns, or is not true or false of a row."""
    import duckdb

    nulls = pa.table({field.name: pa.nulls(1, field.type) for field in schema})
    try:
        rows = _query(db, text, nulls.slice(0, 0))
        type_ = str(db.description[0][1]) if db.description else ""
        _query(db, text, nulls)  # a word where a number must stand shows itself only when there is a row
    except duckdb.Error as error:
        raise UserError(_first_line(error)) from None
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


def _is_one_expression(node: dict[str, Any]) -> bool:
    parts = ("where_clause", "group_expressions", "having", "sample", "qualify", "modifiers")
    whole = node["type"] == "SELECT_NODE" and len(node["select_list"]) == 1
    return whole and node["from_table"]["type"] == "EMPTY" and not any(node.get(part) for part in parts)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every expression inside a parsed one, itself too."""
    if isinstance(tree, list):
        for item in tree:
            yield from _nodes(item)
    elif isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)


def _parameters(node: dict[str, Any]) -> Iterator[str]:
    return (inner["column_names"][0].lower() for inner in _nodes(node["lhs"]) if inner["class"] == "COLUMN_REF")


def _check_functions(db: duckdb.DuckDBPyConnection, names: set[str]) -> None:
    changing = db.execute(
        "SELECT min(function_name) FROM duckdb_functions() "
        "WHERE list_contains(?, function_name) AND (stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        " OR function_name IN ('current_setting', 'getvariable'))",  # which some versions call constant
        [sorted(names)],
    ).fetchall()[0][0]
    if changing:
        hint = "for a random share write hash(clip_id) % 100 < 10"
        raise UserError(f"{changing}() has another value in every build", hint)


def _first_line(error: Exception) -> str:
    said = str(error).splitlines()[0]
    return said.partition("Error: ")[2] or said
