"""Frames in one picture: a pair below each other, or all of a clip with their numbers.

The forms are those of ShareCaptioner-Video (Chen et al. 2024, arXiv:2406.04325; ``captioner/app.py`` and
``captioner/fast_captioner_lmdeploy.py`` of the authors' repository), whose grid has no numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import RowError
from ...models.chat.model import ImagePart
from ...schemas import Frame

Pixels = NDArray[np.uint8]

PAIR_GAP_PX = 50
GRID_COLUMNS = 5
_GAP_PX = 20
_MARGIN_PX = 10
_LABEL_PX = 100
_QUALITY = 95
_WHITE = 255
_GRID_PX = 2048
_LONGEST_PX = 16384
"""A JPEG has at most 65535 pixels a side, and no model looks at so many."""


def stack_frames(above: Frame, below: Frame) -> ImagePart:
    """Two frames below each other, with a white gap of 50 pixels; ``RowError`` (``bad_frame``) for what is no JPEG."""
    one, other = decode_frame(above), decode_frame(below)
    top = one.shape[0] + PAIR_GAP_PX
    canvas = _canvas(top + other.shape[0], max(one.shape[1], other.shape[1]))
    canvas[: one.shape[0], : one.shape[1]] = one
    canvas[top:, : other.shape[1]] = other
    return _encode(canvas)


def strip(frames: Sequence[Frame]) -> ImagePart:
    """All frames below each other, each with its label to the left, lines between them. Raises as ``stack_frames``."""
    import cv2

    widest = max(frame.width_px for frame in frames)
    left = max(widest // 4, _LABEL_PX)
    tops = list(accumulate((frame.height_px + _GAP_PX for frame in frames), initial=_MARGIN_PX))
    scale = min(1.0, _LONGEST_PX / (tops[-1] + _MARGIN_PX))
    canvas = _canvas(round((tops[-1] + _MARGIN_PX) * scale), round((left + widest + _GAP_PX) * scale))
    for at, (frame, top, below) in enumerate(zip(frames, tops, tops[1:], strict=False)):
        _paste(canvas, frame, round(top * scale), round(left * scale), scale)
        _write(canvas, at, (0, round(top * scale), round(left * scale), round(frame.height_px * scale)))
        if at + 1 < len(frames):
            line = round((below - _GAP_PX / 2) * scale)
            cv2.line(canvas, (0, line), (canvas.shape[1], line), (0, 0, 0), 2)
    return _encode(canvas)


def grid(frames: Sequence[Frame]) -> ImagePart:
    """All frames in rows of five, each with its label above it, at most 2048 pixels a side.

    Raises as ``stack_frames``.
    """
    columns = min(GRID_COLUMNS, len(frames))
    wide, high = max(f.width_px for f in frames), max(f.height_px for f in frames)
    rows, label = -(-len(frames) // columns), max(high // 8, _GAP_PX)
    scale = min(1.0, _GRID_PX / max(columns * wide, rows * (high + label)))
    canvas = _canvas(round(rows * (high + label) * scale), round(columns * wide * scale))
    for at, frame in enumerate(frames):
        row, column = divmod(at, columns)
        top, left = (row * (high + label) + label) * scale, column * wide * scale
        _paste(canvas, frame, round(top), round(left), scale)
        _write(canvas, at, (round(left), round(top - label * scale), round(wide * scale / 2), round(label * scale)))
    return _encode(canvas)


def label_of(at: int) -> str:
    """What stands beside a frame, counted from 0."""
    return f"<IMAGE {at}>"


def decode_frame(frame: Frame) -> Pixels:
    """``(H, W, 3)`` uint8 BGR."""
    import cv2

    found = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR) if frame.jpeg else None
    if found is None:
        raise RowError(f"the stored frame {frame.frame_id} is no JPEG: scan the video again", "bad_frame")
    return np.asarray(found, np.uint8)


def _canvas(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), _WHITE, np.uint8)


def _paste(canvas: Pixels, frame: Frame, top: int, left: int, scale: float) -> None:
    import cv2

    pixels = decode_frame(frame)
    if scale < 1:
        size = max(1, int(pixels.shape[1] * scale)), max(1, int(pixels.shape[0] * scale))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    part = canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]]
    part[:] = pixels[: part.shape[0], : part.shape[1]]


def _write(canvas: Pixels, at: int, box: tuple[int, int, int, int]) -> None:
    """A frame's label, black, in the middle of a box: its left, its top, its width and its height."""
    import cv2

    font, text = cv2.FONT_HERSHEY_SIMPLEX, label_of(at)
    (wide, high), _ = cv2.getTextSize(text, font, 1.0, 2)
    left, top, width, height = box
    size = min(1.0, 0.9 * width / wide, 0.8 * height / high)
    place = left + round(width * 0.05), top + round((height + high * size) / 2)
    cv2.putText(canvas, text, place, font, size, (0, 0, 0), 2 if size > 0.6 else 1, cv2.LINE_AA)


def _encode(canvas: Pixels) -> ImagePart:
    import cv2

    return ImagePart(cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
