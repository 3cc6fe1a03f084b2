"""Per-frame measures of a video, from its small pictures."""

from __future__ import annotations

import math
from array import array

import numpy as np

from ..schemas import Doubles, Signals
from .pictures import Pixels

LOOK_SIZE = (16, 9)
"""Width and height of the pictures in ``Signals.looks``."""


class SignalMeter:
    """Measures one small picture after the other against the one before.

    The deltas are the components of PySceneDetect 0.7.2's ``ContentDetector``, the level is its
    ``ThresholdDetector``'s: the same integer sums over the same pixels.
    """

    def __init__(self, edges: bool = False) -> None:
        import cv2

        self._cv2 = cv2
        self._columns = {n: array("d") for n in ("time_s", "hue", "sat", "lum", "edges", "level", "motion")}
        self._with_edges = edges
        self._picture: Pixels | None = None
        self._before: Pixels | None = None
        self._edges_before: Pixels | None = None
        self._tiny_before: Pixels | None = None
        self._looks = bytearray()

    def __len__(self) -> int:
        return len(self._columns["time_s"])

    def add(self, picture: Pixels, time_s: float) -> None:
        """Take in the next picture, ``(h, w, 3)`` uint8 BGR; all must be of one size.

        The very same array as before stands for a picture in which nothing changed.
        """
        cv2, columns = self._cv2, self._columns
        pixels = picture.shape[0] * picture.shape[1]
        columns["time_s"].append(time_s)
        if picture is self._picture:
            self._repeat()
            return
        self._picture = picture
        columns["level"].append(sum(cv2.sumElems(picture)[:3]) / (3 * pixels))
        hsv = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV), np.uint8)
        changes = cv2.sumElems(cv2.absdiff(hsv, hsv if self._before is None else self._before))
        for name, change in zip(("hue", "sat", "lum"), changes, strict=False):
            columns[name].append(change / pixels)
        self._before = hsv
        if self._with_edges:
            edges = _edges(np.ascontiguousarray(hsv[..., 2]))
            last = edges if self._edges_before is None else self._edges_before
            columns["edges"].append(cv2.norm(edges, last, cv2.NORM_L1) / pixels)
            self._edges_before = edges
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        tiny = np.asarray(cv2.resize(gray, (64, 36), interpolation=cv2.INTER_AREA), np.uint8)
        last_tiny = tiny if self._tiny_before is None else self._tiny_before
        columns["motion"].append(cv2.norm(tiny, last_tiny, cv2.NORM_L1) / tiny.size)
        self._tiny_before = tiny
        self._looks += cv2.resize(tiny, LOOK_SIZE, interpolation=cv2.INTER_AREA).tobytes()

    def _repeat(self) -> None:
        for name, column in self._columns.items():
            if name == "level":
                column.append(column[-1])
            elif name != "time_s" and (name != "edges" or self._with_edges):
                column.append(0.0)
        self._looks += self._looks[-LOOK_SIZE[0] * LOOK_SIZE[1] :]

    def row(self, video_id: str, end_s: float, damaged: str, damaged_s: Doubles) -> Signals:
        """The measures as a row; ``damaged`` in words, ``damaged_s`` the times of damaged frames."""
        floats = {n: np.array(c, np.float32) for n, c in self._columns.items() if n != "time_s"}
        return Signals(
            signals_id=video_id,
            video_id=video_id,
            time_s=np.array(self._columns["time_s"], np.float64),
            delta_hue=floats["hue"],
            delta_sat=floats["sat"],
            delta_lum=floats["lum"],
            delta_edges=floats["edges"],
            level=floats["level"],
            motion=floats["motion"],
            end_s=end_s,
            damaged=damaged,
            damaged_s=damaged_s,
            looks=bytes(self._looks),
        )


def _edges(lum: Pixels) -> Pixels:
    """Thickened Canny edges, 255 on 0, with thresholds a third below and above the median brightness."""
    import cv2

    counts = np.bincount(lum.ravel(), minlength=256).cumsum()
    half = lum.size // 2
    low, high = np.searchsorted(counts, [half if lum.size % 2 else half - 1, half], side="right")
    median = (int(low) + int(high)) / 2
    sigma = 1.0 / 3.0
    kernel = 4 + round(math.sqrt(lum.size) / 192)
    kernel += kernel % 2 == 0
    edges = cv2.Canny(lum, int(max(0, (1.0 - sigma) * median)), int(min(255, (1.0 + sigma) * median)))
    return np.asarray(cv2.dilate(edges, np.ones((kernel, kernel), np.uint8)), np.uint8)
