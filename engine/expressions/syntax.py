"""DuckDB's own parse of an expression, as nested dictionaries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..contract.errors import UserError

if TYPE_CHECKING:
    import duckdb

Node = dict[str, Any]

LEVELS = 100
"""How deep an expression may be nested; a parse of it is walked by recursion."""

_SCHEMAS = ("main", "pg_catalog", "system")


def parse_expression(db: duckdb.DuckDBPyConnection, text: str) -> Node:
    """The root of an expression; ``UserError`` for a text that is none, or more than one."""
    import duckdb

    try:
        [(said,)] = db.execute("SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT (\n{text}\n)"]).fetchall()
    except duckdb.Error as error:
        raise UserError(first_line(error)) from None
    tree = json.loads(said)
    if tree["error"]:
        raise UserError(first_line(tree["error_message"]))
    if len(tree["statements"]) != 1 or not _is_one_expression(tree["statements"][0]["node"]):
        raise UserError("it is more than one expression")
    root: Node = tree["statements"][0]["node"]["select_list"][0]
    return root


def walk(tree: Any) -> Iterator[Node]:
    """Every expression inside a parsed one, itself too."""
    if isinstance(tree, list):
        for item in tree:
            yield from walk(item)
    elif isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from walk(value)


def columns_in(root: Node) -> set[str]:
    """The columns that an expression names, in lower case (to SQL, upper and lower are one)."""
    nodes = list(walk(root))
    named = {node["column_names"][0].lower() for node in nodes if node["class"] == "COLUMN_REF"}
    named |= {owner.lower() for node in nodes if node["class"] == "FUNCTION" and (owner := method_owner(node))}
    return named - {name for node in nodes if node["class"] == "LAMBDA" for name in _parameters(node)}


def method_owner(call: Node) -> str:
    """The column that a function is called on as its method (``caption.upper()``), or ""."""
    owner = str(call["catalog"] or call["schema"])
    return "" if owner.lower() in _SCHEMAS else owner


def arguments_of(call: Node) -> list[Node]:
    """What a function is given, without its owner."""
    return call["children"] if "children" in call else [given["expression"] for given in call["arguments"]]


def text_of(constant: Node) -> str:
    """A constant as it is written."""
    return str(constant["literal"]["text"] if "literal" in constant else constant["value"].get("value"))


def first_line(error: Exception | str) -> str:
    """What one of DuckDB's errors says, without its kind."""
    said = str(error).splitlines()[0]
    if "expression depth" in said:
        return f"it is nested more than {LEVELS} deep"
    return said.partition("Error: ")[2] or said


def _is_one_expression(node: Node) -> bool:
    parts = ("where_clause", "group_expressions", "having", "sample", "qualify", "modifiers")
    whole = node["type"] == "SELECT_NODE" and len(node["select_list"]) == 1
    return whole and node["from_table"]["type"] == "EMPTY" and not any(node.get(part) for part in parts)


def _parameters(node: Node) -> Iterator[str]:
    return (inner["column_names"][0].lower() for inner in walk(node["lhs"]) if inner["class"] == "COLUMN_REF")
