"""Which of many 64-bit hashes lie within a few bits of each other, without comparing all with all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_AT_ONCE = 1 << 22  # candidates in memory


class NeighbourPairs(NamedTuple):
    """Pairs of places: ``query`` into the hashes asked for, ``found`` into all."""

    query: Places
    found: Places


def near_pairs(hashes: Hashes, queries: Hashes, max_bits: int) -> Iterator[NeighbourPairs]:
    """Every pair of a query and a hash that differ in at most ``max_bits`` bits, some of them more than once.

    Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012): of ``m`` pieces of two hashes within ``d`` bits of
    each other, one of the first ``d % m + 1`` differs in at most ``d // m`` bits or one of the rest in fewer. So
    each piece is looked up with all changes of so few bits, and what is found is compared in full.
    """
    if not len(hashes) or not len(queries):
        return
    pieces = _pieces(len(hashes))
    radius, rest = divmod(max_bits, len(pieces))
    for number, (shift, width) in enumerate(pieces):
        reach = radius if number <= rest else radius - 1
        if reach >= 0:
            yield from _look_up(hashes, queries, shift, width, reach, max_bits)


def _pieces(count: int) -> list[tuple[int, int]]:
    """(shift, width) of the pieces: so wide that a bucket holds about one hash, at most 22 bits each."""
    number = int(np.clip(round(64 / np.log2(max(count, 2))), 3, 16))
    edges = [round(64 * i / number) for i in range(number + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _look_up(
    hashes: Hashes, queries: Hashes, shift: int, width: int, reach: int, max_bits: int
) -> Iterator[NeighbourPairs]:
    keys = _piece(hashes, shift, width)
    order = np.argsort(keys, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=1 << width))])
    asked = _piece(queries, shift, width)
    for change in _changes(width, reach):
        key = asked ^ change
        first, counts = starts[key], starts[key + 1] - starts[key]
        hit = np.flatnonzero(counts)
        for some in _slices(hit, counts[hit]):
            query = np.repeat(some, counts[some])
            found = order[ranges(first[some], counts[some])]
            near = np.bitwise_count(hashes[found] ^ queries[query]) <= max_bits
            yield NeighbourPairs(query[near], found[near])


def _piece(hashes: Hashes, shift: int, width: int) -> Places:
    return ((hashes >> np.uint64(shift)) & np.uint64((1 << width) - 1)).astype(np.int64)


def _changes(width: int, reach: int) -> Iterator[int]:
    """All numbers of ``width`` bits of which at most ``reach`` are set."""
    for bits in range(min(reach, width) + 1):
        yield from (sum(1 << place for place in places) for places in combinations(range(width), bits))


def _slices(places: Places, counts: Places) -> Iterator[Places]:
    """The places in runs whose counts stay within what memory takes."""
    run = np.cumsum(counts) // _AT_ONCE
    yield from np.split(places, np.flatnonzero(np.diff(run)) + 1) if len(places) else ()


def ranges(first: Places, counts: Places) -> Places:
    """``first[i], first[i] + 1, ...`` (``counts[i]`` of them) for all ``i``, one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - counts - first, counts)
