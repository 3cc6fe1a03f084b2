"""PySceneDetect 0.7.2's decision rules over stored signals: a new threshold needs no video.

Source: ``scenedetect/detector.py`` (``FlashFilter``) and ``scenedetect/detectors/*_detector.py``. A cut is
the index of the first frame of the new shot. Lengths in frames are counted as there: elapsed time
multiplied by the average frame rate, rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..schemas import Signals

Doubles = NDArray[np.float64]
Detector = Literal["content", "adaptive", "threshold"]

DEFAULT_THRESHOLDS: dict[str, float] = {"content": 27.0, "adaptive": 3.0, "threshold": 12.0}
"""PySceneDetect's own, by detector."""

_ONE_US = 1e-6  # presentation times are compared to a microsecond there


class Cut(NamedTuple):
    """The index of a new shot's first frame, and the detector's value there."""

    frame: int
    value: float


class Timeline:
    """When the frames are, and how far apart a cut must be from the one before.

    The shortest shot is ``frames`` long, or ``seconds`` where these are given.
    """

    def __init__(self, time_s: Doubles, end_s: float, frames: int = 15, seconds: float | None = None) -> None:
        self.time_s = time_s
        self.rate = frame_rate(time_s, end_s)
        self._times: list[float] = time_s.tolist()
        self._frames, self._seconds = frames, seconds

    @property
    def free(self) -> bool:
        """Shots may be of any length."""
        return self._frames <= 0 if self._seconds is None else self._seconds <= 0

    def far(self, first: int, second: int) -> bool:
        """A shot from frame ``first`` to frame ``second`` is long enough."""
        elapsed_s = self._times[second] - self._times[first]
        if self._seconds is not None:
            return elapsed_s >= self._seconds - _ONE_US
        return round(elapsed_s * self.rate) >= self._frames

    def between(self, first: int, second: int, share: float) -> int:
        """The frame that lies ``share`` of the way from one frame to another, in whole frames."""
        start_s = self._times[0]
        begin, end = (round((self._times[i] - start_s) * self.rate) for i in (first, second))
        wanted_s = start_s + (begin + round((end - begin) * share)) / self.rate
        return int(np.abs(self.time_s - wanted_s).argmin())


def frame_rate(time_s: Doubles, end_s: float) -> float:
    """Frames per second: where the rate is constant but for a few gaps, that rate, otherwise the mean."""
    steps = np.diff(time_s)
    if len(steps):
        usual = float(np.median(steps))
        regular = steps[np.abs(steps - usual) <= usual / 4]
        if len(regular) >= 0.9 * len(steps):
            return float(1 / regular.mean())
    return float(len(time_s) / max(end_s - time_s[0], _ONE_US))


def content_values(signals: Signals, weights: Sequence[float]) -> Doubles:
    """The weighted mean of the deltas, ``(N,)``; weights of hue, saturation, brightness and edges."""
    total = np.zeros(len(signals.time_s))
    deltas = (signals.delta_hue, signals.delta_sat, signals.delta_lum, signals.delta_edges)
    for delta, weight in zip(deltas, weights, strict=True):
        if weight:
            total += np.asarray(delta, np.float64) * weight
    total[:1] = 0.0
    return total / sum(abs(w) for w in weights)


def adaptive_ratios(values: Doubles, window: int, min_content: float) -> Doubles:
    """Each value over the mean of its ``window`` neighbours on either side, at most 255; 0 near the ends."""
    ratios = np.zeros(len(values))
    inner = len(values) - 2 * window
    if inner <= 0:
        return ratios
    near = np.zeros(inner)
    for offset in range(2 * window + 1):
        if offset != window:
            near += values[offset : offset + inner]
    near /= 2.0 * window
    target = values[window : window + inner]
    still = np.abs(near) < 1e-5
    moving = np.minimum(target / np.where(still, 1.0, near), 255.0)
    ratios[window : window + inner] = np.where(still, np.where(target >= min_content, 255.0, 0.0), moving)
    return ratios


def content_cuts(values: Doubles, threshold: float, line: Timeline, merge: bool = True) -> list[Cut]:
    """Cuts where the content value reaches the threshold, after the flash filter.

    ``merge``: cuts that follow each other too soon become one, at the last of them; otherwise those
    after the first are left out.
    """
    above = values >= threshold
    if line.free:
        found = np.flatnonzero(above).tolist()
    else:
        found = _merge_cuts(above.tolist(), line) if merge else _suppress_cuts(above, line)
    return [Cut(i, float(values[i])) for i in found]


def adaptive_cuts(
    values: Doubles, threshold: float, line: Timeline, window: int = 2, min_content: float = 15.0
) -> list[Cut]:
    """Cuts where the content value stands out from its neighbours; ``value`` is the ratio to them."""
    ratios = adaptive_ratios(values, window, min_content)
    found: list[int] = []
    last = 0
    for i in np.flatnonzero((ratios >= threshold) & (values >= min_content)).tolist():
        if line.far(last, i):
            found.append(i)
            last = i
    return [Cut(i, float(ratios[i])) for i in found]


def threshold_cuts(level: Doubles, threshold: float, line: Timeline, bias: float = 0.0) -> list[Cut]:
    """One cut for each fade to black and back; ``bias`` -1 puts it at its start, 0 in its middle, 1 at its end."""
    if not len(level):
        return []
    dark = (level < int(threshold)).tolist()
    found: list[int] = []
    last = faded = 0
    for i in range(1, len(dark)):
        if dark[i] == dark[i - 1]:
            continue
        if dark[i]:
            faded = i
        elif line.far(last, i):
            found.append(line.between(faded, i, (1.0 + bias) / 2.0))
            last = i
    return [Cut(i, float(level[i])) for i in sorted(set(found))]


def _suppress_cuts(above: NDArray[np.bool_], line: Timeline) -> list[int]:
    found: list[int] = []
    last = 0
    for i in np.flatnonzero(above).tolist():
        if line.far(last, i):
            found.append(i)
            last = i
    return found


def _merge_cuts(above: list[bool], line: Timeline) -> list[int]:
    """Nothing is merged before the first cut. A merge begins at a frame that comes too soon, and ends
    with one cut, once the frames since its last have been calm for long enough and it is itself long enough.
    """
    found: list[int] = []
    last, start, merging = 0, 0, False
    for i, hit in enumerate(above):
        if not (hit or merging):
            continue
        calm = line.far(last, i)
        if hit:
            last = i
        if merging:
            if calm and not hit and line.far(start, last):
                merging = False
                found.append(last)
        elif calm:
            found.append(i)
        elif found:
            merging, start = True, i
    return found
