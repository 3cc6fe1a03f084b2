"""Which clips show the same pictures, by the perceptual hashes of their frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .neighbours import Hashes, NeighbourPairs, Places, near_pairs, ranges

MIRROR = np.uint64(0x5555555555555555)
"""The bits that a 64-bit DCT hash changes when its picture is mirrored left to right: every second frequency turns its
sign. Others change where the median does, a few at most."""
_AS_IT_IS = np.uint64(0)
_AT_ONCE = 1 << 22  # pairs of clips in memory


class Rule(NamedTuple):
    """When two clips are alike."""

    max_bits: int  # in which the hashes of two like frames differ
    share: float  # of the frames of the clip with fewer that are like some frame of the other
    length_ratio: float  # of the shorter to the longer, at least
    min_frames: int  # that a clip needs to be like any
    within_video: bool  # whether clips of one video are compared
    mirrored: bool = False  # whether pictures are like those that show them the other way round

    @property
    def views(self) -> tuple[np.uint64, ...]:
        """What a hash is changed by, for each way to look at a picture."""
        return (_AS_IT_IS, MIRROR) if self.mirrored else (_AS_IT_IS,)


@dataclass(frozen=True, slots=True, eq=False)
class ClipHashes:
    """The hashes of many clips: for clip ``i`` the entries ``start[i]:start[i + 1]``, each hash once with its count."""

    hashes: Hashes  # all different hashes, ascending
    start: Places  # (clips + 1,)
    entry: Places  # places in `hashes`
    count: Places  # frames of the clip with that hash
    frames: Places  # (clips,), frames of each clip
    seconds: NDArray[np.float64]  # (clips,), lengths
    video: Places  # (clips,), a number for each video

    def of(self, clip: int) -> tuple[Hashes, Places]:
        """A clip's hashes and their counts."""
        part = slice(self.start[clip], self.start[clip + 1])
        return self.hashes[self.entry[part]], self.count[part]


def gather(hashes: Hashes, clip: Places, seconds: NDArray[np.float64], video: Places) -> ClipHashes:
    """From one hash and one clip number per frame, and the length and video of each clip."""
    unique, place = np.unique(hashes, return_inverse=True)
    width = max(len(unique), 1)
    both, count = np.unique(clip * width + place, return_counts=True)
    owner, entry = both // width, both % width
    start = np.searchsorted(owner, np.arange(len(seconds) + 1))
    frames = np.bincount(clip, minlength=len(seconds))
    return ClipHashes(unique, start, entry, count, frames, seconds, video)


def groups(pictures: ClipHashes, rule: Rule, equal: Places | None = None) -> Places:
    """For each clip the number of the first clip of its group: alike, or alike to one that is, and so on.

    ``equal`` has a number for each clip, of which equal ones are of one group whatever they look like.
    """
    union = _Union(len(pictures.seconds))
    if equal is not None:
        seen: dict[int, int] = {}
        for clip, number in enumerate(equal.tolist()):
            union.join(clip, seen.setdefault(number, clip))
    for first, same in _identical(pictures, rule):
        union.join(first, same)
    chosen, unlike = union.roots() == np.arange(len(pictures.seconds)), set[tuple[int, int]]()
    for pairs in _candidates(pictures, rule, chosen):
        roots = union.roots()
        for one, other in zip(*pairs[roots[pairs[:, 0]] != roots[pairs[:, 1]]].T.tolist(), strict=True):
            if union.find(one) == union.find(other) or (one, other) in unlike:
                continue
            if alike(pictures, rule, one, other):
                union.join(one, other)
            else:
                unlike.add((one, other))
    return union.roots()


def alike(pictures: ClipHashes, rule: Rule, one: int, other: int) -> bool:
    """Are two clips alike? The share is taken of the one with fewer frames; of both where they have as many."""
    if min(pictures.frames[one], pictures.frames[other]) < rule.min_frames:
        return False
    if not rule.within_video and pictures.video[one] == pictures.video[other]:
        return False
    if not _like_lengths(pictures.seconds[one], pictures.seconds[other], rule):
        return False
    return any(_look_alike(pictures, rule, one, other, view) for view in rule.views)


def _look_alike(pictures: ClipHashes, rule: Rule, one: int, other: int, view: np.uint64) -> bool:
    (a, a_count), (b, b_count) = pictures.of(one), pictures.of(other)
    near = np.bitwise_count(a[:, None] ^ b[None, :] ^ view) <= rule.max_bits
    sides = [(a_count[near.any(axis=1)].sum(), pictures.frames[one])]
    sides += [(b_count[near.any(axis=0)].sum(), pictures.frames[other])]
    fewest = min(frames for _, frames in sides)
    return all(found >= _min_matches(frames, rule.share) for found, frames in sides if frames == fewest)


def _min_matches(frames: int, share: float) -> int:
    return int(np.ceil(frames * share - 1e-9))


