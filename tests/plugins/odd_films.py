"""Small films of kinds that are rare and go wrong easily."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def interlaced(path: Path) -> Path:
    """A bright bar that moves by 4 pixels from field to field; 40 frames, 25 a second, top field first."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=25)
        stream.options = {"x264-params": "tff=1:keyint=10", "preset": "superfast"}
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(40):
            look = np.full((96, 160, 3), 40, np.uint8)
            for field in (0, 1):
                at = (8 * number + 4 * field) % 128
                look[field::2, at : at + 32] = 220
            file.mux(stream.encode(av.VideoFrame.from_ndarray(look, format="rgb24")))
        file.mux(stream.encode(None))
    return path


def transparent(path: Path, codec: str, pixel_format: str) -> Path:
    """Green throughout, but the left half can be seen through; 10 frames in a second."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream(codec, rate=10)
        stream.options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        look = np.zeros((48, 64, 4), np.uint8)
        look[:] = (0, 255, 0, 0)
        look[:, 32:, 3] = 255
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(look, format="rgba")
            file.mux(stream.encode(frame.reformat(format=pixel_format)))
        file.mux(stream.encode(None))
    return path


def comb(picture: np.ndarray[Any, Any]) -> float:
    """How much more a line differs from the next one than from the one after that."""
    lines = picture.astype(np.int64)
    return float(np.abs(lines[1:-1] - lines[2:]).mean() - np.abs(lines[:-2] - lines[2:]).mean())


def recording(path: Path, tone_hz: float, start_s: float = 0.0, sound_s: tuple[float, float] = (0.0, 3.0)) -> Path:
    """A moving bar and a tone, 25 frames a second for 3 s; the clock begins at ``start_s``, the tone as it says."""
    mpeg2 = path.suffix == ".vob"
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("mpeg2video" if mpeg2 else "libx264", rate=25)
        stream.options = {} if mpeg2 else {"preset": "superfast"}
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.gop_size = 160, 96, "yuv420p", 25
        heard: Any = file.add_stream("mp2" if mpeg2 else "aac", rate=48_000, layout="stereo")
        for number in range(75):
            look = np.full((96, 160, 3), 40, np.uint8)
            look[:, 2 * number % 128 :][:, :32] = 220
            frame = av.VideoFrame.from_ndarray(look, format="rgb24")
            frame.pts, frame.time_base = round(start_s * 25) + number, Fraction(1, 25)
            file.mux(stream.encode(frame))
        size = 1152 if mpeg2 else 1024  # samples of a packet
        for at in range(round(sound_s[0] * 48_000), round(sound_s[1] * 48_000), size):
            wave = 12_000 * np.sin(2 * np.pi * tone_hz * np.arange(at, at + size) / 48_000)
            both = np.repeat(wave.astype(np.int16)[None], 2, axis=1)
            both[0, 0::2] = both[0, 1::2] = wave.astype(np.int16)
            block = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
            block.sample_rate, block.pts, block.time_base = 48_000, round(start_s * 48_000) + at, Fraction(1, 48_000)
            file.mux(heard.encode(block))
        file.mux(stream.encode(None))
        file.mux(heard.encode(None))
    return path


def joined(path: Path, *parts: Path) -> Path:
    """Recordings end to end, as ``cat`` joins them."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path
