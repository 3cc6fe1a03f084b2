"""A pool of vectors of which no two are alike, filled in order: exact, and far quicker than comparing all in full.

The vectors are turned so that the first ``m`` numbers hold most of them (principal axes of a sample). By the
Cauchy-Schwarz inequality no cosine is above the product of these heads plus the product of the lengths of the rest,
which is one product of ``m + 1`` numbers. Only pairs whose bound reaches the threshold are compared in full, in
float64, so the answer does not depend on how the work is cut up. The number of bounds still grows with the square of
the number of vectors that stay; where no bound would spare anything (vectors without any structure, a low threshold),
all numbers are multiplied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

SLACK = 1e-4  # far above what float32 makes of a product of vectors of length 1
_SAMPLE = 4096
_BLOCK = 512
_CHUNK = 8192  # of the pool, at once: 16 MiB of bounds
_PAIRS = 1 << 16
_WIDTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_DEAR = 200
"""A pair that is looked up and compared costs about as much as so many in one large product (measured)."""


def greedy(vectors: NDArray[Any], threshold: float) -> Places:
    """For each vector the first of the pool whose cosine with it is at least ``threshold``; -1 for one that joins it.

    Vectors come in the order in which they are judged, ``(N, D)``. Beside them it needs some 200 MB for 100 000 of
    384 numbers. One without length is like no other.
    """
    units = to_units(vectors)
    like = np.full(len(units), -1, np.int64)
    pool = _Pool(units, heads(units, threshold), threshold)
    for start in range(0, len(units), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(units)))
        pool.look_up(block, like)
        pool.join(block[like[block] < 0], like)
    return like


def brute(vectors: NDArray[Any], threshold: float) -> Places:
    """The same, comparing all with all in float64, one row after the other."""
    units = to_units(vectors).astype(np.float64)
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
    like, kept = np.full(len(units), -1, np.int64), list[int]()
    pool = np.empty_like(units)
    for at, unit in enumerate(units):
        near = np.flatnonzero(pool[: len(kept)] @ unit >= threshold)
        if len(near):
            like[at] = kept[near[0]]
        else:
            pool[len(kept)] = unit
            kept.append(at)
    return like


class _Pool:
    """The vectors that stayed so far, as heads one after the other."""

    def __init__(self, units: Floats, heads: Floats, threshold: float) -> None:
        self._units, self._heads, self._threshold = units, heads, threshold
        self._kept = np.empty(len(units), np.int64)
        self._kept_heads = np.empty_like(heads)
        self._size = 0

    def look_up(self, block: Places, like: Places) -> None:
        """Write to ``like`` what each of a block is like, of the pool."""
        for low in range(0, self._size, _CHUNK):
            block = block[like[block] < 0]
            if not len(block):
                return
            high = min(low + _CHUNK, self._size)
            bounds = self._heads[block] @ self._kept_heads[low:high].T
            rows = np.flatnonzero(bounds.max(axis=1) >= self._threshold - SLACK)
            if len(rows):
                at, near = np.nonzero(bounds[rows] >= self._threshold - SLACK)
                self._compare(block[rows[at]], self._kept[low + near], like)

    def _compare(self, some: Places, others: Places, like: Places) -> None:
        """In full; pairs are in order of ``some``, then of ``others``."""
        for low in range(0, len(some), _PAIRS):
            one, other = some[low : low + _PAIRS], others[low : low + _PAIRS]
            cosines = np.einsum("ij,ij->i", exact(self._units[one]), exact(self._units[other]))
            hits = np.flatnonzero((cosines >= self._threshold) & (like[one] < 0))[::-1]
            like[one[hits]] = other[hits]  # of several the first counts: it is written last

    def join(self, block: Places, like: Places) -> None:
        """Take those of a block that are like none before them in it; write to ``like`` what the others are like."""
        full = exact(self._units[block])
        near = np.tril(full @ full.T >= self._threshold, -1)
        stays = np.ones(len(block), bool)
        for at in np.flatnonzero(near.any(axis=1)).tolist():
            first = np.flatnonzero(near[at] & stays)
            if len(first):
                stays[at], like[block[at]] = False, block[first[0]]
        fresh = block[stays]
        part = slice(self._size, self._size + len(fresh))
        self._kept[part], self._kept_heads[part] = fresh, self._heads[fresh]
        self._size += len(fresh)


def to_units(vectors: NDArray[Any]) -> Floats:
    """The vectors in float32, of length 1; those without length stay so."""
    made = np.array(vectors, np.float32, ndmin=2)
    made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
    return made


def exact(units: Floats) -> NDArray[np.float64]:
    """Units in float64, of length 1 anew."""
    made: NDArray[np.float64] = units.astype(np.float64)
    made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
    return made


class _Rotation(NamedTuple):
    """Axes, the weightiest first, ``(D, D)``, and how many of them make a head."""

    axes: Floats
    width: int


def heads(units: Floats, threshold: float) -> Floats:
    """``(N, m + 1)``: of each vector its numbers on the first axes, and the length of the rest."""
    if not units.size:
        return np.zeros((len(units), 1), np.float32)
    turn = _turn(units, threshold)
    if turn.width >= units.shape[1]:
        return units
    made = np.empty((len(units), turn.width + 1), np.float32)
    for low in range(0, len(units), _SAMPLE):
        turned = units[low : low + _SAMPLE] @ turn.axes
        made[low : low + _SAMPLE, :-1] = turned[:, : turn.width]
        made[low : low + _SAMPLE, -1] = np.linalg.norm(turned[:, turn.width :], axis=1)
    return made


def _turn(units: Floats, threshold: float) -> _Rotation:
    """The axes of a sample, and the width at which bounds and comparisons cost least there."""
    count, numbers = units.shape
    sample = units[np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))]
    fitted, rest_of_it = sample[::2], sample[1::2]  # axes hold more of what they were fitted to
    _, axes = np.linalg.eigh((fitted.T @ fitted).astype(np.float64))
    axes = np.ascontiguousarray(axes[:, ::-1], np.float32)
    turned = rest_of_it @ axes
    some, others = turned[::4][:256], turned[1::2][:1024]
    costs = {numbers: float(numbers)}
    for width in (w for w in _WIDTHS if w < numbers and len(others)):
        rest, other_rest = (np.linalg.norm(part[:, width:], axis=1) for part in (some, others))
        bounds = some[:, :width] @ others[:, :width].T + rest[:, None] * other_rest
        costs[width] = width + 1 + _DEAR * numbers * float((bounds >= threshold - SLACK).mean())
    return _Rotation(axes, min(costs, key=lambda width: costs[width]))
