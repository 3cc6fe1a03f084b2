"""Small pictures from the few pixels of a frame that they are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from av.video.plane import VideoPlane

    from .pictures import Pixels

_FULL_RANGE = 2


class Layout(NamedTuple):
    """What decides how a frame is made small."""

    width: int
    height: int
    format: str
    colour_space: int
    colour_range: int


def taps(layout: Layout, size: tuple[int, int]) -> SinglePixels | PairsOfRows | None:
    """What makes such frames small as converting and then scaling them does; None where all of it must be converted."""
    (width, height), (across, down) = size, (layout.width // size[0], layout.height // size[1])
    if layout.format not in ("yuv420p", "yuvj420p") or layout.width % 2 or layout.height % 2:
        return None  # swscale takes another way for odd heights
    if (across * width, down * height) == layout[:2] and across % 2 == down % 2 == 1 and min(across, down) > 1:
        return SinglePixels(layout, size)
    # Eighths: OpenCV's floating-point positions are exact then, and so are their fractions.
    return PairsOfRows(layout, size) if down >= 4 and layout.height * 8 % height == 0 else None


class _PlanarFrame:
    """An 8-bit 4:2:2 frame to be filled: swscale converts it as it does 4:2:0, but each row has its own colours."""

    def __init__(self, layout: Layout, width: int, height: int) -> None:
        from av.video.frame import VideoFrame
        from av.video.reformatter import VideoReformatter

        self._frame, self._scaler, self._height = (
            VideoFrame(width, height + height % 2, "yuv422p"),
            VideoReformatter(),
            height,
        )
        self._frame.colorspace = layout.colour_space
        self._frame.color_range = _FULL_RANGE if layout.format == "yuvj420p" else layout.colour_range
        self.planes = [_view(p, (height, p.width), (p.line_size, 1)) for p in self._frame.planes]

    def convert(self, form: str, channels: int) -> Pixels:
        """``(height, width, channels)`` uint8."""
        plane = self._scaler.reformat(self._frame, format=form, interpolation="BICUBIC", threads=1).planes[0]
        return _view(plane, (self._height, plane.width, channels), (plane.line_size, channels, 1))


class SinglePixels:
    """Converts only every 3rd, 5th, 7th, … pixel of every such row of an 8-bit 4:2:0 frame.

    In 4:2:2 two pixels share their colours: each one stands first of two, and the second is nobody's.
    """

    def __init__(self, layout: Layout, size: tuple[int, int]) -> None:
        width, height = self._size = size
        self._steps = layout.height // height, layout.width // width
        self._sheet = _PlanarFrame(layout, 2 * width, height)
        self._luma = self._sheet.planes[0][:, ::2]
        # Colours of every other pixel lie at equal distances, and so do those of the pixels between.
        self._chroma = [plane.reshape(height // 2, 2, width // 2, 2) for plane in self._sheet.planes[1:]]

    def __call__(self, planes: tuple[VideoPlane, ...]) -> Pixels:
        """The small picture, ``(h, w, 3)`` uint8 BGR, from a frame's Y, U and V."""
        import cv2

        (width, height), (down, across), line = self._size, self._steps, planes[0].line_size
        y, x = down // 2, across // 2
        np.copyto(self._luma, _view(planes[0], (height, width), (down * line, across), y * line + x))
        next_y, next_x = (y + down) // 2 - y // 2, (x + across) // 2 - x // 2
        for plane, target in zip(planes[1:], self._chroma, strict=True):
            line = plane.line_size
            strides = down * line, next_y * line, across, next_x
            source = _view(plane, target.shape, strides, y // 2 * line + x // 2)
            for between in (0, 1):
                np.copyto(target[..., between], source[..., between])
        pairs = self._sheet.convert("bgra", 4).view("<u4")[:, ::2, 0]
        pixels = np.ascontiguousarray(pairs).view(np.uint8).reshape(height, width, 4)
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR), np.uint8)


class PairsOfRows:
    """Converts only the two rows of an 8-bit 4:2:0 frame that each small row is made of.

    OpenCV scales a picture that lacks an even number of rows for each small one: the positions in it are
    others, but their fractions are the same.
    """

    def __init__(self, layout: Layout, size: tuple[int, int]) -> None:
        self._size, height = size, size[1]
        missing = (layout.height // height - 2) // 2 * 2
        left = layout.height - missing * height
        small = np.arange(height)
        upper = ((2 * small + 1) * left - height) // (2 * height)
        self._places = np.stack((upper, upper + 1), axis=1).ravel()
        rows = self._places + np.repeat(missing // 2 * (2 * small + 1), 2)
        # After `period` small rows the pattern begins again, that of the colours' rows too.
        period = 2 * height // math.gcd(2 * height, layout.height)
        again = period * layout.height // height
        self._steps = again, again // 2, again // 2
        self._phases = [(slice(n, None, 2 * period), int(row)) for n, row in enumerate(rows[: 2 * period])]
        self._sheet = _PlanarFrame(layout, layout.width, len(rows))
        self._spread = np.zeros((left, layout.width, 3), np.uint8) if len(rows) < left else None

    def __call__(self, planes: tuple[VideoPlane, ...]) -> Pixels:
        """The small picture, ``(h, w, 3)`` uint8 BGR, from a frame's Y, U and V."""
        import cv2

        for nth, (plane, target) in enumerate(zip(planes, self._sheet.planes, strict=True)):
            source = _view(plane, (plane.height, target.shape[1]), (plane.line_size, 1))
            for places, row in self._phases:
                np.copyto(target[places], source[row >> (nth > 0) :: self._steps[nth]])
        picture = self._sheet.convert("bgr24", 3)
        if self._spread is not None:
            self._spread[self._places] = picture
            picture = self._spread
        return np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _view(plane: VideoPlane, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Pixels:
    """A view of a plane's bytes; it keeps the frame alive."""
    buffer: Any = plane
    return np.ndarray(shape, np.uint8, buffer, offset, strides)
