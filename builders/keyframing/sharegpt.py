"""Semantic key frames, as ShareGPT4Video was made: a frame counts when it looks unlike the last that counted.

Chen et al. 2024, "ShareGPT4Video" (arXiv:2406.04325), section 3.2, and ``keyframe_extraction_example.py`` of the
authors' repository (commit 88426fd). There every video is one clip; the vectors are of CLIP ViT-L/14-336, its class
token before the projection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...schemas.ids import SAME_TIME_S

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_EPS = np.float32(1e-8)  # of torch.nn.functional.cosine_similarity
"""Times that differ by less are the same: they are sums of floats, and ids hold milliseconds."""


class KeyframeRules(NamedTuple):
    """The four numbers, with the values that were published."""

    interval_s: float = 2.0
    threshold: float = 0.93
    min_s: float = 10.0
    max_s: float = 120.0


PUBLISHED = KeyframeRules()


class KeyFrame(NamedTuple):
    """A key frame."""

    number: int  # as the authors' code counts: uniform frames that it skipped are not counted
    frame: int  # its place among the frames that were given
    time_s: float  # of `paper_keyframes`: number / int(fps); of `exact_keyframes`: its own time


def cosine(one: NDArray[Any], other: NDArray[Any]) -> np.float32:
    """Of two ``(D,)`` vectors, in float32: both are divided by their lengths first, as PyTorch does."""
    a, b = np.asarray(one, np.float32), np.asarray(other, np.float32)
    a, b = a / max(np.linalg.norm(a), _EPS), b / max(np.linalg.norm(b), _EPS)
    return np.float32((a * b).sum(dtype=np.float32))


def unlike(one: NDArray[Any], other: NDArray[Any], threshold: float) -> bool:
    """Strictly below the threshold, which is a float32 too: PyTorch compares in the tensor's own type."""
    return bool(cosine(one, other) < np.float32(threshold))


def paper_keyframes(features: Floats, fps: float, rules: KeyframeRules = PUBLISHED, leading: int = 0) -> list[KeyFrame]:
    """What the authors' code returns, with its faults; empty for a video that is too short.

    The frame rate is cut down to a whole number, so that at 29.97 (29) times run ahead of the video's: frame 599 is
    told as 20.66 s, not 19.99 s. Frame 0 is always a key frame. With no other, the last frame is one too; otherwise
    it is one where at least an interval of frames is left, the last key frame included.

    Args:
        features: ``(N, D)``, one row for each frame of the video.
        fps: as the container declares it.
        leading: so many frames at the start have one single value all over (``numpy.unique`` of the picture).

    Raises:
        ValueError: less than one frame a second, where the authors' code divides by zero.
    """
    return lazy_paper_keyframes(len(features), fps, lambda frame: np.asarray(features[frame]), rules, leading)


def lazy_paper_keyframes(
    frames: int, fps: float, feature: Callable[[int], NDArray[Any]], rules: KeyframeRules = PUBLISHED, leading: int = 0
) -> list[KeyFrame]:
    """As ``paper_keyframes``, of a video with so many frames whose vectors are looked up one by one."""
    rate = int(fps)
    if rate < 1:
        raise ValueError(f"a frame rate of {fps} is less than one frame a second")
    interval = math.ceil(rate * rules.interval_s)
    skipped = count_skipped_frames(leading, interval)
    count = min(max(0, frames - skipped), longest(rate, rules.max_s))
    if not count > math.ceil(rate * rules.min_s):
        return []
    keys = [0]
    for number in range(interval, count, interval):
        if unlike(feature(keys[-1] + skipped), feature(number + skipped), rules.threshold):
            keys.append(number)
    if len(keys) == 1 or count - keys[-1] >= interval:
        keys.append(count - 1)
    return [KeyFrame(number, number + skipped, number / rate) for number in keys]


def count_skipped_frames(leading: int, interval: int) -> int:
    """How many of the leading uniform frames are passed over: fewer than an interval of them.

    Where a whole interval is uniform, its last frame is taken for the first of the video, uniform as it is.
    """
    return min(leading, max(interval - 1, 0))


def longest(rate: int, max_s: float) -> int:
    """How many frames are read: up to and including the last whose number over the rate is not above ``max_s``."""
    last = int(max_s * rate) + 1
    while last / rate > max_s:
        last -= 1
    return last + 1


def exact_keyframes(
    features: Floats, times_s: Doubles, end_s: float, rules: KeyframeRules = PUBLISHED, leading: int = 0
) -> list[KeyFrame]:
    """The same rules in the video's own times; empty for a video that is too short.

    Leading uniform frames are passed over too, up to an interval, but times stay true. For each interval since the
    first frame the nearest of the frames is looked at; the last one that is at most ``max_s`` later is the tail. No
    frame comes twice.

    Args:
        features: ``(N, D)``, one row for each frame.
        times_s: ``(N,)``, their times, ascending.
        end_s: where the last frame ends.
        leading: so many frames at the start are uniform.
    """
    if not len(times_s):
        return []
    second = int(np.searchsorted(times_s, times_s[0] + rules.interval_s - SAME_TIME_S))
    first = min(leading, second - 1, len(times_s) - 1)
    start_s = float(times_s[first])
    last = int(np.searchsorted(times_s, start_s + rules.max_s + SAME_TIME_S)) - 1
    until_s = float(times_s[last + 1]) if last + 1 < len(times_s) else end_s
    if not until_s - start_s > rules.min_s + SAME_TIME_S:
        return []
    keys = [first]
    for frame in _on_grid(times_s[: last + 1], first, rules.interval_s):
        if unlike(features[keys[-1]], features[frame], rules.threshold):
            keys.append(frame)
    if keys[-1] != last and (len(keys) == 1 or until_s - float(times_s[keys[-1]]) >= rules.interval_s - SAME_TIME_S):
        keys.append(last)
    return [KeyFrame(frame - first, frame, float(times_s[frame])) for frame in keys]


def _on_grid(times_s: Doubles, first: int, interval_s: float) -> list[int]:
    """The frames nearest to the first one's time plus 1, 2, 3, … intervals; each once, the earlier of two as near."""
    left_s = float(times_s[-1] - times_s[first]) + SAME_TIME_S
    spots_s = times_s[first] + interval_s * np.arange(1, math.floor(left_s / interval_s) + 1)
    if not len(spots_s):
        return []
    after = np.searchsorted(times_s, spots_s).clip(1, len(times_s) - 1)
    nearest = np.where(spots_s - times_s[after - 1] <= times_s[after] - spots_s, after - 1, after)
    near = np.abs(times_s[nearest] - spots_s) <= interval_s / 2
    return sorted({int(frame) for frame in nearest[near] if frame > first})
