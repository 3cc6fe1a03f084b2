"""MetaCLIP's balancing as functions of arrays: counts, the limit between head and tail, probabilities and draws.

Xu et al. 2023 (https://arxiv.org/abs/2309.16671, algorithm 1), and the authors' code (facebookresearch/MetaCLIP,
``metaclip/metaclip1/balancing.py``, ``metaclip/curation/curate.py`` for ``t_to_p`` and ``p_to_t``). Matches are two
arrays: entry ``entry[i]`` is in text ``text[i]``, each pair once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]
Keys = NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)


def entry_counts(entry: Places, entries: int) -> Counts:
    """How many texts have each of ``entries`` entries, ``(entries,)``. Counts of shards may be added up."""
    return np.bincount(entry, minlength=entries).astype(np.int64)


def t_to_p(counts: Counts, t: float) -> float:
    """The share of all matches that are of tail entries, those with fewer texts than ``t``; 0 without matches."""
    total = counts.sum()
    return float(counts[counts < t].sum() / total) if total else 0.0


def p_to_t(counts: Counts, p: float) -> int:
    """The count of the entry at which the share of matches, summed from the rarest entry on, is nearest to ``p``.

    Of equally near ones the first counts. 0 without matches.
    """
    ordered = np.sort(counts)
    total = ordered.sum()
    return int(ordered[np.abs(np.cumsum(ordered) / total - p).argmin()]) if total else 0


def entry_probabilities(counts: Counts, t: float) -> Doubles:
    """``min(1, t / count)`` of each entry: 1 in the tail."""
    return np.asarray(t / np.maximum(counts, t) if t > 0 else (counts == 0).astype(np.float64), np.float64)


def text_probabilities(text: Places, entry: Places, probabilities: Doubles, texts: int) -> Doubles:
    """How probable it is that any entry of a text draws it, ``1 - prod(1 - p)``, ``(texts,)``; 0 without entries."""
    with np.errstate(divide="ignore"):
        misses = np.log1p(-probabilities)  # -inf where an entry always draws
    return np.asarray(-np.expm1(np.bincount(text, misses[entry], texts)), np.float64)


def text_keys(names: Iterable[str]) -> Keys:
    """A number for each text's id, the same in every build."""
    digests = [hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def draws(seed: int, text: Keys, entry: Keys) -> Doubles:
    """A number in ``[0, 1)`` for each text and entry; it depends on nothing else, neither on order nor on shards."""
    mixed = _mix(_mix(_mix(np.full(1, seed, np.int64).view(np.uint64)) + text) + entry)
    return np.asarray((mixed >> np.uint64(11)) * 2.0**-53)


def drawn(text: Places, entry: Places, probabilities: Doubles, keys: Keys, seed: int = 0) -> NDArray[np.bool_]:
    """Which texts stay, ``(texts,)``: those that any of their entries draws; ``keys`` has one for each text."""
    hits = draws(seed, keys[text], entry.astype(np.uint64)) < probabilities[entry]
    stays = np.zeros(len(keys), bool)
    stays[text[hits]] = True
    return stays


def _mix(numbers: Keys) -> Keys:
    """The finisher of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = numbers + _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
