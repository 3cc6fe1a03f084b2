"""Measures of a clip from what the decode pass stored for each frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.floating[Any]]


class ChangeMeasures(NamedTuple):
    """How much the picture changes from frame to frame; a clip's first frame is left out, a shot's is not."""

    peak: float  # the largest change, as PySceneDetect's content detector counts it: 27 is its usual cut
    static_share: float  # share of frames that hardly differ from the one before, 0..1
    jumps: int  # frames that differ much, each after at least two that hardly do


def change_measures(content: Doubles, motion: Doubles, still: float = 0.15, jump: float = 27.0) -> ChangeMeasures:
    """From two measures of each frame of a clip, against the frame before.

    ``content`` is the mean of the changes of hue, saturation and brightness, 0..255; ``motion`` the mean change of a
    small gray picture. A frame is still below ``still``; a slideshow is still frames with jumps between them.
    """
    content, motion = content[1:], motion[1:]
    if not len(content):
        return ChangeMeasures(0.0, 1.0, 0)
    is_still = motion < still
    jumps = np.flatnonzero(content >= jump)
    after = [at for at in jumps.tolist() if at >= 2 and is_still[at - 2 : at].all()]
    return ChangeMeasures(float(content.max()), float(is_still.mean()), len(after))


def covered_share(spans: Iterable[tuple[float, float]], start_s: float, end_s: float) -> float:
    """The share of ``[start_s, end_s)`` that spans cover, 0 to 1; they may overlap. 0 for a clip without length."""
    if end_s <= start_s:
        return 0.0
    total, reached = 0.0, start_s
    for low, high in sorted(spans):
        low, high = max(low, reached), min(high, end_s)
        if high > low:
            total, reached = total + high - low, high
    return min(1.0, total / (end_s - start_s))


def median(values: Sequence[float]) -> float:
    """The middle value; 0 of none."""
    return float(np.median(values)) if len(values) else 0.0
