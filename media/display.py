"""How a decoded picture is to be shown: which way up, and with pixels of which shape."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .container import fraction
from .filter_graph import Filter
from .pictures import Pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_WIDEST = 10
"""Pixels more oblong than this are a mistake of the header and taken for square ones."""


class Size(NamedTuple):
    """Of a picture, in pixels."""

    width: int
    height: int


class Orientation(NamedTuple):
    """What brings a decoded picture upright: rows and columns are swapped, then it is mirrored."""

    transpose: bool = False
    hflip: bool = False  # left becomes right
    vflip: bool = False  # top becomes bottom

    @property
    def mirrored(self) -> bool:
        """No turn alone brings the picture upright."""
        return self.transpose ^ self.hflip ^ self.vflip

    @property
    def rotation_deg(self) -> int:
        """The clockwise turn that shows the picture upright, after it was mirrored left to right where it must be."""
        if self.transpose:
            return 90 if self.hflip else 270
        return 180 if self.vflip else 0

    def rotate_size(self, size: Size) -> Size:
        """The size of a picture of this size once it is upright."""
        return Size(size.height, size.width) if self.transpose else size

    def apply(self, picture: Pixels) -> Pixels:
        """The picture, ``(H, W, 3)``, upright."""
        upright = picture.swapaxes(0, 1) if self.transpose else picture
        return np.ascontiguousarray(upright[:: -1 if self.vflip else 1, :: -1 if self.hflip else 1])

    def filters(self) -> list[Filter]:
        """The same as filters of FFmpeg."""
        if self.transpose:
            kinds = {(False, False): "cclock_flip", (True, False): "clock", (False, True): "cclock"}
            return [("transpose", kinds.get((self.hflip, self.vflip), "clock_flip"))]
        return [(name, "") for name in ("hflip", "vflip") if getattr(self, name)]


UPRIGHT = Orientation()


def orientation(frame: VideoFrame) -> Orientation:
    """The orientation that a frame's display matrix asks for, the nearest of the eight that turn no corner.

    The matrix moves a pixel from ``(x, y)`` to ``(a x + c y, b x + d y)`` (libavutil/display.h).
    """
    try:
        sides: Any = frame.side_data
        matrix = sides.get("DISPLAYMATRIX")
    except ValueError:  # PyAV 18 fails on side data of a kind that it does not know
        return _rotation(frame.rotation)
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)


def _rotation(counterclockwise_deg: int) -> Orientation:
    turns = (UPRIGHT, Orientation(True, True, False), Orientation(False, True, True), Orientation(True, False, True))
    return turns[round(-counterclockwise_deg / 90) % 4]


def first_frame(stream: VideoStream) -> VideoFrame | None:
    """The first frame that decodes, if any does; the container goes back to its start."""
    import av

    container = stream.container
    assert isinstance(container, av.container.InputContainer)
    try:
        frame = next(container.decode(stream), None)
        container.seek(0)
    except av.FFmpegError:
        return None
    return frame


def pixel_aspect(stream: VideoStream) -> Fraction:
    """The width of a pixel by its height; 1 where the file says nothing, or nothing that can be meant."""
    aspect = fraction(stream.sample_aspect_ratio) or Fraction(1)
    return aspect if Fraction(1, _WIDEST) <= aspect <= _WIDEST else Fraction(1)


def display_size(size: Size, aspect: Fraction, upright: Orientation) -> Size:
    """The size in square pixels at which a picture is shown: one side grows, as HTML demands, and none shrinks."""
    wider, higher = max(aspect, Fraction(1)), max(1 / aspect, Fraction(1))
    return upright.rotate_size(Size(round(size.width * wider), round(size.height * higher)))
