"""From decoded frames to BGR arrays: the small picture that cuts are measured on, and pictures to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .sdr import HLG, PQ, to_sdr

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane

Pixels = NDArray[np.uint8]
"""``(H, W, 3)`` uint8 BGR, or ``(H, W)`` uint8."""

SMALL_PX = 256
"""The longer side of the small picture; smaller videos stay as they are."""

_BT709 = 1


class Bgr:
    """Converts frames to BGR as OpenCV's own reader does, byte for byte; but maps HDR to SDR by a plain rule."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame, width: int, height: int, interpolation: str = "BICUBIC") -> Pixels:
        """``(H, W, 3)`` uint8 of the given size; the memory is the converted frame's."""
        # A thread pool costs more CPU than it saves: videos are what runs in parallel.
        converted = self._scaler.reformat(frame, width, height, "bgr24", interpolation=interpolation, threads=1)
        pixels = _pixels(converted)
        return to_sdr(pixels, frame.color_trc) if is_hdr(frame) else pixels


def is_hdr(frame: VideoFrame) -> bool:
    """Its transfer curve is PQ or HLG."""
    return frame.color_trc in (PQ, HLG)


class _Layout(NamedTuple):
    """What decides how a frame is made small."""

    width: int
    height: int
    format: str
    colour_space: int
    colour_range: int


class Shrinker:
    """Makes the picture on which PySceneDetect 0.7.2 measures: BGR, scaled to 256 px by OpenCV's linear rule.

    The linear rule looks at no more than four pixels of the full picture for each small one, and
    at just one where the scale is an odd whole number (1280 -> 256). There, for 8-bit 4:2:0, only those
    pixels are converted, with swscale's own integer tables: the same bytes for half the time. All other
    pictures are converted whole, but for HDR ones, where the nearest pixels must do (OpenCV takes a third of a
    second to map one 4K picture). A picture whose size
    changes in mid-stream is brought to the size of the first.

    Sources: ``scenedetect/scene_manager.py``; ``libswscale/yuv2rgb.c`` and ``x86/yuv_2_rgb.asm``.
    """

    def __init__(self, bgr: Bgr) -> None:
        self._bgr = bgr
        self._size: tuple[int, int] | None = None
        self._layout: _Layout | None = None
        self._taps: _Taps | None = None

    def __call__(self, frame: VideoFrame) -> Pixels:
        """``(h, w, 3)`` uint8 BGR, always the same size."""
        import cv2

        layout = _Layout(frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range)
        if layout != self._layout:
            self._size = self._size or small_size(frame.width, frame.height)
            self._layout, self._taps = layout, _Taps.fitting(layout, self._size)
        assert self._size is not None
        if self._taps is not None:
            planes = frame.planes
            if all(plane.line_size > 0 for plane in planes):
                return self._taps.convert(planes)
        if is_hdr(frame):
            return self._bgr(frame, *self._size, interpolation="POINT")
        picture = self._bgr(frame, frame.width, frame.height)
        if (frame.width, frame.height) == self._size:
            return picture
        return np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_LINEAR), np.uint8)


