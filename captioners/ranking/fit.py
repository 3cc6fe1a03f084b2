"""A small ranker on frozen embeddings: which of a clip's captions would people pick?

The objective is that of Panda-70M's fine-grained retrieval (Chen et al. 2024, section 3.3): of all captions in a batch
the picked one should score highest; a clip's own other captions count fully in the denominator, those of other
clips hardly (1.0 and 0.01). Theirs fine-tunes a video-text model of 300 M weights; ours learns three things on
top of any encoder's vectors, in seconds on a processor: how much the cosine counts, a low-rank bilinear term
``(v A)(t B)``, and what a caption's own vector says for it ``t · p``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SMALL = 0.3  # of the first weights, so that the cosine leads at first
_SHARP = 10.0  # cosines of one clip's captions differ by a tenth or so
_BETA1, _BETA2, _TINY = 0.9, 0.999, 1e-8


class RankingExample(NamedTuple):
    """One clip that people chose for: its vector (D,), its captions' vectors (K, E), and the row they picked."""

    clip: Floats
    captions: Floats
    picked: int


@dataclass(frozen=True)
class RankerTraining:
    """How it learns. The weights of negatives are the published ones."""

    epochs: int = 60
    batch: int = 32
    rate: float = 3e-3
    decay: float = 1.0  # strong: picks are few
    rank: int = 32
    own_weight: float = 1.0  # of the same clip's other captions
    other_weight: float = 0.01  # of other clips' captions
    seed: int = 0


@dataclass(frozen=True)
class RankerWeights:
    """Learned weights: ``a`` (D, r), ``b`` (E, r), ``prior`` (E,), ``cosine`` (1,)."""

    weights: dict[str, Floats] = field(default_factory=dict)

    def scores(self, clip: Floats, captions: Floats) -> Floats:
        """One number per caption, (K,); only their order within a clip means something."""
        found: Floats = _scores(self.weights, clip[None], captions)[0]
        return found


def fit(choices: Sequence[RankingExample], how: RankerTraining | None = None) -> RankerWeights:
    """Learn from picks: deterministic, given the same choices in the same order.

    Raises:
        ValueError: there is nothing to learn from.
    """
    if not choices:
        raise ValueError("no picks to learn from")
    how = how or RankerTraining()
    dice = np.random.default_rng(how.seed)
    weights = _begin(choices[0], how.rank, dice)
    moments = {name: (np.zeros_like(w), np.zeros_like(w)) for name, w in weights.items()}
    step = 0
    for _ in range(how.epochs):
        order = dice.permutation(len(choices))
        for start in range(0, len(order), how.batch):
            step += 1
            some = [choices[i] for i in order[start : start + how.batch]]
            _adam(weights, _gradients(weights, some, how), moments, step, how)
    return RankerWeights(weights)


def _begin(first: RankingExample, rank: int, dice: np.random.Generator) -> dict[str, Floats]:
    wide, deep = first.clip.shape[0], first.captions.shape[1]
    return {
        "a": (_SMALL * dice.standard_normal((wide, rank)) / np.sqrt(wide)).astype(np.float32),
        "b": (_SMALL * dice.standard_normal((deep, rank)) / np.sqrt(deep)).astype(np.float32),
        "prior": np.zeros(deep, np.float32),
        "cosine": np.full(1, 1.0 if wide == deep else 0.0, np.float32),
    }


def _scores(weights: dict[str, Floats], clips: Floats, captions: Floats) -> Floats:
    """(B, M): every clip with every caption."""
    found = (clips @ weights["a"]) @ (captions @ weights["b"]).T + _SHARP * (captions @ weights["prior"])
    if clips.shape[1] == captions.shape[1]:
        found = found + _SHARP * weights["cosine"] * (clips @ captions.T)
    return np.asarray(found, np.float32)


def _gradients(weights: dict[str, Floats], some: Sequence[RankingExample], how: RankerTraining) -> dict[str, Floats]:
    clips = np.stack([choice.clip for choice in some])
    captions = np.concatenate([choice.captions for choice in some])
    owner = np.repeat(np.arange(len(some)), [len(choice.captions) for choice in some])
    first = np.searchsorted(owner, np.arange(len(some)))
    picked = first + np.array([choice.picked for choice in some])
    own = owner[None] == np.arange(len(some))[:, None]
    scores = _scores(weights, clips, captions)
    counts = np.where(own, how.own_weight, how.other_weight)
    counts[np.arange(len(some)), picked] = 1.0  # the weights are those of negatives
    exps = np.exp(scores - scores.max(axis=1, keepdims=True)) * counts
    slope = exps / exps.sum(axis=1, keepdims=True)
    slope[np.arange(len(some)), picked] -= 1.0
    slope = (slope / len(some)).astype(np.float32)  # of the loss by the scores
    left, right = clips @ weights["a"], captions @ weights["b"]
    same = clips.shape[1] == captions.shape[1]
    return {
        "a": clips.T @ (slope @ right),
        "b": captions.T @ (slope.T @ left),
        "prior": _SHARP * (captions.T @ slope.sum(axis=0)),
        "cosine": np.array([_SHARP * (slope * (clips @ captions.T)).sum() if same else 0.0], np.float32),
    }


def _adam(
    weights: dict[str, Floats], slopes: dict[str, Floats], moments: dict[str, Any], step: int, how: RankerTraining
) -> None:
    """One step of AdamW (Loshchilov and Hutter 2019)."""
    for name, slope in slopes.items():
        mean, square = moments[name]
        mean += (1 - _BETA1) * (slope - mean)
        square += (1 - _BETA2) * (slope**2 - square)
        move = mean / (1 - _BETA1**step) / (np.sqrt(square / (1 - _BETA2**step)) + _TINY)
        decay = 0.0 if name == "cosine" else how.decay
        weights[name] = (weights[name] - how.rate * (move + decay * weights[name])).astype(np.float32)
