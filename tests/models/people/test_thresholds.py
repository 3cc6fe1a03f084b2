"""Thresholds that ratings set."""

from __future__ import annotations

import numpy as np
import pytest

from cliploom.models.people.thresholds import RatedScore, lowest_threshold


def rated(*pairs: tuple[float, bool]) -> list[RatedScore]:
    return [RatedScore(*pair) for pair in pairs]


def test_the_lowest_value_with_enough_good_ones_above_it() -> None:
    some = rated((0.9, True), (0.8, True), (0.7, False), (0.6, True), (0.5, False), (0.4, False))
    found = lowest_threshold(some, 0.75, 0.5)
    assert found and found[:3] == (0.6, 4, 3) and found.low == pytest.approx(0.75)
    found = lowest_threshold(some, 0.9, 0.5)
    assert found and found[:3] == (0.8, 2, 2)
    assert lowest_threshold(some, 0.9, 0.9) is None  # two good ones say little
    assert lowest_threshold([], 0.5, 0.5) is None


def test_equal_scores_stay_or_leave_together() -> None:
    assert lowest_threshold(rated((0.5, True), (0.5, False)), 0.8, 0.5) is None
    found = lowest_threshold(rated((0.5, True), (0.5, False), (0.5, True)), 0.6, 0.5)
    assert found and found[:3] == (0.5, 3, 2)


def test_what_stays_is_as_good_as_was_asked() -> None:
    """Over many samples, the true share of good ones above the threshold is rarely below the target."""
    dice, short = np.random.default_rng(5), 0
    for _ in range(200):
        values = dice.uniform(0, 1, 150)
        luck = dice.uniform(0, 1, 150)
        some = [RatedScore(float(v), bool(v > chance)) for v, chance in zip(values, luck, strict=True)]
        found = lowest_threshold(some, 0.8, 0.95)
        if found is not None:
            short += (1 + found.value) / 2 < 0.8  # good with a chance of v, v uniform from the threshold to 1
    assert short <= 30