def small_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the small picture; Python's rounding, as PySceneDetect's."""
    factor = max(1.0, max(width, height) / SMALL_PX)
    return max(1, round(width / factor)), max(1, round(height / factor))


class _Taps:
    """Converts just the pixels of an 8-bit 4:2:0 frame that the small picture is made of."""

    def __init__(self, layout: _Layout, size: tuple[int, int], factors: tuple[int, int]) -> None:
        import cv2

        self._cv2, self._width, self._height = cv2, layout.width, layout.height
        self._small, self._before = np.zeros((2, 3, size[1], size[0]), np.uint8)
        self._picture: Pixels | None = None
        (across, x), (down, y) = ((f, f // 2) for f in factors)
        self._luma = (slice(y, None, down), slice(x, None, across))
        # Luma column x + k * across has chroma column (x + k * across) // 2: regular for even k and for odd k.
        self._chroma = [
            ((slice(j, None, 2), slice(i, None, 2)), (slice(row, None, down), slice(column, None, across)))
            for j, row in ((0, y // 2), (1, (y + down) // 2))
            for i, column in ((0, x // 2), (1, (x + across) // 2))
        ]
        self._tables = _tables(layout.colour_space == _BT709, layout.colour_range == 2 or layout.format == "yuvj420p")

    @classmethod
    def fitting(cls, layout: _Layout, size: tuple[int, int]) -> _Taps | None:
        """The taps for such frames, or None where the general way must be taken."""
        if layout.format not in ("yuv420p", "yuvj420p") or layout.colour_space not in (_BT709, 2, 5, 6):
            return None
        factors = layout.width // size[0], layout.height // size[1]
        whole = (size[0] * factors[0], size[1] * factors[1]) == (layout.width, layout.height)
        even = layout.width % 2 == layout.height % 2 == 0  # swscale takes another way for odd heights
        if not (whole and even and all(f % 2 for f in factors)):
            return None
        return cls(layout, size, factors)

    def convert(self, planes: tuple[VideoPlane, ...]) -> Pixels:
        """The small picture, ``(h, w, 3)`` uint8 BGR, from a frame's Y, U and V; the last one if nothing changed."""
        self._small, self._before = self._before, self._small
        cv2, (y, u, v) = self._cv2, self._small
        np.copyto(y, _plane(planes[0], self._width, self._height)[self._luma])
        for small, plane in ((u, planes[1]), (v, planes[2])):
            whole = _plane(plane, self._width // 2, self._height // 2)
            for target, source in self._chroma:
                small[target] = whole[source]
        if self._picture is not None and np.array_equal(self._small, self._before):
            return self._picture
        luma, red_v, blue_u, green_u, green_v = (
            cv2.LUT(plane, table) for plane, table in zip((y, v, u, u, v), self._tables, strict=True)
        )
        blue = cv2.add(luma, blue_u, dtype=cv2.CV_8U)
        green = cv2.add(cv2.add(luma, green_u), green_v, dtype=cv2.CV_8U)
        red = cv2.add(luma, red_v, dtype=cv2.CV_8U)
        self._picture = np.asarray(cv2.merge((blue, green, red)), np.uint8)
        return self._picture


def _tables(bt709: bool, full_range: bool) -> tuple[NDArray[np.int16], ...]:
    """What each value adds: luma, V to red, U to blue, U to green, V to green; ``(256,)`` int16 each.

    16-bit fixed point, each product rounded down, as swscale's vector code has it.
    """
    to_red, to_blue, u_to_green, v_to_green = (
        (117_489, 138_438, -13_975, -34_925) if bt709 else (104_597, 132_201, -25_675, -53_279)
    )
    gain, black = 65_536 * 255 // 219, 16
    if full_range:
        gain, black = 65_536, 0
        to_red, to_blue, u_to_green, v_to_green = (
            int(c * 224 / 255) for c in (to_red, to_blue, u_to_green, v_to_green)
        )
    value = np.arange(256, dtype=np.int64)

    def times(offset: int, coefficient: int) -> NDArray[np.int16]:
        return ((((value - offset) * 8) * ((coefficient * 8_192 + 32_768) >> 16)) >> 16).astype(np.int16)

    return (times(black, gain), times(128, to_red), times(128, to_blue), times(128, u_to_green), times(128, v_to_green))


def _plane(plane: VideoPlane, width: int, height: int) -> Pixels:
    """A view of one 8-bit plane, ``(H, W)``; it keeps the frame alive."""
    return np.ndarray((height, width), np.uint8, plane, strides=(plane.line_size, 1))  # type: ignore[arg-type]


def _pixels(frame: VideoFrame) -> Pixels:
    """A view of a bgr24 frame, ``(H, W, 3)``; it keeps the frame alive."""
    plane = frame.planes[0]
    shape, strides = (frame.height, frame.width, 3), (plane.line_size, 3, 1)
    return np.ndarray(shape, np.uint8, plane, strides=strides)  # type: ignore[arg-type]
