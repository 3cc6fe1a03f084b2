"""Sampled frames: upright JPEGs with a hash and two measures of quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..schemas import Frame
from .display import orientation
from .pictures import BgrConverter, Pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


class SamplingOptions(NamedTuple):
    """Which frames are kept, and how."""

    frames_per_s: float
    longest_px: int
    quality: int


class FrameSampler:
    """Keeps the first frame of every ``1 / frames_per_s`` seconds, counted from the first frame.

    The JPEGs are upright, have square pixels, and are never larger than the video.
    """

    def __init__(self, video_id: str, look: SamplingOptions, pixel_aspect: float, bgr: BgrConverter) -> None:
        self.rows: list[Frame] = []
        self._video_id, self._look, self._bgr = video_id, look, bgr
        self._aspect = pixel_aspect
        self._start_s: float | None = None
        self._taken = -1  # the last step of the grid from which a frame was kept
        self._last_ms: int | None = None

    def add(self, frame: VideoFrame, time_s: float) -> None:
        """Look at the next frame; times ascend."""
        if self._start_s is None:
            self._start_s = time_s
        # A frame at 0.49999997 s is meant to stand at 0.5 s.
        step, time_ms = int((time_s - self._start_s) * self._look.frames_per_s + 1e-4), round(time_s * 1000)
        if step <= self._taken or time_ms == self._last_ms:
            return
        self._taken, self._last_ms = step, time_ms
        self.rows.append(self._row(frame, time_s, time_ms))

    def _row(self, frame: VideoFrame, time_s: float, time_ms: int) -> Frame:
        import cv2

        width, height = frame.width * self._aspect, float(frame.height)
        scale = min(1.0, self._look.longest_px / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        shrinks = size[0] < frame.width and size[1] < frame.height
        upright = orientation(frame)
        picture = upright.apply(self._bgr(frame, *size, interpolation="AREA" if shrinks else "BICUBIC"))
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self._look.quality])[1]
        return Frame(
            frame_id=f"{self._video_id}_{time_ms:09d}",
            video_id=self._video_id,
            time_s=time_s,
            jpeg=jpeg.tobytes(),
            width_px=picture.shape[1],
            height_px=picture.shape[0],
            phash=perceptual_hash(gray),
            sharpness=sharpness(gray),
            brightness=cv2.sumElems(gray)[0] / gray.size,
        )


def perceptual_hash(gray: Pixels) -> str:
    """64-bit hash of a ``(H, W)`` uint8 picture, 16 hexadecimal digits; like pictures differ in few bits.

    The signs of the 8x8 lowest frequencies of a 32x32 DCT against their median, row by row
    (C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010).
    """
    import cv2

    low = cv2.dct(cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32))[:8, :8]
    return np.packbits(low > np.median(low)).tobytes().hex()


def sharpness(gray: Pixels) -> float:
    """Variance of the Laplacian of a ``(H, W)`` uint8 picture (Pech-Pacheco et al., 2000)."""
    import cv2

    edges = cv2.Laplacian(gray, cv2.CV_16S)
    mean = cv2.sumElems(edges)[0] / edges.size
    return max(0.0, cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean * mean)
