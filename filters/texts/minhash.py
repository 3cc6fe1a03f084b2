"""Texts that are nearly the same: MinHash signatures, bands of them, and the exact share of what two texts have.

Broder 1997, "On the resemblance and containment of documents"; bands as in Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", chapter 3.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Signatures = NDArray[np.uint32]

PERMUTATIONS = 128
_PRIME = np.uint64((1 << 61) - 1)
_WORDS = re.compile(r"\w+")
_WINDOW = 32  # texts of a band that are compared
_AT_ONCE = 1 << 22  # hashes of shingles times permutations


class TextPairs(NamedTuple):
    """Pairs of places, ``one < other``, each once."""

    one: Places
    other: Places


def normal_text(text: str) -> str:
    """The text in NFKC, in lower case, its words with one blank between them, without marks."""
    return " ".join(_WORDS.findall(unicodedata.normalize("NFKC", text).lower()))


def shingles(text: str, size: int = 3) -> frozenset[str]:
    """Its runs of ``size`` words, normalised; of a shorter text all its words as one; of an empty one none."""
    words = normal_text(text).split()
    runs = [" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))]
    return frozenset(runs) if words else frozenset()


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """What two sets share, of all that they have; 0 where both are empty."""
    total = len(one | other)
    return len(one & other) / total if total else 0.0


def signatures(sets: Sequence[frozenset[str]], permutations: int = PERMUTATIONS, seed: int = 0) -> Signatures:
    """``(N, permutations)`` uint32: for each set the least hash under each permutation; all ones for an empty set."""
    drawn = np.random.default_rng(seed)
    factor = drawn.integers(1, 1 << 31, permutations, dtype=np.uint64)
    offset = drawn.integers(0, 1 << 61, permutations, dtype=np.uint64)
    sizes = np.array([len(one) for one in sets], np.int64)
    flat = [blake2b(run.encode("utf-8", "surrogatepass"), digest_size=4).digest() for one in sets for run in one]
    hashes = np.frombuffer(b"".join(flat), "<u4").astype(np.uint64)
    made = np.full((len(sets), permutations), np.iinfo(np.uint32).max, np.uint32)
    some = np.flatnonzero(sizes)
    ends = np.cumsum(sizes)
    for part in np.split(some, np.flatnonzero(np.diff(ends[some] * permutations // _AT_ONCE)) + 1):
        if len(part):
            low, high = ends[part[0]] - sizes[part[0]], ends[part[-1]]
            mixed = ((hashes[low:high, None] * factor + offset) % _PRIME).astype(np.uint32)
            made[part] = np.minimum.reduceat(mixed, ends[part] - sizes[part] - low, axis=0)
    return made


def bands_for(threshold: float, permutations: int = PERMUTATIONS) -> int:
    """The fewest bands (a divisor of ``permutations``) that find a pair at the threshold with 99 % probability."""
    for bands in (n for n in range(1, permutations + 1) if permutations % n == 0):
        if 1 - (1 - threshold ** (permutations // bands)) ** bands >= 0.99:
            return bands
    return permutations


def candidates(made: Signatures, bands: int) -> Iterator[TextPairs]:
    """Pairs that are equal in a band; of more than 32 texts that are, each with its 31 neighbours in order."""
    for part in np.split(made, bands, axis=1):
        _, place = np.unique(part, axis=0, return_inverse=True)
        place = place.reshape(-1)
        order = np.argsort(place, kind="stable")
        for apart in range(1, min(_WINDOW, len(order))):
            same = place[order[apart:]] == place[order[:-apart]]
            if not same.any():
                break
            yield TextPairs(order[:-apart][same], order[apart:][same])


def near_texts(texts: Sequence[str], threshold: float, size: int = 3, seed: int = 0) -> TextPairs:
    """Pairs of texts whose shingles have a Jaccard similarity of ``threshold`` or more.

    Every pair that is found is one, and one at the threshold is found with 99 % probability. Texts whose words are the
    same are paired with the first of them; of others the first stands for all: join pairs to groups.
    """
    firsts, found = dict[str, int](), set[tuple[int, int]]()
    for at, text in enumerate(texts):
        first = firsts.setdefault(normal_text(text), at)
        if first != at and normal_text(text):
            found.add((first, at))
    sets = {at: shingles(text, size) for text, at in firsts.items() if text}
    some = np.array(list(sets), np.int64)
    made = signatures(list(sets.values()), seed=seed)
    tried = set[tuple[int, int]]()
    for pairs in candidates(made, bands_for(threshold)):
        for pair in zip(some[pairs.one].tolist(), some[pairs.other].tolist(), strict=True):
            if pair not in tried:
                tried.add(pair)
                if jaccard(sets[pair[0]], sets[pair[1]]) >= threshold:
                    found.add(pair)
    both = np.array(sorted(found), np.int64).reshape(-1, 2)
    return TextPairs(both[:, 0], both[:, 1])
