"""Agreement as it is published elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from cliploom.models.people.agreement import (
    bootstrap,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    percent_agreement,
    temporal_iou,
    within_rate,
)

# Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), example C: four observers, gaps.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
UNITS = [[int(v) for v in unit if v != "."] for unit in zip(*(line.split() for line in OBSERVERS), strict=True)]

# Fleiss (1971) as Wikipedia's worked example has it: ten subjects, fourteen raters, five categories; kappa = 0.210.
TABLE = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip


def test_alpha_is_as_published() -> None:
    assert krippendorff_alpha(UNITS, "nominal") == pytest.approx(0.743, abs=0.0005)
    assert krippendorff_alpha(UNITS, "ordinal") == pytest.approx(0.815, abs=0.0005)
    assert krippendorff_alpha(UNITS, "interval") == pytest.approx(0.849, abs=0.0005)
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None
    assert krippendorff_alpha([["a"], ["b"]]) is None


def test_kappas_are_as_published() -> None:
    units = [[k for k, n in enumerate(row) for _ in range(n)] for row in TABLE]
    assert fleiss_kappa(units) == pytest.approx(0.210, abs=0.0005)
    assert fleiss_kappa([[1, 1], [1]]) is None
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    assert cohen_kappa(["a"], ["a"]) is None
    assert percent_agreement(zip(first, second, strict=True)) == pytest.approx(0.7)
    assert percent_agreement([["a"]]) is None


def test_an_interval_holds_the_value() -> None:
    found = bootstrap(UNITS, krippendorff_alpha, samples=200)
    assert found and found.value == krippendorff_alpha(UNITS) and found.low < found.value < found.high <= 1
    assert found == bootstrap(UNITS, krippendorff_alpha, samples=200)
    dice = np.random.default_rng(0)
    noise = [[int(v) for v in dice.integers(0, 5, 3)] for _ in range(200)]
    chance = bootstrap(noise, lambda units: krippendorff_alpha(units, "ordinal"), samples=200)
    assert chance and chance.low < 0 < chance.high


def test_grades_of_three_raters_as_qvhighlights_counts_them() -> None:
    units = [[4, 4, 0], [4, 3, 0], [4, 2, 0], [1, 1, 1], [2]]
    assert within_rate(units, step=1) == 0.75
    assert within_rate(units, step=0) == 0.5


def test_spans_overlap() -> None:
    assert temporal_iou([(0, 4)], [(2, 6)]) == pytest.approx(2 / 6)
    assert temporal_iou([(0, 2), (1, 4), (4, 5)], [(0, 5)]) == 1
    assert temporal_iou([], []) == 1 and temporal_iou([(0, 1)], []) == 0
