"""Rows of every type, drawn by hypothesis from what their fields say."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any, get_args, get_origin

import numpy as np
from hypothesis import strategies as st

from cliploom.schemas import Col, row_fields


def rows(row: type) -> st.SearchStrategy[Any]:
    """Sound rows of a type: every value in its range, nulls where they may be."""
    parts = {f.name: values(f.type, f.col) for f in row_fields(row)}
    parts = {f.name: st.none() | parts[f.name] if f.optional else parts[f.name] for f in row_fields(row)}
    return st.builds(row, **parts)


def values(hint: Any, col: Col) -> st.SearchStrategy[Any]:
    """Values of a field's type, inside its column's range."""
    if get_origin(hint) is list:
        return st.lists(values(get_args(hint)[0], col), max_size=3)
    if get_origin(hint) is np.ndarray:
        dtype = np.dtype(get_args(get_args(hint)[1])[0])
        return st.lists(_numbers(col, -8, 8), max_size=5).map(lambda v: np.asarray(v, dtype))
    if is_dataclass(hint) and isinstance(hint, type):
        return rows(hint)
    if hint is float:
        return _numbers(col, -60_000, 60_000)
    if hint is int:
        low, high = col.low, col.high
        return st.integers(-(2**62) if low is None else int(low), 2**62 if high is None else int(high))
    if hint is str:
        return st.sampled_from(col.choices) if col.choices else st.text(max_size=8)
    return {bool: st.booleans(), bytes: st.binary(max_size=8)}[hint]


def _numbers(col: Col, low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low if col.low is None else col.low, high if col.high is None else col.high, width=16)
