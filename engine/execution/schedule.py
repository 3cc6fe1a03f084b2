"""Which shards of which steps can be worked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..planning.plan import Node


class Schedule:
    """The shards that are finished, and those whose inputs are, by node. A ``Global`` step has one shard, number 0.

    Finishing a shard looks at what reads it and at nothing else, so that a shard among many costs what it costs
    among few. When a ``Global`` step is ready depends on more than what it reads: that is not decided here.
    """

    def __init__(self, nodes: Sequence[Node], shards: int, numbers: Sequence[int] | None = None) -> None:
        self._numbers = range(shards) if numbers is None else numbers  # of the shards that are to be done
        self._left = {node.index: 1 if node.shape == "global" else len(self._numbers) for node in nodes}
        self._wholes = {node.index for node in nodes if node.shape == "global"}
        self._readers: dict[int, list[int]] = {node.index: [] for node in nodes}
        self._lacks: dict[int, list[int]] = {}  # by shard, how many of its inputs are not finished
        for node in nodes:
            if node.index not in self._wholes:
                self._lacks[node.index] = [len(node.sources)] * shards
                for source in node.sources:
                    self._readers[source].append(node.index)
        self.ready = {i: deque(n for n in self._numbers if not lacks[n]) for i, lacks in self._lacks.items()}

    def finish(self, node: int, number: int) -> None:
        """A shard is finished."""
        self._left[node] -= 1
        for reader in self._readers[node]:
            lacks = self._lacks[reader]
            for at in self._numbers if node in self._wholes else (number,):
                lacks[at] -= 1
                if not lacks[at]:
                    self.ready[reader].append(at)

    def is_done(self, node: int) -> bool:
        """Are all of its shards finished?"""
        return not self._left[node]
