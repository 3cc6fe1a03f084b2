"""Limits of a score that follow from its spread."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.floating[Any]]


class Limits(NamedTuple):
    """What stays: ``low <= value <= high``."""

    low: float
    high: float


def percentile_limits(values: Doubles, low: float = 0.0, high: float = 100.0) -> Limits:
    """Two percentiles, 0 to 100, between neighbours where need be (numpy's `linear`); no limit at 0 and at 100."""
    if not len(values):
        return Limits(-np.inf, np.inf)
    return Limits(
        float(np.percentile(values, low)) if low > 0 else -np.inf,
        float(np.percentile(values, high)) if high < 100 else np.inf,
    )


def sigma_limits(values: Doubles, sigmas: float, robust: bool = False) -> Limits:
    """The mean, give or take so many standard deviations; ``robust``: the median, and 1.4826 times the median distance
    from it, which is the same where values are spread normally.
    """
    if not len(values):
        return Limits(-np.inf, np.inf)
    middle = float(np.median(values) if robust else np.mean(values))
    spread = float(1.4826 * np.median(np.abs(values - middle)) if robust else np.std(values))
    return Limits(middle - sigmas * spread, middle + sigmas * spread)
