"""How far people agree: per cent, Cohen's and Fleiss' kappa, Krippendorff's alpha, temporal overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Unit = Sequence[Hashable]
"""What people said of one thing; who said nothing is left out."""


class Interval(NamedTuple):
    """A number and where it lies in 95 of 100 samples."""

    value: float
    low: float
    high: float


def percent_agreement(units: Iterable[Unit]) -> float | None:
    """Share of the pairs of answers to the same thing that are the same; None without a pair."""
    same = pairs = 0
    for unit in units:
        n = len(unit)
        same += sum(count * (count - 1) for count in Counter(unit).values())
        pairs += n * (n - 1)
    return same / pairs if pairs else None


def cohen_kappa(first: Unit, second: Unit) -> float | None:
    """Agreement of two people beyond chance (Cohen 1960); None where chance alone would make them agree."""
    n = len(first)
    if n != len(second):
        raise ValueError("both must have answered the same")
    if not n:
        return None
    seen = sum(a == b for a, b in zip(first, second, strict=True)) / n
    one, two = Counter(first), Counter(second)
    chance = sum(one[value] * two[value] for value in one) / n**2
    return None if chance == 1 else (seen - chance) / (1 - chance)


def fleiss_kappa(units: Sequence[Unit]) -> float | None:
    """Agreement beyond chance of as many people for each thing, not always the same ones (Fleiss 1971)."""
    sizes = {len(unit) for unit in units}
    if len(sizes) != 1 or sizes == {1}:
        return None
    [n] = sizes
    counts = [Counter(unit) for unit in units]
    seen = float(np.mean([sum(c * (c - 1) for c in one.values()) / (n * (n - 1)) for one in counts]))
    total = sum(counts, Counter[Hashable]())
    chance = sum((count / (n * len(units))) ** 2 for count in total.values())
    return None if chance == 1 else (seen - chance) / (1 - chance)


def krippendorff_alpha(units: Sequence[Unit], level: Level = "nominal") -> float | None:
    """Agreement beyond chance of any number of people, with gaps (Krippendorff 2011); None where all said the same.

    ``ordinal`` and ``interval`` take numbers.
    """
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in units for value in unit}, key=_order)
    if len(values) < 2:
        return None
    place = {value: i for i, value in enumerate(values)}
    pairs = np.zeros((len(values), len(values)))
    for unit in units:
        counts = np.zeros(len(values))
        for value in unit:
            counts[place[value]] += 1
        pairs += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    totals = pairs.sum(axis=0)
    distance = _distance(values, totals, level)
    n = totals.sum()
    chance = (np.outer(totals, totals) - np.diag(totals)) / (n - 1)
    return float(1 - (pairs * distance).sum() / (chance * distance).sum())


def _order(value: Hashable) -> tuple[str, Any]:
    return ("", value) if isinstance(value, (int, float)) else (type(value).__name__, str(value))


def _distance(values: Sequence[Any], totals: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    size = len(values)
    if level == "nominal":
        return np.ones((size, size)) - np.eye(size)
    if level == "interval":
        numbers: NDArray[np.float64] = np.array(values, float)
        return np.square(numbers[:, None] - numbers[None, :])
    until = np.cumsum(totals)
    middle = until - totals / 2  # the ranks between two grades, with half of each of them
    return np.square(middle[:, None] - middle[None, :])


def bootstrap(
    units: Sequence[Unit], measure: Callable[[Sequence[Unit]], float | None], samples: int = 500, seed: int = 0
) -> Interval | None:
    """A measure with its interval: the middle 95 % over samples of the units, drawn with replacement."""
    value = measure(units)
    if value is None:
        return None
    dice = np.random.default_rng(seed)
    drawn = (measure([units[i] for i in dice.integers(len(units), size=len(units))]) for _ in range(samples))
    found = [one for one in drawn if one is not None]
    low, high = np.percentile(found, [2.5, 97.5]) if found else (value, value)
    return Interval(value, float(low), float(high))


def within_rate(units: Iterable[Sequence[float]], step: float = 1.0, people: int = 2) -> float | None:
    """Share of the things that at least so many people graded within ``step`` of each other, as in QVHighlights.

    Things that fewer graded are left out.
    """
    counted = [unit for unit in units if len(unit) >= people]
    near = sum(any(max(some) - min(some) <= step for some in combinations(unit, people)) for unit in counted)
    return near / len(counted) if counted else None


def temporal_iou(first: Iterable[tuple[float, float]], second: Iterable[tuple[float, float]]) -> float:
    """What two sets of spans share, of what either covers: 0 to 1; two empty sets agree."""
    one, two = _union(first), _union(second)
    shared = sum(max(0.0, min(b, d) - max(a, c)) for a, b in one for c, d in two)
    covered = sum(b - a for a, b in one) + sum(b - a for a, b in two) - shared
    return shared / covered if covered > 0 else 1.0


def _union(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    made: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return made
