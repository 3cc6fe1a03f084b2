"""The sound track as a 16 kHz mono FLAC file whose samples keep the video's clock."""

from __future__ import annotations

import math
import os
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..schemas import Span
from .clock import SoundShift, is_time
from .polarity import PolarityRepair

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

RATE = 16_000
"""Samples per second."""

_SLACK_S = 0.05
"""Times may wander this far from the samples before silence is put in or samples are left out."""
_CHUNK = 60 * RATE
_PIECE = 16_384  # samples that come out of the resampler at a time: few calls cost less
_BLOCK = RATE // 20
_BLOCK_S = _BLOCK / RATE
_FULL_SCALE = 32_768.0

Samples = NDArray[np.int16]


class FlacFile:
    """A mono FLAC file at 16 kHz, written in small pieces under a temporary name; nothing stays of a failure."""

    def __init__(self, path: Path) -> None:
        import av

        self._path, self._part = path, path.with_name(f"{path.name}.{os.getpid()}.part")
        self._file = av.open(str(self._part), "w", format="flac")
        self._stream: Any = self._file.add_stream("flac", rate=RATE, layout="mono")
        self._frame = av.AudioFrame

    def write(self, samples: Samples) -> None:
        """Append ``(N,)`` int16 samples. N should be large: each call ends a FLAC block."""
        for start in range(0, len(samples), 4_096):
            frame = self._frame.from_ndarray(samples[None, start : start + 4_096], format="s16", layout="mono")
            frame.sample_rate = RATE
            self._file.mux(self._stream.encode(frame))

    def keep(self) -> None:
        """Finish the file and give it its name."""
        self._file.mux(self._stream.encode(None))
        self._file.close()
        os.replace(self._part, self._path)

    def discard(self) -> None:
        """Leave nothing behind; harmless after ``keep``."""
        self._file.close()
        self._part.unlink(missing_ok=True)


class Loudness(NamedTuple):
    """How loud a track is, and where."""

    level_db: float
    active: list[Span]


class SoundTrack:
    """Resamples decoded sound, puts silence where the file has a gap, and measures what it writes.

    Of stereo sound whose channels are opposite the difference is kept, as their mix would be silence.
    """

    def __init__(self, path: Path, shift: SoundShift | None = None) -> None:
        self.path = path
        self._file = FlacFile(path)
        self._shift = shift or SoundShift()
        self._polarity = PolarityRepair()
        self._resampler: Any = None
        self._layout: tuple[str, str, int] | None = None
        self._start_s: float | None = None
        self._heard_s = 0.0  # seconds of input since the start, silence put in included
        self._pending: list[Samples] = []
        self._waiting = 0
        self._sent = 0
        self._blocks = array("d")  # mean square of each block

    @property
    def start_s(self) -> float | None:
        """Time of the first sample; None while nothing was heard."""
        return self._start_s

    @property
    def duration_s(self) -> float:
        """Length of what was written."""
        return self._sent / RATE

    def add(self, frame: AudioFrame) -> None:
        """Take in the next decoded frame."""
        if frame.samples <= 0 or frame.sample_rate <= 0:
            return
        length_s = frame.samples / frame.sample_rate
        time_s = frame.time
        if self._start_s is None:
            self._start_s = time_s if is_time(time_s) else 0.0
        if is_time(time_s):
            expected_s = self._start_s + self._heard_s
            late_s = self._shift.move(time_s, length_s, expected_s) - expected_s
            if late_s < -_SLACK_S:
                return  # it overlaps what was heard already
            if late_s > _SLACK_S:
                self._flush()
                self._silence(late_s)
        self._heard_s += length_s
        layout = (frame.format.name, frame.layout.name, frame.sample_rate)
        if layout != self._layout:
            self._flush()
            self._layout, self._resampler = layout, _resampler()
        for out in self._resampler.resample(self._polarity(frame)):
            self._append(out.to_ndarray()[0])

    def close(self) -> Loudness:
        """Write the rest, keep the file, and say how loud it is."""
        self._flush()
        self._write(np.concatenate(self._pending) if self._pending else np.empty(0, np.int16), last=True)
        self._file.keep()
        return loudness(np.array(self._blocks), self._sent, self._start_s or 0.0)

    def discard(self) -> None:
        """Leave no file behind; harmless after ``close``."""
        self._file.discard()

    def _flush(self) -> None:
        """Get the last samples out of the resampler: as many as the input's length makes."""
        left = round(self._heard_s * RATE) - self._sent - self._waiting
        if self._resampler is not None:
            for out in self._resampler.resample(None):
                tail = out.to_ndarray()[0][: max(left, 0)]
                self._append(tail)
                left -= len(tail)
            self._resampler = self._layout = None
            self._append(np.zeros(min(max(left, 0), _BLOCK), np.int16))

    def _silence(self, seconds: float) -> None:
        self._heard_s += seconds
        left = round(self._heard_s * RATE) - self._sent - self._waiting
        while left > 0:
            self._append(np.zeros(min(left, _CHUNK), np.int16))
            left -= _CHUNK

    def _append(self, samples: Samples) -> None:
        self._pending.append(samples)
        self._waiting += len(samples)
        if self._waiting >= _CHUNK:
            self._write(np.concatenate(self._pending))

    def _write(self, samples: Samples, last: bool = False) -> None:
        """Write whole blocks, or all of it at the end; what is left over waits."""
        cut = len(samples) if last else len(samples) // _CHUNK * _CHUNK
        whole = samples[: cut // _BLOCK * _BLOCK].reshape(-1, _BLOCK).astype(np.float64)
        self._blocks.extend(np.square(whole / _FULL_SCALE).mean(axis=1).tolist())
        tail = samples[cut // _BLOCK * _BLOCK : cut].astype(np.float64)
        if len(tail):
            self._blocks.append(float(np.square(tail / _FULL_SCALE).mean()))
        self._file.write(samples[:cut])
        self._sent += cut
        self._pending, self._waiting = [samples[cut:]], len(samples) - cut


def loudness(power: NDArray[np.float64], samples: int, start_s: float) -> Loudness:
    """The level of a track, and the spans that stand out from its noise floor.

    ``power`` holds the mean square of each 50 ms, ``(N,)``, full scale being 1. The floor is the tenth
    percentile in dB; a block stands out 9 dB above it, but never below -60 dB, and always above
    -40 dB, so that a track that is loud throughout is active throughout. Pauses of up to 0.3 s are
    bridged, single blocks dropped.
    """
    if not len(power):
        return Loudness(-120.0, [])
    weights = np.full(len(power), float(_BLOCK))
    weights[-1] = samples - _BLOCK * (len(power) - 1)
    level_db = _db(float(np.average(power, weights=weights)))
    block_db = 10 * np.log10(np.maximum(power, 1e-12))
    loud = block_db > float(np.clip(np.percentile(block_db, 10) + 9, -60, -40))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    runs: list[list[int]] = []
    for begin, end in edges.reshape(-1, 2).tolist():
        if runs and (begin - runs[-1][1]) * _BLOCK_S <= 0.3 + 1e-9:
            runs[-1][1] = end
        else:
            runs.append([begin, end])
    last_s = samples / RATE
    spans = [Span(start_s + b * _BLOCK_S, start_s + min(e * _BLOCK_S, last_s)) for b, e in runs if e - b > 1]
    return Loudness(level_db, spans)


def _db(power: float) -> float:
    return min(0.0, 10 * math.log10(max(power, 1e-12)))


def _resampler() -> Any:
    import av

    return av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=_PIECE)
