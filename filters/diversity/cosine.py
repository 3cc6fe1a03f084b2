"""All pairs of vectors that are alike, exact, in blocks: the bounds of ``greedy`` spare most of the products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .greedy import SLACK, Floats, Places, exact, heads, to_units

_ROWS, _COLUMNS = 1024, 16_384  # of a block: 64 MiB of bounds
_PAIRS = 1 << 15  # compared in full at once


class CosinePairs(NamedTuple):
    """Pairs of places whose vectors are alike, and how much."""

    one: Places
    other: Places
    cosine: NDArray[np.float64]


def cosine_pairs(vectors: NDArray[Any], threshold: float, others: NDArray[Any] | None = None) -> Iterator[CosinePairs]:
    """All pairs with a cosine of ``threshold`` or more, in parts, by ``one``.

    Of ``vectors``, ``(N, D)``, among themselves (``one < other``); or of each of them with each of ``others``,
    ``(M, D)``. Vectors without length are like none. The answer is that of comparing all in float64. Beside the vectors
    it takes their float32 copies and some 200 MB.
    """
    units = to_units(vectors)
    every = units if others is None else np.concatenate([units, to_units(others)])
    if not every.size:
        return
    tops = heads(every, threshold)
    low_column = 0 if others is None else len(units)
    for low in range(0, len(units), _ROWS):
        rows = np.arange(low, min(low + _ROWS, len(units)))
        for left in range(low if others is None else low_column, len(every), _COLUMNS):
            bounds = tops[rows] @ tops[left : left + _COLUMNS].T
            if others is None and left == low:
                bounds[np.arange(len(rows)), np.arange(len(rows))] = -2  # each with itself
            some = np.flatnonzero(bounds.max(axis=1) >= threshold - SLACK)  # few: quicker than to look at all
            at, near = np.nonzero(bounds[some] >= threshold - SLACK)
            one, other = rows[some[at]], near + left
            if others is None:
                one, other = one[one < other], other[one < other]
            yield from _compare(every, one, other, threshold, low_column)


def _compare(units: Floats, one: Places, other: Places, threshold: float, first: int) -> Iterator[CosinePairs]:
    for low in range(0, len(one), _PAIRS):
        a, b = one[low : low + _PAIRS], other[low : low + _PAIRS]
        cosine = np.einsum("ij,ij->i", exact(units[a]), exact(units[b]))
        good = np.flatnonzero(cosine >= threshold)
        if len(good):
            yield CosinePairs(a[good], b[good] - first, cosine[good])
