"""Nested subsets: small ones to begin with, each the first rows of the next larger one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from ...engine.contract.errors import UserError
from .splits import draw

REST = "rest"  # the part that is in no subset
TAKEN = ("default", "captions", "tags", "segments", "scores", "reviews", "data", "clips", REST)  # names of other things
_NAME = re.compile(r"[A-Za-z0-9_]+")


class Subset(NamedTuple):
    """A subset, and the parts of the dataset that it is made of, in order: those of smaller ones, then its own."""

    name: str
    parts: tuple[str, ...]


class SubsetPlan(NamedTuple):
    """What is asked for and what became of it.

    Attributes:
        subsets: from the smallest on.
        parts: the part that each video is in; "" throughout where no subset is asked for.
    """

    subsets: Sequence[Subset]
    parts: Mapping[str, str]

    @property
    def order(self) -> list[str]:
        """All parts, in the order of their rows."""
        return [*(subset.name for subset in self.subsets), REST] if self.subsets else [""]


def check_subsets(sizes: Mapping[str, float], splits: Collection[str]) -> None:
    """Raise ``UserError`` for names or sizes that make no subsets."""
    for name, size in sizes.items():
        if not _NAME.fullmatch(name) or name in TAKEN or name in splits:
            said = f"cards.dataset.subsets: {name!r} is no name for a subset"
            raise UserError(said, f"use letters, digits and _, and none of {', '.join([*splits, *TAKEN])}")
        if not (0 < size < 1 or (size >= 1 and size == int(size))):
            said = f"cards.dataset.subsets: the size of {name} is {size:g}"
            raise UserError(said, "write a share of the videos, such as 0.1, or a number of clips, such as 1000")


def plan_subsets(
    clips: Mapping[str, int], splits: Mapping[str, str], sizes: Mapping[str, float], seed: int
) -> SubsetPlan:
    """Deal videos out to subsets, given the number of clips and the split of each.

    All videos stand in one order that the seed draws, the first one of each split before all others; a subset is the
    first of them. A size below 1 is a share, drawn by each video's own id, so that a new video moves no other; from 1
    on it is a number of clips, of which no more are taken. A subset has whole videos, and one of each split at least.
    """
    if not sizes:
        return SubsetPlan((), dict.fromkeys(clips, ""))
    drawn = {video: draw(seed, f"subset\n{video}") for video in clips}
    ranked = sorted(clips, key=lambda video: (drawn[video], video))
    first = {splits[video]: video for video in reversed(ranked)}
    least = len(first)
    ranked = [*sorted(first.values(), key=ranked.index), *(v for v in ranked if first[splits[v]] != v)]

    def length(size: float) -> int:
        if size < 1:
            return least + sum(drawn[video] < size for video in ranked[least:])
        return max(least, bisect_right(list(accumulate(clips[video] for video in ranked)), size))

    lengths = {name: length(size) for name, size in sizes.items()}
    names = sorted(sizes, key=lambda name: lengths[name])  # of equals, the first that was asked for
    parts = {video: next((name for name in names if place < lengths[name]), REST) for place, video in enumerate(ranked)}
    return SubsetPlan([Subset(name, tuple(names[: n + 1])) for n, name in enumerate(names)], parts)


def part_name(split: str, part: str) -> str:
    """What files of a part of a split are called."""
    return f"{split}-{part}" if part else split