def _like_lengths(one: float, other: float, rule: Rule) -> bool:
    return bool(min(one, other) >= rule.length_ratio * max(one, other) - 1e-6)


def _identical(pictures: ClipHashes, rule: Rule) -> Iterator[tuple[int, int]]:
    """Clips of one length with the same frames, each with the first of them: to all others they are one."""
    if not rule.within_video:
        return
    seen: dict[tuple[bytes, float], int] = {}
    for clip in np.flatnonzero(pictures.frames >= rule.min_frames).tolist():
        part = slice(pictures.start[clip], pictures.start[clip + 1])
        key = pictures.entry[part].tobytes() + pictures.count[part].tobytes(), float(pictures.seconds[clip])
        first = seen.setdefault(key, clip)
        if first != clip:
            yield first, clip


def _candidates(pictures: ClipHashes, rule: Rule, chosen: NDArray[np.bool_]) -> Iterator[Places]:
    """Pairs of clips, (N, 2), that may be alike: all that are, and few that are not.

    If so many frames of a clip have a like one in another, then one of any few of them has: those are looked up,
    the rarest pictures first, so that a title that a thousand clips share is not.
    """
    owner = np.repeat(np.arange(len(pictures.frames)), np.diff(pictures.start))
    fit = chosen[owner] & (pictures.frames[owner] >= rule.min_frames)
    owner, entry, count = owner[fit], pictures.entry[fit], pictures.count[fit]
    holders = _Lists(entry, owner, len(pictures.hashes))
    probe = _probes(owner, count, np.diff(holders.start)[entry], pictures.frames, rule)
    askers = _Lists(entry[probe], owner[probe], len(pictures.hashes))
    asked = np.unique(entry[probe])
    seen = (near_pairs(pictures.hashes, pictures.hashes[asked] ^ view, rule.max_bits) for view in rule.views)
    for near in chain.from_iterable(seen):
        yield from _pairs(pictures, rule, askers, holders, NeighbourPairs(asked[near.query], near.found))


def _probes(owner: Places, count: Places, rarity: Places, frames: Places, rule: Rule) -> Places:
    """The entries of each clip to look up: with the rest alone, too few frames would be alike."""
    order = np.lexsort((rarity, owner))
    before = np.cumsum(count[order]) - count[order]
    first = np.searchsorted(owner[order], owner[order])
    needed = np.ceil(frames * rule.share - 1e-9).astype(np.int64)
    enough = (frames - np.maximum(needed, 1) + 1)[owner[order]]
    return np.asarray(order[before - before[first] < enough])


def _pairs(pictures: ClipHashes, rule: Rule, askers: _Lists, holders: _Lists, near: NeighbourPairs) -> Iterator[Places]:
    many = askers.counts(near.query) * holders.counts(near.found)
    run = np.cumsum(many) // _AT_ONCE
    for some in np.split(np.arange(len(many)), np.flatnonzero(np.diff(run)) + 1):
        one, other = _product(askers, near.query[some], holders, near.found[some])
        low, high = np.minimum(one, other), np.maximum(one, other)
        shorter = np.minimum(pictures.seconds[low], pictures.seconds[high])
        longer = np.maximum(pictures.seconds[low], pictures.seconds[high])
        good = (low != high) & (shorter >= rule.length_ratio * longer - 1e-6)
        if not rule.within_video:
            good &= pictures.video[low] != pictures.video[high]
        both = np.unique(low[good] * len(pictures.frames) + high[good])
        yield np.stack([both // len(pictures.frames), both % len(pictures.frames)], axis=1)


class _Lists:
    """The clips of each hash."""

    def __init__(self, entry: Places, owner: Places, hashes: int) -> None:
        order = np.argsort(entry, kind="stable")
        self.start = np.searchsorted(entry[order], np.arange(hashes + 1))
        self.owner = owner[order]

    def counts(self, places: Places) -> Places:
        return np.asarray(self.start[places + 1] - self.start[places], np.int64)


def _product(one: _Lists, one_at: Places, other: _Lists, other_at: Places) -> tuple[Places, Places]:
    """For each pair of hashes every pair of a clip of the first and a clip of the second."""
    left, right = one.counts(one_at), other.counts(other_at)
    inner = ranges(one.start[one_at], left)  # each clip of the first list ...
    repeat = np.repeat(right, left)  # ... with all of the second
    second = ranges(np.repeat(other.start[other_at], left), repeat)
    return one.owner[np.repeat(inner, repeat)], other.owner[second]


class _Union:
    """Disjoint sets; the smallest member stands for its set."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def find(self, item: int) -> int:
        parent = self.parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self.parent[high] = low

    def roots(self) -> Places:
        """The one that stands for its set, for all."""
        roots = np.asarray(self.parent, np.int64)
        while (roots[roots] != roots).any():
            roots = roots[roots]
        return roots
