"""From decoded frames to BGR arrays: the small picture that cuts are measured on, and pictures to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from .downscale import Layout, PairsOfRows, SinglePixels, taps
from .tone_mapping import HLG, PQ, to_sdr
from .transparency import OnBlack

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Pixels = NDArray[np.uint8]
"""``(H, W, 3)`` uint8 BGR, or ``(H, W)`` uint8."""

SMALL_PX = 256
"""The longer side of the small picture; smaller videos stay as they are."""


class BgrConverter:
    """Converts frames to BGR as OpenCV's own reader does, byte for byte; but HDR is mapped to SDR by a plain rule, and
    pictures with transparency are shown on black.
    """

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._scaler, self._on_black = VideoReformatter(), OnBlack()

    def __call__(self, frame: VideoFrame, width: int, height: int, interpolation: str = "BICUBIC") -> Pixels:
        """``(H, W, 3)`` uint8 of the given size; the memory is the converted frame's."""
        frame = self._on_black(frame)
        # A thread pool costs more CPU than it saves: videos are what runs in parallel.
        converted = self._scaler.reformat(frame, width, height, "bgr24", interpolation=interpolation, threads=1)
        pixels = _pixels(converted)
        return to_sdr(pixels, frame.color_trc) if is_hdr(frame) else pixels


def is_hdr(frame: VideoFrame) -> bool:
    """Its transfer curve is PQ or HLG."""
    return frame.color_trc in (PQ, HLG)


class FrameShrinker:
    """Makes the picture on which PySceneDetect 0.7.2 measures: BGR, scaled to 256 px by OpenCV's linear rule.

    The linear rule looks at no more than two rows and columns of the full picture for each small pixel.
    Of 8-bit 4:2:0, only those are converted where they lie regularly (1280 -> 256, 1920 -> 256): the same
    bytes for less. All other pictures are converted whole, but for HDR ones, where the nearest pixels must do
    (OpenCV takes a third of a second to map one 4K picture). A picture whose size changes in mid-stream is
    brought to the size of the first.

    Sources: ``scenedetect/scene_manager.py``; OpenCV's ``resize.cpp``; ``libswscale/yuv2rgb.c``.
    """

    def __init__(self, bgr: BgrConverter) -> None:
        self._bgr = bgr
        self._size: tuple[int, int] | None = None
        self._layout: Layout | None = None
        self._taps: SinglePixels | PairsOfRows | None = None
        self._last: Pixels | None = None

    def __call__(self, frame: VideoFrame) -> Pixels:
        """``(h, w, 3)`` uint8 BGR, always the same size; the very same array as before if nothing changed."""
        import cv2

        picture = self._small(frame)
        if self._last is None or cv2.norm(picture, self._last, cv2.NORM_INF):
            self._last = picture
        return self._last

    def _small(self, frame: VideoFrame) -> Pixels:
        import cv2

        layout = Layout(frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range)
        if layout != self._layout:
            self._size = self._size or small_size(frame.width, frame.height)
            self._layout, self._taps = layout, taps(layout, self._size)
        assert self._size is not None
        if is_hdr(frame):
            return self._bgr(frame, *self._size, interpolation="POINT")
        if self._taps is not None and not frame.interlaced_frame:  # swscale converts its fields one by one
            planes = frame.planes
            if all(plane.line_size > 0 for plane in planes):
                return self._taps(planes)
        picture = self._bgr(frame, frame.width, frame.height)
        if (frame.width, frame.height) == self._size:
            return picture
        return np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_LINEAR), np.uint8)


def small_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the small picture; Python's rounding, as PySceneDetect's."""
    factor = max(1.0, max(width, height) / SMALL_PX)
    return max(1, round(width / factor)), max(1, round(height / factor))


def _pixels(frame: VideoFrame) -> Pixels:
    """A view of a bgr24 frame, ``(H, W, 3)``; it keeps the frame alive."""
    plane = frame.planes[0]
    shape, strides = (frame.height, frame.width, 3), (plane.line_size, 3, 1)
    return np.ndarray(shape, np.uint8, cast(Any, plane), strides=strides)
