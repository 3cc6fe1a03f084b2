"""Which clips to make of a video's shots: a pure function of their times."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...schemas import Span

SLACK_S = 1e-6
"""Lengths and neighbours are compared this loosely: times are floats."""


class ClipDraft(NamedTuple):
    """One clip to be: its times and the parts of shots inside it."""

    start_s: float
    end_s: float
    shots: list[Span]


@dataclass(frozen=True)
class ClipPolicy:
    """How long clips may be, and what becomes of shots that are shorter or longer.

    ``trim_s`` is taken off both ends of a shot (or of shots that were merged), before its length is
    judged; the cuts that ``long="split"`` makes lie inside a shot and lose nothing.
    """

    min_s: float = 2.0
    max_s: float = 60.0
    short: str = "drop"  # drop, merge or keep
    long: str = "split"  # split, trim, keep or drop
    trim_s: float = 0.0

    def pieces(self, shots: Sequence[Span]) -> list[ClipDraft]:
        """The clips of one video, in order and disjoint; ``shots`` must be so too.

        ``short="merge"`` joins a shot with the next until both together are long enough, and the last
        with the one before; only shots that touch are joined, and what is still too short is dropped.
        """
        found = []
        for group in self._groups(shots):
            start_s, end_s = group[0].start_s + self.trim_s, group[-1].end_s - self.trim_s
            for piece_s, stop_s in self._fit(start_s, end_s):
                parts = _inside(group, piece_s, stop_s)
                if parts:
                    found.append(ClipDraft(parts[0].start_s, parts[-1].end_s, parts))  # the very floats, not their sums
        return found

    def _groups(self, shots: Sequence[Span]) -> list[list[Span]]:
        if self.short != "merge":
            return [[shot] for shot in shots]
        groups: list[list[Span]] = []
        for shot in shots:
            if groups and self._joins(groups[-1], shot):
                groups[-1].append(shot)
            else:
                groups.append([shot])
        for at in range(len(groups) - 1, 0, -1):  # what found no partner after it takes the one before
            if self._is_short(groups[at]) and _touch(groups[at - 1], groups[at][0]):
                groups[at - 1] += groups.pop(at)
        return groups

    def _joins(self, group: list[Span], shot: Span) -> bool:
        return self._is_short(group) and _touch(group, shot)

    def _is_short(self, group: list[Span]) -> bool:
        return group[-1].end_s - group[0].start_s - 2 * self.trim_s < self.min_s - SLACK_S

    def _fit(self, start_s: float, end_s: float) -> Iterator[tuple[float, float]]:
        length_s = end_s - start_s
        if length_s <= SLACK_S or (length_s < self.min_s - SLACK_S and self.short != "keep"):
            return
        if length_s <= self.max_s + SLACK_S or self.long == "keep":
            yield start_s, end_s
        elif self.long == "trim":
            yield start_s, start_s + self.max_s
        elif self.long == "split":
            yield from self._split(start_s, end_s)

    def _split(self, start_s: float, end_s: float) -> Iterator[tuple[float, float]]:
        """Equal pieces; where those were too short, pieces of ``max_s``, and the rest is dropped."""
        length_s = end_s - start_s
        count = math.ceil(length_s / self.max_s - SLACK_S)
        if length_s / count < self.min_s - SLACK_S:
            count = math.floor(length_s / self.max_s + SLACK_S)
            length_s = count * self.max_s
            end_s = start_s + length_s
        edges = [*(start_s + length_s * i / count for i in range(count)), end_s]
        yield from zip(edges, edges[1:], strict=False)


def _touch(group: list[Span], shot: Span) -> bool:
    return abs(shot.start_s - group[-1].end_s) <= 1e-3


def _inside(shots: list[Span], start_s: float, end_s: float) -> list[Span]:
    cut = [Span(max(s.start_s, start_s), min(s.end_s, end_s)) for s in shots]
    return [s for s in cut if s.end_s - s.start_s > SLACK_S]
