"""Messages for vLLM, and films in them: frames with the times that they were taken at."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .chat import Film, Message, Part, Picture

READER = "cliploom"
"""The name under which vLLM knows ``FilmReader``."""
_FILM_TYPE = "video/x-cliploom"
_TICKS_PER_S = 1000


def turn(message: Message, film: str) -> dict[str, Any]:
    """A message as ``LLM.chat`` takes it; ``film`` is ``ChatModel.film``."""
    content = message["content"]
    if isinstance(content, str):
        return {"role": message["role"], "content": content}
    return {"role": message["role"], "content": [sent for part in content for sent in _sent(part, film)]}


def _sent(part: Part, film: str) -> list[dict[str, Any]]:
    if isinstance(part, str):
        return [{"type": "text", "text": part}]
    if isinstance(part, Picture):
        return [{"type": "image_url", "image_url": {"url": _url("image/jpeg", part.jpeg)}}]
    if film == "video":
        return [{"type": "video_url", "video_url": {"url": _url(_FILM_TYPE, packed(part))}}]
    return [sent for frame in part.frames for sent in _sent(frame, film)]


def _url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def packed(film: Film) -> bytes:
    """A film as ``FilmReader`` takes it: a line of JSON with times and sizes, then the JPEGs."""
    head = {"times_s": film.times_s, "sizes": [len(frame.jpeg) for frame in film.frames]}
    return json.dumps(head).encode() + b"\n" + b"".join(frame.jpeg for frame in film.frames)


class FilmReader:
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
