"""Samples of vectors that are unlike each other, and clusters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

_AT_ONCE = 1 << 24  # numbers of a block of products


class Clustering(NamedTuple):
    """Which cluster each vector is of, ``(N,)``, and the clusters' centres, ``(k, D)`` float32 of length 1."""

    labels: Places
    centres: Floats


def unit(vectors: NDArray[Any]) -> Floats:
    """The vectors in float32, of length 1; those without length stay so."""
    made = np.array(vectors, np.float32, ndmin=2)
    made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
    return made


def nearest(vectors: Floats, centres: Floats) -> Places:
    """The place of the centre with the largest product with each vector; of equal ones the first."""
    rows = max(1, _AT_ONCE // max(len(centres), 1))
    parts = [(vectors[low : low + rows] @ centres.T).argmax(axis=1) for low in range(0, len(vectors), rows)]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def spherical_kmeans(vectors: NDArray[Any], clusters: int, seed: int = 0, rounds: int = 25) -> Clustering:
    """K-means by cosine: ``clusters`` of them, or as many as there are different vectors.

    Begins with vectors drawn far from each other (k-means++, Arthur and Vassilvitskii 2007) and stops when no label
    changes, or after ``rounds``. A cluster that loses all its vectors keeps its centre.
    """
    units = unit(vectors) if len(vectors) else np.zeros((0, 1), np.float32)
    clusters = min(clusters, len(np.unique(units, axis=0))) if len(units) else 0
    centres = _begin(units, clusters, np.random.default_rng(seed))
    labels = nearest(units, centres) if clusters else np.zeros(len(units), np.int64)
    for _ in range(rounds if clusters else 0):
        total = np.zeros_like(centres)
        np.add.at(total, labels, units)
        norm = np.linalg.norm(total, axis=1, keepdims=True)
        centres = np.where(norm > 1e-12, total / np.maximum(norm, 1e-12), centres)
        moved = nearest(units, centres)
        if (moved == labels).all():
            break
        labels = moved
    return Clustering(labels, centres)


def _begin(units: Floats, clusters: int, random: np.random.Generator) -> Floats:
    if not clusters:
        return np.zeros((0, units.shape[1]), np.float32)
    chosen = [int(random.integers(len(units)))]
    far = 1 - units @ units[chosen[0]]
    for _ in range(clusters - 1):
        weight = np.maximum(far, 0).astype(np.float64)
        weight[weight < 1e-6] = 0
        total = weight.sum()
        chosen.append(int(random.choice(len(units), p=weight / total)) if total > 0 else int(np.argmax(far)))
        far = np.minimum(far, 1 - units @ units[chosen[-1]])
    return np.asarray(units[chosen])


def farthest_first(vectors: NDArray[Any], wanted: int, first: int = 0) -> Places:
    """Places of ``wanted`` vectors, each the least like all before it (Gonzalez 1985), from ``first`` on.

    Of equally unlike ones the first is taken. A smaller sample is the beginning of a larger one.
    """
    if not len(vectors) or wanted < 1:
        return np.zeros(0, np.int64)
    units = unit(vectors)
    chosen = [first]
    like = units @ units[first]
    like[first] = np.inf
    while len(chosen) < min(wanted, len(units)):
        chosen.append(int(like.argmin()))
        like = np.maximum(like, units @ units[chosen[-1]])
        like[chosen[-1]] = np.inf
    return np.array(chosen, np.int64)
