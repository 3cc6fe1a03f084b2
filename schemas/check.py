"""Is a row what its type says, so that files can hold it? Ranges, choices, nulls, finite numbers and sound text."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any, NamedTuple, get_args, get_origin

import numpy as np

from .col import Col, Field, memoize, row_fields

Check = Callable[[Any], str | None]

_EXACT = 1 << 53  # from here on a float64 skips whole numbers
_INT64 = 1 << 63


def problem(row: Any) -> str | None:
    """The first thing wrong with a row, as ``column: what`` - or None for a sound one."""
    names, checks, quick, values_of = _checks(type(row))
    if all(map(operator.call, quick, values_of(row))):
        return None
    for name, check in zip(names, checks, strict=True):
        if said := check(getattr(row, name)):
            return f"{type(row).__name__}.{name}: {said}"
    return None


def unwritable(value: object) -> str | None:
    """Why a value cannot be an id or a reason - or None for text that is not empty."""
    if type(value) is not str:
        return _wrong(str, value)
    return _text(value) if value else "is empty"


class _RowChecks(NamedTuple):
    """How the rows of a type are checked: by the quick checks, and by the others where one of those says no."""

    names: tuple[str, ...]
    checks: tuple[Check, ...]
    quick: tuple[Callable[[Any], bool], ...]
    values_of: Callable[[Any], tuple[Any, ...]]


@memoize
def _checks(row: type) -> _RowChecks:
    fields = row_fields(row)
    names = tuple(f.name for f in fields)
    get = operator.attrgetter(*names)
    values_of = get if len(names) > 1 else lambda value: (get(value),)
    return _RowChecks(names, tuple(map(_check, fields)), tuple(map(_quick_check, fields)), values_of)


def _quick_check(f: Field) -> Callable[[Any], bool]:
    """Whether a value is sound for sure: of the plainest kind of its column."""
    low = -sys.float_info.max if f.col.low is None else f.col.low
    high = sys.float_info.max if f.col.high is None else f.col.high
    choices, optional = f.col.choices, f.optional
    if f.type is str and not choices:
        return lambda value: value.isascii() if type(value) is str else optional and value is None
    if f.type is float:
        least, most = max(low, -_EXACT), min(high, _EXACT)
        return lambda value: (
            low <= value <= high if type(value) is float
            else least <= value <= most if type(value) is int else optional and value is None
        )  # fmt: skip
    if f.type is int:
        least, most = max(low, -_INT64), min(high, _INT64 - 1)
        return lambda value: least <= value <= most if type(value) is int else optional and value is None
    if f.type is bool:
        return lambda value: type(value) is bool or (optional and value is None)
    if get_origin(f.type) is list:
        return lambda value: not value if type(value) is list else optional and value is None
    return lambda value: optional and value is None


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
