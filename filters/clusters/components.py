"""Connected components, joined many pairs at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


class Components:
    """Disjoint groups of the numbers below ``count``; a group's label is its smallest member."""

    def __init__(self, count: int) -> None:
        self._parent = np.arange(count)

    def join(self, one: Places, other: Places) -> None:
        """Put ``one[i]`` and ``other[i]`` into one group, for all ``i``."""
        while True:
            a, b = self._parent[one], self._parent[other]
            apart = a != b
            if not apart.any():
                return
            one, other, a, b = one[apart], other[apart], a[apart], b[apart]
            np.minimum.at(self._parent, np.maximum(a, b), np.minimum(a, b))
            self._flatten()

    def labels(self) -> Places:
        """The label of each number's group, ``(count,)``."""
        return self._parent.copy()

    def _flatten(self) -> None:
        while True:
            above = self._parent[self._parent]
            if (above == self._parent).all():
                return
            self._parent = above


def keepers(labels: Places, *ranks: NDArray[np.generic]) -> Places:
    """Who of each number's group stays: the first by ``ranks``, the weightiest rank first, then the smallest number.

    Ranks are ``(count,)``, small is better. The answer does not depend on the order in which groups were joined.
    """
    order = np.lexsort((np.arange(len(labels)), *ranks[::-1], labels))
    group = labels[order]
    first = np.concatenate([[True], group[1:] != group[:-1]]) if len(order) else np.zeros(0, bool)
    best = np.empty(len(labels), np.int64)
    best[group[first]] = order[first]
    return np.asarray(best[labels])
