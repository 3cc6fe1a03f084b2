"""The sound of clips: the source's, decoded, and AAC whose samples lie exactly in the clip's time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..clock import SoundShift

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

Samples = NDArray[np.float32]

_SLACK_S = 0.05
"""Times may wander this far from the samples before a new run begins."""
_BLOCK = 1024  # samples of an AAC packet
_BITS_PER_S = {"mono": 96_000, "stereo": 128_000}


class SoundRun(NamedTuple):
    """Samples ``(channels, N)`` of a run that began at ``run_s``; ``first`` counts from there."""

    run_s: float
    first: int
    samples: Samples


class SoundDecoder:
    """Decoded sound as 44.1 or 48 kHz mono or stereo, in runs without a gap."""

    def __init__(self, rate: int, channels: int, shift: SoundShift) -> None:
        self.rate = 44_100 if rate and not 44_100 % rate else 48_000
        self.layout = "mono" if channels == 1 else "stereo"
        self._resampler: Any = None
        self._form: tuple[str, str, int] | None = None
        self._run_s = self._fed_s = 0.0
        self._shift, self._made = shift, 0

    def add(self, frame: AudioFrame) -> Iterator[SoundRun]:
        """Take in the next decoded frame."""
        if frame.samples <= 0 or frame.sample_rate <= 0:
            return
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        length_s, expected_s = frame.samples / frame.sample_rate, self._run_s + self._fed_s
        time_s = expected_s if frame.time is None else self._shift.move(frame.time, length_s, expected_s)
        if form != self._form or abs(time_s - expected_s) > _SLACK_S:
            yield from self.end_run()
            self._begin(form, time_s)
        self._fed_s += length_s
        frame.pts = None
        for out in self._resampler.resample(frame):
            yield self._to_run(out)

    def end_run(self) -> Iterator[SoundRun]:
        """What the resampler still holds."""
        if self._resampler is not None:
            for out in self._resampler.resample(None):
                if out is not None:
                    yield self._to_run(out)
        self._resampler = self._form = None

    def _begin(self, form: tuple[str, str, int], time_s: float) -> None:
        import av

        self._resampler = av.AudioResampler(format="fltp", layout=self.layout, rate=self.rate)
        self._form, self._run_s, self._fed_s, self._made = form, time_s, 0.0, 0

    def _to_run(self, out: AudioFrame) -> SoundRun:
        samples = out.to_ndarray().astype(np.float32, copy=False)
        first, self._made = self._made, self._made + samples.shape[1]
        return SoundRun(self._run_s, first, samples)


class SoundCut:
    """The sound of one clip as AAC: exactly its seconds, with silence where the source has none."""

    def __init__(self, container: OutputContainer, listener: SoundDecoder, start_s: float, end_s: float) -> None:
        self.packets: list[Packet[Any]] = []
        self._container = container
        self._stream: AudioStream | None = None
        self._rate, self._layout, self._tick = listener.rate, listener.layout, Fraction(1, listener.rate)
        self._start_s, self._total = start_s, round((end_s - start_s) * listener.rate)
        self._pending: list[Samples] = []
        self._waiting = self._sent = 0

    def add(self, heard: SoundRun) -> None:
        """Take what lies in the clip and comes after what was taken before."""
        begin = round((heard.run_s - self._start_s) * self._rate) + heard.first
        at = self._sent + self._waiting
        low, high = max(begin, at), min(begin + heard.samples.shape[1], self._total)
        if low < high:
            self._silence(low - at)
            self._append(heard.samples[:, low - begin : high - begin])

    def close(self) -> Fraction:
        """Fill up the end; all packets are in ``packets`` then, with times in units of what is returned."""
        self._silence(self._total - self._sent - self._waiting)
        self._write(last=True)
        stream = self._open_stream()
        self.packets += stream.encode(None)
        return self._tick

    def _silence(self, count: int) -> None:
        channels = 1 if self._layout == "mono" else 2
        while count > 0:
            some = min(count, 60 * self._rate)
            self._append(np.zeros((channels, some), np.float32))
            count -= some

    def _append(self, samples: Samples) -> None:
        self._pending.append(samples)
        self._waiting += samples.shape[1]
        if self._waiting >= 32 * _BLOCK:
            self._write(last=False)

    def _write(self, last: bool) -> None:
        import av

        if not self._waiting:
            return
        waiting = np.concatenate(self._pending, axis=1)
        cut = self._waiting if last else self._waiting // _BLOCK * _BLOCK
        for start in range(0, cut, _BLOCK):
            block = np.ascontiguousarray(waiting[:, start : min(start + _BLOCK, cut)])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._sent, self._tick
            self.packets += self._open_stream().encode(frame)
            self._sent += block.shape[1]
        self._pending, self._waiting = [waiting[:, cut:]], self._waiting - cut

    def _open_stream(self) -> AudioStream:
        if self._stream is None:
            # FFmpeg's other coder costs twice the time, for a difference that nobody hears at this rate.
            options = {"aac_coder": "fast"}
            self._stream = self._container.add_stream("aac", rate=self._rate, options=options)
            self._stream.codec_context.layout = self._layout
            self._stream.codec_context.bit_rate = _BITS_PER_S[self._layout]
        return self._stream
