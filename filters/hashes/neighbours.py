"""Which of many 64-bit hashes lie within a few bits of each other, without comparing all with all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def near_pairs_within(hashes: Hashes, max_bits: int) -> NeighbourPairs:
    """Every pair of places of hashes that differ in at most ``max_bits`` bits, once: ``query < found``, by both.

    A million hashes at 8 bits take less than a minute on two cores, which work side by side.
    """
    pieces = _pieces(len(hashes))
    radius, rest = divmod(max_bits, len(pieces))
    reaches = [(piece, radius if number <= rest else radius - 1) for number, piece in enumerate(pieces)]
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(_all_within, hashes, piece, reach, max_bits) for piece, reach in reaches if reach >= 0]
        keys = np.unique(np.concatenate([np.zeros(0, np.int64), *(job.result() for job in jobs)]))
    width = max(len(hashes), 1)
    return NeighbourPairs(keys // width, keys % width)


def _all_within(hashes: Hashes, piece: tuple[int, int], reach: int, max_bits: int) -> Places:
    parts = [np.zeros(0, np.int64)]
    for near in _look_up_within(hashes, *piece, reach, max_bits):
        low, high = np.minimum(near.query, near.found), np.maximum(near.query, near.found)
        parts.append(low * len(hashes) + high)
    return np.concatenate(parts)


def _pieces(count: int) -> list[tuple[int, int]]:
    """(shift, width) of the pieces: so wide that a bucket holds about one hash, at most 22 bits each."""
    number = int(np.clip(round(64 / np.log2(max(count, 2))), 3, 16))
    edges = [round(64 * i / number) for i in range(number + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


class _Buckets(NamedTuple):
    """Hashes by one piece of theirs: those with key ``k`` are ``order[starts[k]:starts[k + 1]]``."""

    order: Places
    starts: Places
    key: Places  # of each in order, ascending


def _buckets(hashes: Hashes, shift: int, width: int) -> _Buckets:
    keys = _piece(hashes, shift, width)
    order = np.argsort(keys, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=1 << width))])
    return _Buckets(order, starts, keys[order])


def _look_up(
    hashes: Hashes, queries: Hashes, shift: int, width: int, reach: int, max_bits: int
) -> Iterator[NeighbourPairs]:
    held, asked = _buckets(hashes, shift, width), _buckets(queries, shift, width)
    for change in _changes(width, reach):
        key = asked.key ^ change  # in order of keys, so that what is read lies together
        first = held.starts[key]
        yield from _compare(hashes, queries, asked.order, held.order, first, held.starts[key + 1] - first, max_bits)


def _look_up_within(hashes: Hashes, shift: int, width: int, reach: int, max_bits: int) -> Iterator[NeighbourPairs]:
    """As ``_look_up`` of the hashes among themselves, each pair from one of its sides."""
    held = _buckets(hashes, shift, width)
    rank = np.arange(len(hashes))
    yield from _compare(
        hashes, hashes, held.order, held.order, rank + 1, held.starts[held.key + 1] - rank - 1, max_bits
    )
    for change in _changes(width, reach):
        asked = np.flatnonzero(held.key & (change & -change) == 0) if change else rank[:0]
        key = held.key[asked] ^ change
        first, order = held.starts[key], held.order[asked]
        yield from _compare(hashes, hashes, order, held.order, first, held.starts[key + 1] - first, max_bits)


def _compare(  # noqa: PLR0913 - arrays that belong together
    hashes: Hashes, queries: Hashes, asked: Places, held: Places, first: Places, counts: Places, max_bits: int
) -> Iterator[NeighbourPairs]:
    """Compare each query ``asked[i]`` with the hashes ``held[first[i] : first[i] + counts[i]]``."""
    hit = np.flatnonzero(counts)
    for some in _slices(hit, counts[hit]):
        query = np.repeat(asked[some], counts[some])
        found = held[ranges(first[some], counts[some])]
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
