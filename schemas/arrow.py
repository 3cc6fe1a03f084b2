"""Rows to Arrow and back. The schema carries each column's meaning, so that a file explains itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import is_dataclass
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import numpy as np

from .check import array_dtype
from .col import Col, Field, Row, memoize, row_fields

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R", bound=Row)

_PLAIN = {str: "string", int: "int64", float: "float64", bool: "bool_", bytes: "binary"}
"""The names of pyarrow's functions; it is imported where it is needed: a step's process may never be."""


@memoize
def arrow_schema(row: type) -> pa.Schema:
    """The Arrow schema of a row type; each field's metadata holds its doc, unit, range and choices."""
    import pyarrow as pa

    columns = [
        pa.field(f.name, arrow_type(f.type), nullable=f.optional, metadata=column_metadata(f.col))
        for f in row_fields(row)
    ]
    return pa.schema(columns, metadata={"cliploom.row": row.__name__})


def column_metadata(col: Col) -> dict[str, str]:
    """What Arrow keeps beside a column: ``doc``, and ``unit``, ``low``, ``high``, ``choices`` where given."""
    said = {"doc": col.doc, "unit": col.unit, "choices": ",".join(col.choices)}
    said |= {"low": "" if col.low is None else f"{col.low:g}", "high": "" if col.high is None else f"{col.high:g}"}
    return {key: value for key, value in said.items() if value}


def arrow_type(hint: Any) -> pa.DataType:
    """The Arrow type of a field's type; ``TypeError`` for one that rows cannot hold."""
    import pyarrow as pa

    if hint in _PLAIN:
        made: pa.DataType = getattr(pa, _PLAIN[hint])()
        return made
    if is_dataclass(hint) and isinstance(hint, type):
        return pa.struct([pa.field(f.name, arrow_type(f.type), nullable=f.optional) for f in row_fields(hint)])
    if get_origin(hint) is list:
        return pa.list_(pa.field("item", arrow_type(get_args(hint)[0]), nullable=False))
    if get_origin(hint) is np.ndarray:
        return pa.list_(pa.field("item", pa.from_numpy_dtype(array_dtype(hint)), nullable=False))
    raise TypeError(f"rows cannot hold {hint!r}")


def to_arrow(row: type, rows: Sequence[Row]) -> pa.Table:
    """Rows of one type as a table with that type's schema."""
    import pyarrow as pa

    schema = arrow_schema(row)
    return pa.Table.from_arrays([write(rows) for write in _writers(row)], schema=schema)


def from_arrow(row: type[R], table: pa.Table | pa.RecordBatch) -> Iterator[R]:
    """The rows of a table; columns that the type does not have are left out."""
    columns = [read(table.column(f.name)) for f, read in zip(row_fields(row), _readers(row), strict=True)]
    return (row(*values) for values in zip(*columns, strict=True))


@memoize
def _writers(row: type) -> tuple[Callable[[Sequence[Any]], pa.Array], ...]:
    return tuple(_writer(f) for f in row_fields(row))


def _writer(f: Field) -> Callable[[Sequence[Any]], pa.Array]:
    import pyarrow as pa

    get, type_ = attrgetter(f.name), arrow_type(f.type)
    if get_origin(f.type) is np.ndarray:
        dtype = array_dtype(f.type)
        return lambda rows: _lists([np.asarray(get(r), dtype) for r in rows], type_, dtype)
    plain = _plain(f.type)
    if plain is None:
        return lambda rows: pa.array(list(map(get, rows)), type_)
    return lambda rows: pa.array([None if (v := get(r)) is None else plain(v) for r in rows], type_)


def _lists(values: list[np.ndarray], type_: pa.DataType, dtype: np.dtype[Any]) -> pa.Array:
    import pyarrow as pa

    offsets = np.fromiter(accumulate((len(v) for v in values), initial=0), np.int32, len(values) + 1)
    flat = np.concatenate(values) if values else np.empty(0, dtype)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat), type=type_)


def _plain(hint: Any) -> Callable[[Any], Any] | None:
    """How a nested value becomes dicts and lists; None where it already is plain."""
    if is_dataclass(hint) and isinstance(hint, type):
        parts = [(f.name, _plain(f.type)) for f in row_fields(hint)]
        return lambda v: {
            name: getattr(v, name) if part is None or getattr(v, name) is None else part(getattr(v, name))
            for name, part in parts
        }
    if get_origin(hint) is list:
        inner = _plain(get_args(hint)[0])
        return None if inner is None else lambda v: [inner(item) for item in v]
    return None


@memoize
def _readers(row: type) -> tuple[Callable[[Any], list[Any]], ...]:
    return tuple(_reader(f) for f in row_fields(row))


def _reader(f: Field) -> Callable[[Any], list[Any]]:
    if get_origin(f.type) is np.ndarray:
        return lambda column: [np.asarray(v.values) for v in column]
    built = _builder(f.type)
    if built is None:
        return lambda column: column.to_pylist()
    return lambda column: [None if v is None else built(v) for v in column.to_pylist()]


def _builder(hint: Any) -> Callable[[Any], Any] | None:
    """The inverse of ``_plain``."""
    if is_dataclass(hint) and isinstance(hint, type):
        parts = [(f.name, _builder(f.type)) for f in row_fields(hint)]
        return lambda v: hint(*(v[name] if part is None or v[name] is None else part(v[name]) for name, part in parts))
    if get_origin(hint) is list:
        inner = _builder(get_args(hint)[0])
        return None if inner is None else lambda v: [inner(item) for item in v]
    return None
