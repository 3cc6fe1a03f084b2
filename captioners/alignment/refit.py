"""Text vectors fitted to the clips that their captions were aligned to: a closed form, from sums that are added up.

HowToCaption (arXiv:2310.04900) trains its encoder on the pairs of the first round and adds its similarities to the
first ones. Without training an encoder the same is done here by a linear map of the texts' vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


class PairSums:
    """Sums over pairs of a text's and its clip's vector; their size does not depend on how many there are."""

    def __init__(self, dim: int) -> None:
        self.count = 0
        self.text, self.clip = np.zeros(dim), np.zeros(dim)
        self.texts, self.both = np.zeros((dim, dim)), np.zeros((dim, dim))

    def add(self, texts: NDArray[Any], clips: NDArray[Any]) -> None:
        """Take in pairs: two arrays ``(K, D)``."""
        one, two = texts.astype(np.float64), clips.astype(np.float64)
        self.count += len(one)
        self.text += one.sum(axis=0)
        self.clip += two.sum(axis=0)
        self.texts += one.T @ one
        self.both += one.T @ two

    def text_mean(self) -> Doubles:
        """``(D,)``; zeros without pairs."""
        mean: Doubles = self.text / max(1, self.count)
        return mean


def fit_map(pairs: PairSums, ridge: float = 0.1) -> Doubles:
    """The map ``(D, D)`` that brings centred texts nearest to their centred clips, by ridge regression.

    It is drawn towards the identity, the more so the larger ``ridge`` is beside the spread of the texts and the fewer
    pairs there are; without pairs it is the identity.
    """
    dim = len(pairs.text)
    if not pairs.count:
        return np.eye(dim)
    text, clip = pairs.text_mean(), pairs.clip / pairs.count
    spread = pairs.texts - pairs.count * np.outer(text, text)
    both = pairs.both - pairs.count * np.outer(text, clip)
    weight = ridge * max(float(np.trace(spread)) / dim, 1e-9) + 1e-9
    found = np.linalg.solve(spread + weight * np.eye(dim), both + weight * np.eye(dim)).astype(np.float64)
    return found


def apply_map(texts: NDArray[Any], mean: Doubles, fitted: Doubles) -> NDArray[np.float16]:
    """Texts ``(K, D)`` after the map, as vectors of length 1; one that becomes nothing stays as it was."""
    moved = (texts.astype(np.float64) - mean) @ fitted
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    kept = np.where(lengths > 1e-9, moved / np.maximum(lengths, 1e-9), texts)
    return kept.astype(np.float16)
