"""Samples as functions of arrays: seeded ranks, shares of strata, caps.

Everything is by ranks that follow from a seed and each one's id. So a smaller sample is a part of a larger one, and
what else is there changes no one's rank.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Flags = NDArray[np.bool_]


def seeded_ranks(ids: Sequence[str], seed: int = 0) -> Places:
    """The rank of each id in an order that looks random, ``(N,)``, 0 first."""
    keys = [hashlib.blake2b(f"{seed}\0{one}".encode("utf-8", "surrogatepass"), digest_size=16).digest() for one in ids]
    ranks = np.empty(len(ids), np.int64)
    ranks[np.array(sorted(range(len(ids)), key=lambda at: (keys[at], ids[at])), np.int64)] = np.arange(len(ids))
    return ranks


def cap_groups(groups: Places, ranks: Places, most: int) -> Flags:
    """Who is among the first ``most`` of its group by ranks, ``(N,)``; ``groups`` are numbers."""
    order = np.lexsort((ranks, groups))
    ordered = groups[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(order) else order
    sizes = np.diff(np.append(starts, len(order)))
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    stays = np.zeros(len(groups), bool)
    stays[order] = place < most
    return stays


def cap_tags(tags: Sequence[Iterable[str]], ranks: Places, most: int) -> Flags:
    """Who stays if, in order of ranks, each one leaves all of whose tags ``most`` have already; without tags it stays.

    So a rare tag is never lost for a frequent one beside it, which may then have more than ``most``.
    """
    taken: dict[str, int] = {}
    stays = np.ones(len(tags), bool)
    for at in np.argsort(ranks, kind="stable").tolist():
        own = set(tags[at])
        stays[at] = not own or any(taken.get(tag, 0) < most for tag in own)
        if stays[at]:
            taken.update({tag: taken.get(tag, 0) + 1 for tag in own})
    return stays


def allocate(sizes: Sequence[int], wanted: int, even: bool = False) -> list[int]:
    """How many of each stratum are taken, ``wanted`` in all or everything there is.

    In proportion to sizes, the largest remainders first, then the first; with ``even`` as many of each as there are,
    what small strata lack going to the others.
    """
    wanted = max(0, min(wanted, sum(sizes)))
    if even:
        return _even(sizes, wanted)
    shares = [size * wanted / max(sum(sizes), 1) for size in sizes]
    taken = [int(share) for share in shares]
    rest = sorted(range(len(sizes)), key=lambda i: (taken[i] - shares[i], i))
    for i in rest[: wanted - sum(taken)]:
        taken[i] += 1
    return taken


def _even(sizes: Sequence[int], wanted: int) -> list[int]:
    taken = [0] * len(sizes)
    while (left := wanted - sum(taken)) > 0:
        able = [i for i, size in enumerate(sizes) if taken[i] < size]
        each = max(1, left // len(able))
        for i in able[:left]:
            taken[i] += min(each, sizes[i] - taken[i])
    return taken


def take_strata(groups: Places, ranks: Places, wanted: int, even: bool = False) -> Flags:
    """Who is taken of ``wanted`` in all: of each stratum the first by ranks. Strata are numbers, in order."""
    names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    quota = np.array(allocate(sizes.tolist(), wanted, even), np.int64)
    stays = np.zeros(len(groups), bool)
    for number in range(len(names)):
        mine = np.flatnonzero(place == number)
        stays[mine[np.argsort(ranks[mine], kind="stable")][: quota[number]]] = True
    return stays
