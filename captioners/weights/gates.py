"""ALIP's two gates: how much a pair of an image and its texts should count in training.

Yang et al. 2023 (https://arxiv.org/abs/2308.08428), as the authors' code has it (deepglint/ALIP, ``train.py``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]

MOMENTUM = 0.99


class GateMeans(NamedTuple):
    """Running means of the three cosines; all begin at 1, so that the first weights are small."""

    texts: float = 1.0
    raw: float = 1.0
    caption: float = 1.0


class PairWeights(NamedTuple):
    """Weights of a batch, each ``(N,)``; a pair's loss is multiplied by ``sample`` and by its own."""

    sample: Doubles  # of the image with both texts, at most 1
    raw: Doubles  # of the image with its own text; not limited
    caption: Doubles  # of the image with the caption that a model wrote


def moved(means: GateMeans, texts: ArrayLike, raw: ArrayLike, caption: ArrayLike) -> GateMeans:
    """The running means after a batch of cosines; those of an empty batch stay."""
    new = (np.asarray(values, np.float64) for values in (texts, raw, caption))
    pairs = zip(means, new, strict=True)
    return GateMeans(*(MOMENTUM * old + (1 - MOMENTUM) * float(b.mean()) if b.size else old for old, b in pairs))


def pair_weights(means: GateMeans, texts: ArrayLike, raw: ArrayLike, caption: ArrayLike) -> PairWeights:
    """Weights of pairs, given the means that the batch has moved already.

    ``texts`` are cosines of own text and caption, ``raw`` of image and own text, ``caption`` of image and caption. A
    weight is ``exp(cosine - mean)`` squared. Where the texts agree better than the mean, all weights are 1.
    """
    sample, own, written = (
        np.exp(np.asarray(values, np.float64) - mean) ** 2
        for values, mean in zip((texts, raw, caption), means, strict=True)
    )
    agree = ~(sample < 1)
    return PairWeights(np.where(agree, 1.0, sample), np.where(agree, 1.0, own), np.where(agree, 1.0, written))
