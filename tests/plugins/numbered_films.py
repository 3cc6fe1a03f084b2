"""Films whose frames carry their number and whose sound clicks at known times, so that any cut can be checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

RATE = 25
COUNT = 100
FRAME_S = 1 / RATE
SOUND_RATE = 48_000
CLICKS_S = (0.3, 0.86, 1.54, 2.02, 2.7, 3.5)
"""When the sound clicks, after the first picture; no two distances are alike."""
_BITS, _SIZE = 8, (160, 96)


@dataclass(frozen=True)
class NumberedFilm:
    """How a film of ``COUNT`` numbered pictures is made; times are in seconds."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    start_s: float = 0.0
    numbers: Sequence[int] = tuple(range(COUNT))
    rotate: int = 0
    aspect: Fraction | None = None
    sound: str = "aac"
    sound_s: float = COUNT / RATE
    languages: tuple[str, ...] = ("",)
    inverted: bool = False
    gop: int = 25
    tick: Fraction = Fraction(1, 1000)

    def write(self, path: Path) -> Path:
        """Make the file; its suffix decides on the container."""
        with av.open(str(path), "w", options=self.container) as file:
            stream = self._pictures(file)
            tracks = [self._track(file, language) for language in self.languages] if self.sound else []
            # Written by turns, half a second at a time, as a camera does.
            for half in range(max(len(self.numbers) * 2 // RATE, int(self.sound_s * 2)) + 1):
                for number in self.numbers[half * RATE // 2 : (half + 1) * RATE // 2]:
                    frame = numbered_frame(number, self.pixel_format)
                    frame.pts, frame.time_base = round((self.start_s + number / RATE) / self.tick), self.tick
                    file.mux(stream.encode(frame))
                for nth, track in enumerate(tracks):
                    for block in self._blocks(half / 2, (half + 1) / 2, nth):
                        file.mux(track.encode(block))
            file.mux(stream.encode(None))
            for track in tracks:
                file.mux(track.encode(None))
        return path

    def _pictures(self, file: Any) -> Any:
        stream = file.add_stream(self.codec, rate=RATE)
        stream.width, stream.height = _SIZE
        stream.pix_fmt, stream.options, stream.codec_context.gop_size = self.pixel_format, dict(self.options), self.gop
        stream.codec_context.time_base = self.tick
        if self.aspect:
            stream.codec_context.sample_aspect_ratio = self.aspect
        if self.rotate:
            stream.set_display_rotation(self.rotate)
        return stream

    def _track(self, file: Any, language: str) -> Any:
        track = file.add_stream(self.sound, rate=SOUND_RATE, layout="stereo")
        if language:
            track.metadata["language"] = language
        return track

    def _blocks(self, begin_s: float, end_s: float, nth: int) -> list[av.AudioFrame]:
        first, last = (round(min(t, self.sound_s) * SOUND_RATE) // 960 * 960 for t in (begin_s, end_s))
        samples = click_samples(self.languages.index(self.languages[nth]), self.sound_s)
        both = np.stack([samples, -samples if self.inverted else samples])
        blocks = []
        for at in range(first, last, 960):
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(both[:, at : at + 960]), "fltp", "stereo")
            block.sample_rate, block.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
            block.pts = round(self.start_s * SOUND_RATE) + at
            blocks.append(block)
        return blocks


@cache
def click_samples(nth: int, length_s: float) -> NDArray[np.float32]:
    """Clicks, and a quiet hum by which tracks are told apart: 500 Hz times one more than ``nth``."""
    at = np.arange(round(length_s * SOUND_RATE))
    samples = 0.02 * np.sin(2 * np.pi * 500 * (nth + 1) * at / SOUND_RATE)
    for click_s in CLICKS_S:
        samples[round(click_s * SOUND_RATE) :][:16] = 0.9
    return samples.astype(np.float32)


def numbered_frame(number: int, pixel_format: str = "yuv420p") -> av.VideoFrame:
    """A picture whose upper half says its number, eight bars for eight bits; the lower half moves."""
    width, height = _SIZE
    look = np.full((height, width, 4), 255, np.uint8)
    for bit in range(_BITS):
        look[: height // 2, bit * width // _BITS : (bit + 1) * width // _BITS, :3] = 225 if number >> bit & 1 else 25
    across = np.arange(width)
    look[height // 2 :, :, :3] = ((across * 2 + number * 3) % 200 + 25)[None, :, None]
    frame = av.VideoFrame.from_ndarray(look, format="rgba")
    return frame.reformat(format=pixel_format, src_colorspace="itu601", dst_colorspace="itu601")


class Seen(NamedTuple):
    """A decoded picture: when it is shown, the number on it, and a hash of its bytes."""

    time_s: float
    number: int
    digest: int


def read_frames(path: Path) -> list[Seen]:
    """All pictures of a file by one decoder from its start, turned upright."""
    found = []
    with av.open(str(path)) as file:
        for frame in file.decode(file.streams.best("video")):
            assert isinstance(frame, av.VideoFrame)
            look = frame.to_ndarray(format="gray")
            digest = hash(frame.to_ndarray().tobytes())
            found.append(Seen(frame.time or 0.0, read_number(np.rot90(look, frame.rotation // 90)), digest))
    return found


def read_number(gray: NDArray[np.uint8]) -> int:
    """The number on an upright picture of any size."""
    height, width = gray.shape
    bars = gray[height // 8 : height * 3 // 8].mean(axis=0)
    centres = [(2 * bit + 1) * width // (2 * _BITS) for bit in range(_BITS)]
    return sum(1 << bit for bit, at in enumerate(centres) if bars[at - 2 : at + 3].mean() > 125)


def read_clicks(path: Path) -> list[float]:
    """When a file's sound clicks, mixed to mono, after its first sample."""
    rate, samples = read_sound(path)
    loud = (np.flatnonzero(np.abs(samples) > 0.25) / rate).tolist()
    return [b for a, b in pairwise([-1.0, *loud]) if b - a > 0.1]


def read_hum(path: Path) -> float:
    """The pitch of a file's hum in Hz."""
    rate, samples = read_sound(path)
    quiet = np.clip(samples, -0.03, 0.03)
    return float(np.argmax(np.abs(np.fft.rfft(quiet))) * rate / len(quiet))


def read_sound(path: Path) -> tuple[int, NDArray[np.float32]]:
    """The rate and the samples of a file's best track."""
    with av.open(str(path)) as file:
        stream = file.streams.best("audio")
        assert isinstance(stream, av.AudioStream)
        mono = av.AudioResampler("fltp", "mono", SOUND_RATE)
        blocks = [out.to_ndarray()[0] for frame in file.decode(stream) for out in mono.resample(frame)]
        blocks += [out.to_ndarray()[0] for out in mono.resample(None)]
        return SOUND_RATE, np.concatenate(blocks)
