"""How late or early a transcript is, by when it says that somebody speaks and when somebody does.

Both become activity: for each step of time the share of it that is speech. Their cross-correlation has its peak where
they fit best. A transcript that was made for another frame rate also runs too fast or too slowly: the usual ratios of
frame rates are tried, and what is left is fitted to the offsets of parts of the video.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

STEP_S = 0.04
RATES = (1.0, 24 / 23.976, 25 / 24, 25 / 23.976, 23.976 / 24, 24 / 25, 23.976 / 25)
"""Seconds of the transcript for a second of the sound, by the frame rates of the two."""
_BETTER = 0.03  # by which another rate must agree better to be believed
_PART_S = 120.0
_PARTS = 4  # of a video whose rate is fitted
_SURE = 0.3


class OffsetPeak(NamedTuple):
    """Where two activities fit best: by how many seconds the second is late, and their correlation there."""

    offset_s: float
    agreement: float


class DriftMeasure(NamedTuple):
    """A moment ``t`` of the sound is at ``offset_s + rate * t`` in the transcript.

    ``before`` and ``after`` are the correlations of the two activities, -1 to 1: as they stand, and once mended.
    """

    offset_s: float
    rate: float
    before: float
    after: float

    def mend(self, time_s: float) -> float:
        """A time of the transcript as one of the sound."""
        return (time_s - self.offset_s) / self.rate

    def mend_all(self, times_s: Floats) -> Floats:
        """Many of them, ``(K,)``."""
        return (times_s - self.offset_s) / self.rate


def activity(starts_s: ArrayLike, ends_s: ArrayLike, length_s: float, step_s: float = STEP_S) -> Floats:
    """Spans ``(K,)`` of speech as ``(ceil(length_s / step_s),)``: the share of each step that lies in one, 0 to 1.

    Spans may overlap and reach past the ends; those that are no numbers count as none.
    """
    count = max(0, int(np.ceil(length_s / step_s - 1e-9)))
    starts, ends = np.asarray(starts_s, np.float64), np.asarray(ends_s, np.float64)
    known = np.isfinite(starts) & np.isfinite(ends) & (ends > starts)
    order = np.argsort(starts[known], kind="stable")
    until = np.maximum.accumulate(ends[known][order])
    begin = np.maximum(starts[known][order], np.concatenate([[-np.inf], until[:-1]])[: len(until)])
    at = np.clip(np.stack([np.minimum(begin, until), until]) / step_s, 0, count)
    edges = np.zeros(count + 2)
    for times, sign in zip(at, (1.0, -1.0), strict=True):
        whole = np.floor(times).astype(np.int64)
        part = times - whole
        np.add.at(edges, whole, sign * (1 - part))
        np.add.at(edges, whole + 1, sign * part)
    return np.clip(np.cumsum(edges)[:count], 0.0, 1.0)


def best_offset(heard: Floats, written: Floats, most_s: float, step_s: float = STEP_S) -> OffsetPeak:
    """The offset of at most ``most_s`` at which two activities ``(N,)`` of one length agree best.

    Positive where ``written`` is late. Agreement is Pearson's correlation, what is shifted beyond the ends counting as
    average; 0 where one of the two never changes. Of equals the smallest offset counts.
    """
    size, most = len(heard), min(round(most_s / step_s), max(0, len(heard) - 1))
    one, two = heard - heard.mean() if size else heard, written - written.mean() if size else written
    norm = float(np.sqrt((one**2).sum() * (two**2).sum()))
    if norm < 1e-12:
        return OffsetPeak(0.0, 0.0)
    padded = 1 << (2 * size - 1).bit_length()
    product = np.fft.irfft(np.conj(np.fft.rfft(one, padded)) * np.fft.rfft(two, padded), padded)
    around = np.concatenate([product[padded - most :], product[: most + 1]]) / norm
    lags = np.arange(-most, most + 1)
    near = np.flatnonzero(around >= around.max() - 1e-9)
    at = int(near[np.argmin(np.abs(lags[near]))])
    return OffsetPeak((float(lags[at]) + _between(around, at)) * step_s, float(around[at]))


def measure_drift(
    heard: tuple[ArrayLike, ArrayLike], written: tuple[ArrayLike, ArrayLike], length_s: float, most_s: float = 30.0
) -> DriftMeasure:
    """How a transcript stands to the sound: starts and ends of speech in each, ``(K,)``, and the sound's length."""
    sound = activity(*heard, length_s)
    starts, ends = (np.asarray(edge, np.float64) for edge in written)
    plain = activity(starts, ends, length_s)
    before = _agreement(sound, plain)
    rate, peak = 1.0, best_offset(sound, plain, most_s)
    for other in RATES[1:]:
        found = best_offset(sound, activity(starts / other, ends / other, length_s), most_s)
        if found.agreement > peak.agreement + (_BETTER if rate == 1.0 else 0.0):
            rate, peak = other, found
    measure = DriftMeasure(peak.offset_s * rate, rate, before, peak.agreement)
    return _fit_rate(sound, starts, ends, measure)


def _fit_rate(sound: Floats, starts: Floats, ends: Floats, found: DriftMeasure) -> DriftMeasure:
    """Better the rate by the offsets that are left in parts of the video."""
    mended = activity(found.mend_all(starts), found.mend_all(ends), len(sound) * STEP_S)
    size = round(_PART_S / STEP_S)
    middles, offsets = [], []
    for at in range(0, len(sound) - size + 1, size):
        peak = best_offset(sound[at : at + size], mended[at : at + size], _PART_S / 8)
        if peak.agreement >= _SURE:
            middles.append((at + size / 2) * STEP_S)
            offsets.append(peak.offset_s)
    if len(middles) < _PARTS:
        return found
    pairs = itertools.combinations(zip(middles, offsets, strict=True), 2)
    slope = float(np.median([(late - early) / (after - first) for (first, early), (after, late) in pairs]))
    rest_s = float(np.median(np.array(offsets) - slope * np.array(middles)))
    better = DriftMeasure(found.offset_s + rest_s * found.rate, found.rate * (1 + slope), found.before, found.after)
    after = _agreement(sound, activity(better.mend_all(starts), better.mend_all(ends), len(sound) * STEP_S))
    return better._replace(after=after) if after > found.after + 1e-3 else found


def _agreement(heard: Floats, written: Floats) -> float:
    return best_offset(heard, written, 0.0).agreement


def _between(values: Floats, at: int) -> float:
    """Where between the steps the peak of a parabola through three values is."""
    if not 0 < at < len(values) - 1:
        return 0.0
    left, middle, right = (float(v) for v in values[at - 1 : at + 2])
    bend = left - 2 * middle + right
    return 0.0 if abs(bend) < 1e-12 else max(-0.5, min(0.5, (left - right) / (2 * bend)))
