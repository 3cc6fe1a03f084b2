"""A trie whose edges lie in one hash table, a numpy array, so that many places are followed at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Symbols = NDArray[np.uint64]

ROOT = 0
_FREE = np.uint64(0xFFFFFFFF)
_HALF, _INNER, _VALUE = np.uint64(32), np.uint64(1 << 31), np.uint64((1 << 31) - 1)
_STEP, _SPREAD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


class Arrivals(NamedTuple):
    """Where edges led: for those of the asked that have one."""

    at: Places  # places among the asked, ascending
    node: Symbols
    value: Places  # what ends there; -1 for nothing
    leads_on: NDArray[np.bool_]  # whether the node has children


class Trie(NamedTuple):
    """Edges ``(parent, symbol) -> child`` by open addressing, 16 bytes a slot, at most half of them taken.

    The child of an edge is the slot that the edge lies in, plus 1; node 0 is the root.

    Attributes:
        slots: ``(S, 2)`` uint64, ``S`` a power of 2: the edge's symbol; then its parent in the upper 32 bits (all ones
            where the slot is free), in the next bit whether its child has children, and in the lower 31 the value that
            ends at its child, plus 1 (0 for none).
    """

    slots: Symbols

    def follow(self, parent: Symbols, symbol: Symbols) -> Arrivals:
        """The child of each parent by each symbol."""
        slot = _places(parent, symbol, len(self.slots))
        edge = np.take(self.slots, slot, axis=0)
        told = edge[:, 1].copy()
        held = told >> _HALF
        hit = (held == parent) & (edge[:, 0] == symbol)
        rest = np.flatnonzero(~hit & (held != _FREE))
        while len(rest):  # another edge is there: look on
            slot[rest] = (slot[rest] + 1) & (len(self.slots) - 1)
            edge = np.take(self.slots, slot[rest], axis=0)
            held = edge[:, 1] >> _HALF
            good = (held == parent[rest]) & (edge[:, 0] == symbol[rest])
            hit[rest[good]], told[rest[good]] = True, edge[good, 1]
            rest = rest[~good & (held != _FREE)]
        at = np.flatnonzero(hit)
        told = told[at]
        return Arrivals(at, (slot[at] + 1).astype(np.uint64), (told & _VALUE).astype(np.int64) - 1, told & _INNER != 0)

    @property
    def is_empty(self) -> bool:
        """Whether it has no edges."""
        return len(self.slots) == 1

    @property
    def nbytes(self) -> int:
        """What it takes in memory, bytes."""
        return self.slots.nbytes


class TrieBuilder:
    """Takes edges, one level after another, and lays the table out when it knows how many there are."""

    def __init__(self) -> None:
        self._levels = list[tuple[Places, Symbols]]()
        self._nodes = 1

    def add(self, parent: Places, symbol: Symbols) -> Places:
        """The child of each parent by each symbol, made where it is new. All edges of a level are added at once."""
        names, place = np.unique(symbol, return_inverse=True)
        width = max(len(names), 1)
        edges, edge = np.unique(parent * width + place, return_inverse=True)
        self._levels.append((edges // width, names[edges % width]))
        self._nodes += len(edges)
        return np.asarray(edge + self._nodes - len(edges))

    def finish(self, ends: Places, values: Places) -> Trie:
        """The trie, with ``values[i]`` at the node ``ends[i]``."""
        edges = self._nodes - 1
        slots = np.zeros((1 << int(2 * edges - 1).bit_length() if edges else 1, 2), np.uint64)
        slots[:, 1] = _FREE << _HALF
        node = np.zeros(self._nodes, np.int64)  # from the number in which it was made to its own
        made = 1
        for parent, symbol in self._levels:
            node[made : made + len(parent)] = _fill(slots, node[parent].astype(np.uint64), symbol)
            made += len(parent)
            inner = node[parent][node[parent] > ROOT]
            slots[inner - 1, 1] |= _INNER
        slots[node[ends] - 1, 1] |= (values + 1).astype(np.uint64)
        return Trie(slots)


def _fill(slots: Symbols, parent: Symbols, symbol: Symbols) -> Places:
    """Put edges into free slots; their children."""
    slot, rest = _places(parent, symbol, len(slots)), np.arange(len(parent))
    while len(rest):
        free = np.flatnonzero(slots[slot[rest], 1] >> _HALF == _FREE)
        _, first = np.unique(slot[rest[free]], return_index=True)
        placed = rest[free[first]]
        slots[slot[placed], 0], slots[slot[placed], 1] = symbol[placed], parent[placed] << _HALF
        left = np.ones(len(rest), bool)
        left[free[first]] = False
        rest = rest[left]
        slot[rest] = (slot[rest] + 1) & (len(slots) - 1)
    return slot + 1


def _places(parent: Symbols, symbol: Symbols, size: int) -> Places:
    mixed = (symbol + parent * _STEP) * _SPREAD
    return np.asarray(((mixed ^ (mixed >> _HALF)) & np.uint64(size - 1)).astype(np.int64))
