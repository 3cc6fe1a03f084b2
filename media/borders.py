"""What of a picture lies inside plain borders, such as the bars of a letterbox."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .frame_sampler import perceptual_hash

Pixels = NDArray[np.uint8]

_PLAIN = 8.0  # how far from its mean a plain line's gray values lie, on average (JPEG makes noise)


class ContentBox(NamedTuple):
    """Rows ``[top, bottom)`` and columns ``[left, right)`` of a picture."""

    top: int
    bottom: int
    left: int
    right: int


def content_box(gray: NDArray[Any], least: float = 0.3) -> ContentBox:
    """What is inside the plain borders of a ``(H, W)`` uint8 picture.

    A border is of lines at an edge whose gray values hardly vary (their standard deviation is below 8) and that are as
    bright as the outermost line. Where less than ``least`` of the height or the width would be left, as of a plain
    picture, that direction is not cut.
    """
    rows, columns = _inner(gray), _inner(gray.T)
    top, bottom = rows if rows[1] - rows[0] >= least * gray.shape[0] else (0, gray.shape[0])
    left, right = columns if columns[1] - columns[0] >= least * gray.shape[1] else (0, gray.shape[1])
    return ContentBox(top, bottom, left, right)


def border_share(gray: NDArray[Any]) -> float:
    """How much of a ``(H, W)`` picture is plain border, 0 to 1."""
    box = content_box(gray)
    return 1 - (box.bottom - box.top) * (box.right - box.left) / max(gray.size, 1)


def inner_hash(jpeg: bytes) -> int:
    """The 64-bit hash of what is inside a JPEG's borders."""
    import cv2

    gray: Pixels = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
    box = content_box(gray)
    return int(perceptual_hash(np.ascontiguousarray(gray[box.top : box.bottom, box.left : box.right])), 16)


def _inner(gray: NDArray[Any]) -> tuple[int, int]:
    """The first row that is no border, and the one after the last."""
    if not gray.size:
        return 0, len(gray)
    lines = gray.astype(np.float32)
    level, spread = lines.mean(axis=1), lines.std(axis=1)
    plain = spread < _PLAIN
    above = ~(plain & (abs(level - level[0]) < _PLAIN))
    below = ~(plain & (abs(level - level[-1]) < _PLAIN))
    first = int(np.argmax(above)) if above.any() else len(gray)
    last = len(gray) - int(np.argmax(below[::-1])) if below.any() else 0
    return (first, last) if first < last else (0, 0)
