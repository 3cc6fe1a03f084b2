"""Is a row what its type says? Ranges, choices, nulls and finite numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin

import numpy as np

from .col import Col, Field, cached, row_fields

Check = Callable[[Any], str | None]


def problem(row: Any) -> str | None:
    """The first thing wrong with a row, as ``column: what`` - or None for a sound one."""
    for name, check in _checks(type(row)):
        said = check(getattr(row, name))
        if said:
            return f"{type(row).__name__}.{name}: {said}"
    return None


@cached
def _checks(row: type) -> tuple[tuple[str, Check], ...]:
    return tuple((f.name, _check(f)) for f in row_fields(row))


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
        return lambda value: _array(value, col)
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value: problem(value) if type(value) is hint else _wrong(hint, value)
    if hint is float:
        return lambda value: _number(value, col) if type(value) in (float, int) else _wrong(float, value)
    if hint is int:
        return lambda value: _number(value, col) if type(value) is int else _wrong(int, value)
    return lambda value: _choice(value, col) if type(value) is hint else _wrong(hint, value)


def _first(values: list[Any], item: Check) -> str | None:
    found: Iterator[str] = (f"item {i} {said}" for i, v in enumerate(values) if (said := item(v)))
    return next(found, None)


def _number(value: float, col: Col) -> str | None:
    if not math.isfinite(value):
        return f"is {value}"
    if col.low is not None and value < col.low:
        return f"{value:g} is below {col.low:g}"
    if col.high is not None and value > col.high:
        return f"{value:g} is above {col.high:g}"
    return None


def _array(value: Any, col: Col) -> str | None:
    if not isinstance(value, np.ndarray) or value.ndim != 1:
        return "is not a one-dimensional array"
    if not value.size:
        return None
    if not np.isfinite(value).all():
        return "holds a number that is not finite"
    return _number(float(value.min()), col) or _number(float(value.max()), col)


def _choice(value: Any, col: Col) -> str | None:
    return f"{value!r} is none of {', '.join(col.choices)}" if col.choices and value not in col.choices else None


def _wrong(hint: type, value: Any) -> str:
    return f"is {type(value).__name__}, not {hint.__name__}"
