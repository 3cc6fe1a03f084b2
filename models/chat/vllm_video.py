"""Films for vLLM: frames with the times that they were taken at."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import VideoPart

READER = "cliploom"
"""The name under which vLLM knows ``VllmVideoReader``."""
_FILM_TYPE = "video/x-cliploom"
_TICKS_PER_S = 1000


def film_url(film: VideoPart) -> str:
    """A film as a ``data:`` URL that vLLM gives to ``VllmVideoReader``."""
    return f"data:{_FILM_TYPE};base64,{base64.b64encode(pack_video(film)).decode('ascii')}"


def pack_video(film: VideoPart) -> bytes:
    """A film as ``VllmVideoReader`` takes it: a line of JSON with times and sizes, then the JPEGs."""
    head = {"times_s": film.times_s, "sizes": [len(frame.jpeg) for frame in film.frames]}
    return json.dumps(head).encode() + b"\n" + b"".join(frame.jpeg for frame in film.frames)


class VllmVideoReader:
    """Reads packed films for vLLM: frames and the times that they were taken at, whatever lies between them.

    vLLM's own form for frames (``video/jpeg``) has no times, and drops all after the 32nd.
    """

    @classmethod
    def load_bytes(cls, data: bytes, **_: object) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Frames ``(T, H, W, 3) uint8 RGB``, and what vLLM wants to know about them, in ticks of a millisecond.

        Raises:
            OSError, ValueError: they are no pictures, or not of one size.
        """
        from PIL import Image

        head, _newline, jpegs = data.partition(b"\n")
        read = json.loads(head)
        frames, start = [], 0
        for size in read["sizes"]:
            frames.append(np.asarray(Image.open(BytesIO(jpegs[start : start + size])).convert("RGB")))
            start += size
        return np.stack(frames), _clock(read["times_s"])


def _clock(times_s: Sequence[float]) -> dict[str, Any]:
    """The metadata of frames: their times from the first one on, as frames of a video of 1000 a second."""
    ticks = [round((time - times_s[0]) * _TICKS_PER_S) for time in times_s]
    between = ticks[-1] / (len(ticks) - 1) if ticks[-1] else float(_TICKS_PER_S)
    total = round(between * len(ticks))
    return {
        "fps": float(_TICKS_PER_S),
        "total_num_frames": total,
        "duration": total / _TICKS_PER_S,
        "frames_indices": ticks,
        "video_backend": READER,
        "do_sample_frames": False,
    }
