"""Small histograms: everything that was made in grey, what was published over it in colour."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT, _BASE, _BINS, _FEWEST = 300, 124, 98, 26, 8


class Spread(NamedTuple):
    """The values of one measure: of all clips, and of those that were published."""

    title: str
    unit: str
    everything: Sequence[float]
    published: Sequence[float]
    whole: bool  # whole numbers


def draw_histogram(spread: Spread) -> str:
    """The SVG; the median of the published is marked."""
    edges = _edges(np.asarray(spread.everything, float), spread.whole)
    everything, _ = np.histogram(np.minimum(spread.everything, edges[-1]), edges)  # the last bar holds what is beyond
    published, _ = np.histogram(np.minimum(spread.published, edges[-1]), edges)
    tallest = max(int(everything.max()), 1)
    bars = _bars("all", everything, tallest) + _bars("kept", published, tallest)
    said = f"{spread.title}: {len(spread.everything):,} values from {_number(edges[0])} to {_number(edges[-1])}"
    marks = _axis(edges, spread.whole)
    if len(spread.published):
        median = float(np.median(spread.published))
        said += f", median of the published {_number(median)} {spread.unit}".rstrip()
        marks += _median(median, edges, spread.unit)
    return (
        f'<svg class="hist" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(said)}">{bars}{marks}</svg>'
    )


def _edges(values: NDArray[np.float64], whole: bool) -> NDArray[np.float64]:
    low, high = float(values.min()), float(np.quantile(values, 0.995))  # one odd value must not flatten the rest
    high = max(high, low)
    if whole:
        step = max(int(np.ceil((high - low + 1) / _BINS)), 1)
        high = max(high, low + _FEWEST * step - 1)  # a bar is never wider than an eighth
        return np.arange(np.floor(low) - 0.5, high + step, step)
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    return np.linspace(low, high, _BINS + 1)


def _bars(kind: str, counts: NDArray[np.int64], tallest: int) -> str:
    width = _WIDTH / len(counts)
    gap = min(1.5, width * 0.2)
    made = []
    for i, count in enumerate(counts.tolist()):
        if count:
            height = max(count / tallest * (_BASE - 22), 1.5)
            made.append(f"M{i * width:.1f} {_BASE}v{-height:.1f}h{width - gap:.1f}V{_BASE}z")
    return f'<path class="{kind}" d="{"".join(made)}"/>'


def _axis(edges: NDArray[np.float64], whole: bool) -> str:
    low, high = float(edges[0]), float(edges[-1])
    made = f'<path class="axis" d="M0 {_BASE + 0.5}H{_WIDTH}"/>'
    for value in _ticks(low, high, whole):
        x = (value - low) / (high - low) * _WIDTH
        anchor = "start" if x < 14 else "end" if x > _WIDTH - 14 else "middle"
        made += f'<text class="tick" x="{x:.1f}" y="{_BASE + 17}" text-anchor="{anchor}">{_number(value)}</text>'
    return made


def _ticks(low: float, high: float, whole: bool) -> list[float]:
    rough = (high - low) / 4
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough)
    step = max(round(step), 1) if whole else step
    first = np.ceil(low / step) * step
    return [float(v) for v in np.arange(first, high + step * 1e-6, step)]


def _median(median: float, edges: NDArray[np.float64], unit: str) -> str:
    x = float(np.clip((median - edges[0]) / (edges[-1] - edges[0]), 0, 1)) * _WIDTH
    anchor = "start" if x < _WIDTH * 0.6 else "end"
    shift = 6 if anchor == "start" else -6
    said = f"median {_number(median)} {unit}".rstrip()
    return (
        f'<path class="median" d="M{x:.1f} 4V{_BASE}"/>'
        f'<text class="mark" x="{x + shift:.1f}" y="13" text-anchor="{anchor}">{escape(said)}</text>'
    )


def _number(value: float) -> str:
    value = round(float(value), 10) + 0.0
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
