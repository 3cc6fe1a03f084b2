"""From scores to the threshold that a share of them, or so many of them, lie above."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


def pair_share(pairs: int, total: int) -> float:
    """The share that ``pairs`` of ``total`` captions are, at most 1; 1 where there are none."""
    return min(1.0, pairs / total) if total else 1.0


def score_threshold(scores: ArrayLike, share: float) -> float:
    """The score that a ``share`` of ``scores`` ``(K,)`` is at least as high as.

    It is their ``1 - share`` quantile, linear between neighbours, as HowToCaption's filter has it
    (arXiv:2310.04900, align_and_filter.py). NaN is passed over; minus infinity where nothing is left.
    """
    values = np.asarray(scores, np.float64)
    values = values[~np.isnan(values)]
    return float(np.quantile(values, 1.0 - share)) if len(values) else -math.inf
