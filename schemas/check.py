"""Is a row what its type says, so that files can hold it? Ranges, choices, nulls, finite numbers and sound text."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import is_dataclass
from itertools import chain
from types import NoneType
from typing import Any, get_args, get_origin

import numpy as np

from .col import Col, Field, memoize, row_fields

Check = Callable[[Any], str | None]
ColumnCheck = Callable[[list[Any]], bool]

_EXACT = 1 << 53  # from here on a float64 skips whole numbers
_INT64 = 1 << 63


def problem(row: Any) -> str | None:
    """The first thing wrong with a row, as ``column: what`` - or None for a sound one."""
    for name, check in _checks(type(row)):
        if said := check(getattr(row, name)):
            return f"{type(row).__name__}.{name}: {said}"
    return None


def are_sound(rows: Sequence[Any]) -> bool:
    """Is nothing wrong with any of these rows of one type, for sure? Looks at a whole column in one go.

    False for some that are sound too, such as those with arrays or with text that is not ASCII: ``problem`` tells.
    """
    return not rows or all(check(list(map(get, rows))) for get, check in _column_checks(type(rows[0])))


def unwritable(value: object) -> str | None:
    """Why a value cannot be an id or a reason - or None for text that is not empty."""
    if type(value) is not str:
        return _wrong(str, value)
    return _text(value) if value else "is empty"


@memoize
def _checks(row: type) -> tuple[tuple[str, Check], ...]:
    return tuple((f.name, _check(f)) for f in row_fields(row))


@memoize
def _column_checks(row: type) -> tuple[tuple[Callable[[Any], Any], ColumnCheck], ...]:
    fields = row_fields(row)
    return tuple((operator.attrgetter(f.name), _column_check(f.type, f.col, f.optional)) for f in fields)


def _column_check(hint: Any, col: Col, optional: bool) -> ColumnCheck:
    of_type = _values_check(hint, col)
    allowed = {float, int} if hint is float else {get_origin(hint) or hint}

    def check(values: list[Any]) -> bool:
        found = {*map(type, values)}
        if optional and NoneType in found:
            values = [value for value in values if value is not None]
            found.remove(NoneType)
        return not values or (found <= allowed and of_type(values))

    return check


def _values_check(hint: Any, col: Col) -> ColumnCheck:
    """Whether some values of a type, at least one, are sound for sure."""
    low = -math.inf if col.low is None else col.low
    high = math.inf if col.high is None else col.high
    if hint is str:
        return lambda values: {*values} <= {*col.choices} if col.choices else "".join(values).isascii()
    if hint is float:  # a number that is not finite makes the sum so; a whole one must be one that a float can be
        low, high = max(low, -_EXACT), min(high, _EXACT)
        return lambda values: math.isfinite(sum(values)) and low <= min(values) and max(values) <= high
    if hint is int:
        low, high = max(low, -_INT64), min(high, _INT64 - 1)
        return lambda values: low <= min(values) and max(values) <= high
    if get_origin(hint) is list:
        items = _column_check(get_args(hint)[0], col, False)
        return lambda values: items([*chain.from_iterable(values)])
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda values: are_sound(values)
    return lambda values: hint in (bool, bytes) and not col.choices


def _check(f: Field) -> Check:
    inner = _value_check(f.type, f.col)

    def check(value: Any) -> str | None:
        if value is None:
            return None if f.optional else "is null"
        return inner(value)

    return check


def _value_check(hint: Any, col: Col) -> Check:
    if get_origin(hint) is list:
        item = _value_check(get_args(hint)[0], col)
        return lambda value: _first(value, item) if isinstance(value, list) else _wrong(list, value)
    if get_origin(hint) is np.ndarray:
        dtype = array_dtype(hint)
        return lambda value: _array(value, dtype, col)
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value: problem(value) if type(value) is hint else _wrong(hint, value)
    if hint is float:
        return lambda value: _float(value, col) if type(value) in (float, int) else _wrong(float, value)
    if hint is int:
        return lambda value: _int(value, col) if type(value) is int else _wrong(int, value)
    if hint is str:
        return lambda value: _text(value) or _choice(value, col) if type(value) is str else _wrong(str, value)
    return lambda value: _choice(value, col) if type(value) is hint else _wrong(hint, value)


def array_dtype(hint: Any) -> np.dtype[Any]:
    """The type of the numbers of a field that is an array."""
    made: np.dtype[Any] = np.dtype(get_args(get_args(hint)[1])[0])
    return made


def _first(values: list[Any], item: Check) -> str | None:
    found: Iterator[str] = (f"item {i} {said}" for i, v in enumerate(values) if (said := item(v)))
    return next(found, None)


def _float(value: float, col: Col) -> str | None:
    if type(value) is int and abs(value) > _EXACT:
        return "is a whole number that a float cannot hold"
    return _range(value, col) if math.isfinite(value) else f"is {value}"


def _int(value: int, col: Col) -> str | None:
    return _range(value, col) if -_INT64 <= value < _INT64 else "is a number of more than 64 bits"


def _range(value: float, col: Col) -> str | None:
    if col.low is not None and value < col.low:
        return f"{value:g} is below {col.low:g}"
    if col.high is not None and value > col.high:
        return f"{value:g} is above {col.high:g}"
    return None


def _text(value: str) -> str | None:
    if value.isascii():
        return None
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return f"holds a lone surrogate, {value[error.start]!r}, which is no character"
    return None


def _array(value: Any, dtype: np.dtype[Any], col: Col) -> str | None:
    if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype.kind not in "fiu":
        return "is not a one-dimensional array of numbers"
    if not value.size:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        kept = value.astype(dtype)
    if not np.isfinite(value).all() or not np.isfinite(kept).all():
        return f"holds a number that is not finite, or too large for {dtype.name}"
    return _range(float(value.min()), col) or _range(float(value.max()), col)


def _choice(value: Any, col: Col) -> str | None:
    return f"{value!r} is none of {', '.join(col.choices)}" if col.choices and value not in col.choices else None


def _wrong(hint: type, value: Any) -> str:
    return f"is {type(value).__name__}, not {hint.__name__}"
