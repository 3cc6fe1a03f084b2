"""From ratings to a threshold: how high must a score be, so that what is above it is good?"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist
from typing import NamedTuple

from .acceptance import wilson


class RatedScore(NamedTuple):
    """One thing that people rated, and what was measured of it."""

    value: float
    is_good: bool


class ScoreThreshold(NamedTuple):
    """The lowest score that is high enough."""

    value: float
    rated: int  # things at or above it that people rated
    good: int  # of these, the good ones
    low: float  # the share of good ones is at least this, with the confidence that was asked for


def lowest_threshold(rated: Iterable[RatedScore], precision: float, confidence: float) -> ScoreThreshold | None:
    """The lowest value at and above which the share of good ones is at least ``precision``; None where there is none.

    The share is its one-sided lower bound (Wilson 1927) at ``confidence``, 0.5 to below 1; at 0.5 it is the
    share itself.
    """
    z, best = NormalDist().inv_cdf(confidence), None
    total = good = 0
    in_order = sorted(rated, key=lambda one: -one.value)
    for at, one in enumerate(in_order):
        total, good = total + 1, good + one.is_good
        if at + 1 < len(in_order) and in_order[at + 1].value == one.value:
            continue  # what has the same score stays or leaves together
        low = wilson(good, total, z).low
        if low >= precision - 1e-12:
            best = ScoreThreshold(one.value, total, good, low)
    return best
