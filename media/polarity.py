"""Stereo sound whose channels would cancel each other in a mono mix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

_OPPOSITE = 1 / 16
"""Channels are opposite where their sum has less than this share of the power of their difference (12 dB)."""
_MEMORY_S = 0.25
"""Power is averaged over about this long."""
_FORMATS = frozenset(("u8", "s16", "s32", "flt", "dbl"))


class PolarityRepair:
    """Turns the right channel over while it is the left one's opposite; all other sound passes as it is."""

    def __init__(self) -> None:
        self._sum = self._difference = 0.0
        self._turned = False

    def __call__(self, frame: AudioFrame) -> AudioFrame:
        """The frame, or a copy at the same time whose channels agree."""
        form = frame.format
        if frame.layout.nb_channels != 2 or form.packed.name not in _FORMATS:
            return frame
        samples = frame.to_ndarray()
        left, right = samples if form.is_planar else (samples[0, 0::2], samples[0, 1::2])
        if samples.dtype.kind != "f":
            silence = np.float32(128 if samples.dtype.kind == "u" else 0)
            left, right = left - silence, right - silence
        memory = math.exp(-frame.samples / max(frame.sample_rate, 1) / _MEMORY_S)
        self._sum = self._sum * memory + _power(left + right)
        self._difference = self._difference * memory + _power(left - right)
        self._turned = self._sum < self._difference * (1 if self._turned else _OPPOSITE)
        return _invert(frame, samples) if self._turned else frame


def _power(samples: np.ndarray[Any, Any]) -> float:
    return float(np.dot(samples, samples))


def _invert(frame: AudioFrame, samples: np.ndarray[Any, Any]) -> AudioFrame:
    import av

    right = samples[1] if frame.format.is_planar else samples[0, 1::2]
    # Bits turned over are the opposite number, less one, and never too large.
    right[:] = -right if samples.dtype.kind == "f" else ~right
    made = av.AudioFrame.from_ndarray(samples, format=frame.format.name, layout=frame.layout.name)
    made.sample_rate, made.pts, made.time_base = frame.sample_rate, frame.pts, frame.time_base
    return made
