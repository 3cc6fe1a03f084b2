"""Small films of kinds that are rare and go wrong easily."""

from __future__ import annotations

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
