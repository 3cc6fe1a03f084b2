"""Which of DuckDB's functions a rule may call: those whose value follows from their arguments alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...schemas import memoize
from ..contract.errors import UserError
from .syntax import Node, arguments_of, columns_in, method_owner, parse_expression, text_of, walk

if TYPE_CHECKING:
    import duckdb

ALLOWED = frozenset({
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "LAMBDA_REF", "OPERATOR", "TYPE",
})  # fmt: skip
"""What an expression may be made of. A subquery could read files, a window or `*` sees more than one row or column."""

_OUTSIDE = frozenset({"current_setting", "getvariable", "index_key", "json_serialize_plan", "version"})
"""They look at settings, the catalogue or the program; some versions of DuckDB call them constant."""
_BY_NAME = frozenset(
    {"aggregate", "array_aggr", "array_aggregate", "list_aggr", "list_aggregate", "to_aggregate_state"}
)
"""Their second argument names an aggregate."""
_RANDOM_AGGREGATES = frozenset({"reservoir_quantile"})
_USABLE = ("scalar", "macro", "aggregate")
_ZONED = ("TIME ZONE", "TIMESTAMPTZ")  # in names of types whose values depend on the time zone, which is set


class _Overload(NamedTuple):
    """One entry of ``duckdb_functions()``."""

    name: str
    kind: str
    stability: str | None
    types: Sequence[str | None]  # of its parameters, and of its result
    parameters: Sequence[str]
    body: str | None  # of a macro


def check_functions(db: duckdb.DuckDBPyConnection, root: Node) -> None:
    """Raise ``UserError`` for a call whose value is not the same in every build, or that does more than compute it."""
    seen: set[str] = set()
    ahead = [(call, "") for call in _calls(root)]
    while ahead:
        calls, ahead = ahead, []
        for call, of in calls:
            name = call["function_name"].lower()
            overloads = _all_overloads().get(name, [])
            if not _is_fit(call, overloads):
                _refuse(of or name, overloads)
            for macro in overloads if name not in seen else ():
                if macro.body is not None:
                    ahead += [(inner, of or name) for inner in _calls_of_macro(db, macro, of or name)]
            seen.add(name)


def _calls(root: Node) -> list[Node]:
    return [node for node in walk(root) if node["class"] == "FUNCTION"]


def _calls_of_macro(db: duckdb.DuckDBPyConnection, macro: _Overload, of: str) -> list[Node]:
    root = parse_expression(db, str(macro.body))
    others = columns_in(root) - {name.lower() for name in macro.parameters}  # such as current_timestamp
    if others or any(node["class"] not in ALLOWED for node in walk(root)):
        _refuse(of, [macro])
    return _calls(root)


@memoize
def _all_overloads() -> dict[str, list[_Overload]]:
    """DuckDB's own functions by name in lower case."""
    import duckdb

    query = (
        "SELECT lower(function_name), function_type, stability, list_append(parameter_types, return_type), parameters,"
        " macro_definition FROM duckdb_functions() ORDER BY ALL"
    )
    found: dict[str, list[_Overload]] = {}
    with duckdb.connect() as db:
        for row in db.execute(query).fetchall():
            found.setdefault(row[0], []).append(_Overload(*row))
    return found


def _is_fit(call: Node, overloads: Sequence[_Overload]) -> bool:
    """Is a call one of a row's values alone? One of an unknown function is; DuckDB itself refuses that."""
    name, has_owner = call["function_name"].lower(), bool(method_owner(call))
    arguments = arguments_of(call)
    if name == "age":  # of one argument: until today
        return len(arguments) + has_owner == 2
    if name in _BY_NAME:
        chosen = arguments[1 - has_owner : 2 - has_owner]
        return (
            bool(chosen) and chosen[0]["class"] == "CONSTANT" and text_of(chosen[0]).lower() not in _RANDOM_AGGREGATES
        )
    usable = [overload for overload in overloads if overload.kind in _USABLE]  # range() is a table too
    inner = name in _OUTSIDE or name.startswith("__internal") or (overloads and not usable)
    return not inner and all(map(_is_deterministic, usable))


def _is_deterministic(overload: _Overload) -> bool:
    if overload.kind != "scalar":  # a macro's body is looked at, an aggregate is refused when it is bound
        return True
    if len(overload.types) == 1:  # a time that is made of nothing is that of the clock
        return overload.stability == "CONSISTENT" and not re.search("TIME|DATE", overload.types[0] or "")
    zoned = any(mark in (type_ or "") for type_ in overload.types for mark in _ZONED)
    return overload.stability == "CONSISTENT" or (overload.stability == "CONSISTENT_WITHIN_QUERY" and zoned)


def _refuse(name: str, overloads: Sequence[_Overload]) -> None:
    if overloads and not any(overload.kind in _USABLE for overload in overloads):
        raise UserError(f"{name}() is no function of one row")
    said = f"{name}() has another value in every build, or does more than compute one"
    raise UserError(said, "for a random share write hash(clip_id) % 100 < 10")
