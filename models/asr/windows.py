"""A sound file in pieces that fit into memory, cut where it is quiet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import RowError
from ...media.container import best_audio, open_media

RATE_HZ = 16_000
Samples = NDArray[np.float32]
"""``(N,)`` mono, 16 kHz, -1..1."""
_STEP = RATE_HZ // 50  # 20 ms
_QUIET = 25  # steps: the half second that is quietest


class SoundWindow(NamedTuple):
    """A piece of a sound file."""

    start_s: float  # from the file's first sample
    samples: Samples

    @property
    def end_s(self) -> float:
        """Its end, from the file's first sample."""
        return self.start_s + len(self.samples) / RATE_HZ


def read_windows(path: Path, window_s: float) -> Iterator[SoundWindow]:
    """The file in windows of up to ``window_s``, each cut in the quietest half second of its last third.

    Raises:
        RowError: ``unreadable``.
    """
    size = round(window_s * RATE_HZ)
    held: list[NDArray[np.int16]] = []
    length = done = 0
    for piece in _decode(path):
        held.append(piece)
        length += len(piece)
        while length >= size:
            whole = np.concatenate(held)
            at = _quietest(whole[:size])
            yield SoundWindow(done / RATE_HZ, _floats(whole[:at]))
            held, length, done = [whole[at:]], length - at, done + at
    if length:
        yield SoundWindow(done / RATE_HZ, _floats(np.concatenate(held)))


def _decode(path: Path) -> Iterator[NDArray[np.int16]]:
    import av

    with open_media(path) as container:
        stream = best_audio(container)
        if stream is None:
            raise RowError(f"{path.name}: there is no sound in it", "unreadable")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        try:
            for frame in container.decode(stream):
                yield from (f.to_ndarray()[0] for f in resampler.resample(frame))
            yield from (f.to_ndarray()[0] for f in resampler.resample(None))
        except (av.FFmpegError, OSError) as error:
            raise RowError(f"{os.path.basename(path)}: the sound is damaged: {error}", "unreadable") from None


def _quietest(samples: NDArray[np.int16]) -> int:
    """The middle of the quietest half second of the last third."""
    first = len(samples) * 2 // 3
    steps = samples[first : first + (len(samples) - first) // _STEP * _STEP].astype(np.float64).reshape(-1, _STEP)
    power = (steps**2).mean(axis=1)
    if len(power) <= _QUIET:
        return len(samples)
    smooth = np.convolve(power, np.ones(_QUIET), "valid")
    return int(first + (int(smooth.argmin()) + _QUIET // 2) * _STEP)


def _floats(samples: NDArray[np.int16]) -> Samples:
    return samples.astype(np.float32) / np.float32(32768)
