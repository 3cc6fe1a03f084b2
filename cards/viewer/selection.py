"""Which clips are shown, in what order: a query string as SQL over the wall."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import UserError
from .wall import LIST, NUMBER, WallColumn

if TYPE_CHECKING:
    import duckdb

BINS = 24
_PARAMETER = re.compile(r"\$(\w+)")
_FIELDS = ("text", "where", "sort", "in", "clip", "view", "offset", "limit")  # that are no columns
_CHOICES = 40  # values of a column that are listed


@dataclass(frozen=True)
class WallSelection:
    """Conditions on the wall's columns, and an order.

    Attributes:
        conditions: SQL by the name of the column, or of the field, that it comes from. All must hold.
        values: the values of the SQL's parameters.
        order: SQL of the order.
    """

    conditions: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    order: str = "clip_id"

    def where(self, without: str = "") -> str:
        """All conditions but those of one column."""
        return " AND ".join(f"({sql})" for name, sql in self.conditions.items() if name != without) or "true"


def read_selection(
    columns: Sequence[WallColumn], fields: Iterable[tuple[str, str]], named: Mapping[str, Sequence[str]]
) -> WallSelection:
    """A selection from the fields of a query string.

    ``text`` holds words that the caption, the title, the tags or the transcript must have, ``where`` a SQL expression,
    ``sort`` a column, with ``-`` before it for the highest first, ``in`` a named list of clips. A column is its own
    field: ``2..8`` for numbers, either end may be left out; a value for others, several times for several.

    Args:
        columns: of the wall.
        fields: names and values.
        named: lists of clip ids by name.

    Raises:
        UserError: a field that is none, or a range that is none.
    """
    known = {column.name: column for column in columns}
    chosen: dict[str, list[str]] = {}
    for name, value in fields:
        if name not in known and name not in _FIELDS:
            raise UserError(f"the wall has no column {name!r}", f"it has {', '.join(known)}")
        chosen.setdefault(name, []).append(value)
    conditions: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, column in known.items():
        if name in chosen and column.kind == NUMBER:
            conditions[name] = _range(name, chosen[name][-1])
        elif name in chosen:
            values[f"_{name}"] = chosen[name]
            held = f'"{name}"' if column.kind == LIST else f'["{name}"]'
            conditions[name] = f"list_has_any($_{name}, {held})"
    for number, word in enumerate(" ".join(chosen.get("text", ())).lower().split()):
        values[f"_word{number}"] = word
        conditions[f"text {number}"] = f"contains(_text, $_word{number})"
    if where := " ".join(chosen.get("where", ())).strip():
        conditions["where"] = where
    order = _order(known, sort) if (sort := chosen.get("sort", [""])[-1]) else "clip_id"
    if listed := chosen.get("in", [""])[-1]:
        values["_listed"] = _listed(named, listed)
        conditions["in"] = "list_contains($_listed, clip_id)"
        order = order if sort else "list_position($_listed, clip_id)"
    return WallSelection(conditions, values, order)


def _order(known: Mapping[str, WallColumn], value: str) -> str:
    name = value.removeprefix("-")
    if name not in known and name != "clip_id":
        raise UserError(f"the wall has no column {name!r} to sort by", f"it has clip_id, {', '.join(known)}")
    return f'"{name}"{" DESC" if value.startswith("-") else ""} NULLS LAST, clip_id'


def _listed(named: Mapping[str, Sequence[str]], name: str) -> list[str]:
    if name not in named:
        raise UserError(f"there is no selection {name!r}", f"there are {', '.join(named) or 'none'}")
    return list(named[name])


def _range(name: str, value: str) -> str:
    low, dots, high = value.partition("..")
    try:
        ends = [float(end) if end else None for end in (low, high if dots else low)]
    except ValueError:
        ends = [math.nan]
    if any(end is not None and not math.isfinite(end) for end in ends):
        raise UserError(f"{name}={value!r} is no range", "write 2..8, 2.. or ..8")
    parts = [f'"{name}" {sign} {end!r}' for sign, end in zip((">=", "<="), ends, strict=True) if end is not None]
    return " AND ".join(parts) or "true"


def count_clips(db: duckdb.DuckDBPyConnection, chosen: WallSelection) -> int:
    """The number of clips in a selection."""
    [(n,)] = _run(db, f"SELECT count(*) FROM wall WHERE {chosen.where()}", chosen)
    return int(n)


def list_clips(db: duckdb.DuckDBPyConnection, chosen: WallSelection, offset: int, limit: int) -> list[dict[str, Any]]:
    """A page of the clips: what a card of the wall shows."""
    names = ("clip_id", "caption", "title", "start_s", "duration_s", "state", "reason", "teacher", "mark", "kind",
             "own_file")  # fmt: skip
    found = _run(
        db,
        f"SELECT {', '.join(names)} FROM wall WHERE {chosen.where()} ORDER BY {chosen.order}"
        f" LIMIT {int(limit)} OFFSET {int(offset)}",
        chosen,
    )
    return [dict(zip(names, row, strict=True)) for row in found]


def facets(db: duckdb.DuckDBPyConnection, columns: Sequence[WallColumn], chosen: WallSelection) -> dict[str, Any]:
    """For each column how its values are spread over the clips that meet all conditions on the other columns.

    Numbers have ``BINS`` counts between the column's least and greatest value; other columns their most frequent
    values, as pairs of value and count.
    """
    made: dict[str, Any] = {}
    for column in columns:
        where = chosen.where(column.name)
        if column.kind == NUMBER:
            made[column.name] = _histogram(db, column, where, chosen)
        else:
            value = f'unnest("{column.name}")' if column.kind == LIST else f'"{column.name}"'
            query = f"SELECT value, count(*) AS n FROM (SELECT {value} AS value FROM wall WHERE {where}) GROUP BY value"
            found = _run(db, f"{query} ORDER BY n DESC, value LIMIT {_CHOICES}", chosen)
            made[column.name] = [list(row) for row in found]
    return made


def _histogram(db: duckdb.DuckDBPyConnection, column: WallColumn, where: str, chosen: WallSelection) -> list[int]:
    place = f'least(floor(("{column.name}" - {column.low!r}) / {column.high - column.low!r} * {BINS}), {BINS - 1})'
    query = f'SELECT {place}::INT, count(*) FROM wall WHERE ({where}) AND isfinite("{column.name}") GROUP BY 1'
    counts = dict(_run(db, query, chosen))
    return [counts.get(n, 0) for n in range(BINS)]


def _run(db: duckdb.DuckDBPyConnection, query: str, chosen: WallSelection) -> list[tuple[Any, ...]]:
    """The answer; what DuckDB says of a wrong expression becomes one line."""
    import duckdb

    used = {name: chosen.values[name] for name in _PARAMETER.findall(query) if name in chosen.values}
    try:
        [statement] = duckdb.extract_statements(query)
        return db.execute(statement, used).fetchall()
    except ValueError:
        raise UserError("the filter is more than one SQL expression") from None
    except duckdb.Error as error:
        said = next(iter(str(error).splitlines()), "")
        raise UserError(f"the filter is no SQL expression over the wall: {said}") from None
