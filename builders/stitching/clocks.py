"""Two ways to reckon a video's time: in its own seconds, and in frame numbers at one rate for all of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...engine.contract.errors import RowError
from ...schemas import Shot, Signals, Video
from ...schemas.ids import SAME_TIME_S
from .panda import cut_frames, cut_times, sample_frames, sample_times


class ClockSpan(NamedTuple):
    """A shot, or a piece of a long one. ``start`` and ``end`` are in the clock's own unit."""

    start: float
    end: float
    start_s: float
    end_s: float
    places_s: tuple[float, float]  # where to look at it
    detector: str  # of the shot that it opens, otherwise `length`
    strength: float


class SecondClock:
    """Seconds of the container's clock."""

    fps = None

    def __init__(self, cut_s: float, slack_s: float) -> None:
        self._cut_s, self._slack_s = cut_s, slack_s

    def pieces(self, shot: Shot) -> Iterator[ClockSpan]:
        """The shot, cut where it is too long."""
        bounds = cut_times(shot.start_s, [shot.end_s], self._cut_s, self._slack_s)
        for at, (start_s, end_s) in enumerate(pairwise(bounds)):
            found, strength = (shot.detector, shot.strength) if at == 0 else ("length", 0.0)
            yield ClockSpan(start_s, end_s, start_s, end_s, sample_times(start_s, end_s), found, strength)

    def time_s(self, moment: float) -> float:
        """The same."""
        return moment


class FrameClock:
    """Numbers of frames, counted where the signals tell them, and times made of them as if all were equally long.

    Raises:
        RowError: ``no_fps``: the container declares no frame rate.
    """

    def __init__(self, cut_s: float, slack_s: float, video: Video, origin_s: float, signals: Signals | None) -> None:
        self._cut_s, self._slack_s, self._origin_s = cut_s, slack_s, origin_s
        if not video.fps or int(cut_s * video.fps) < 1:
            raise RowError(
                f"{video.video_id}: its container declares no usable frame rate; use profile: fixed", "no_fps"
            )
        self.fps = video.fps
        self._times_s = None if signals is None else signals.time_s

    def pieces(self, shot: Shot) -> Iterator[ClockSpan]:
        """The shot, cut where it is too long."""
        start, end = self._number(shot.start_s), self._number(shot.end_s)
        bounds = [start + at for at in cut_frames([end - start], self.fps, self._cut_s, self._slack_s)]
        for first, stop in pairwise(bounds):
            found, strength = (shot.detector, shot.strength) if first == start else ("length", 0.0)
            one, other = (self._exact_time_s(frame) for frame in sample_frames(first, stop))
            # The pictures are looked up by their true times: only what is told of them is reckoned at one rate.
            start_s, end_s = self._exact_time_s(first), shot.end_s if stop == end else self._exact_time_s(stop)
            yield ClockSpan(first, stop, start_s, end_s, (one, other), found, strength)

    def time_s(self, moment: float) -> float:
        """The time of a frame's number, as the authors' code reckons it."""
        return self._origin_s + moment / self.fps

    def _number(self, time_s: float) -> int:
        if self._times_s is None:
            return round((time_s - self._origin_s) * self.fps)
        return int(np.searchsorted(self._times_s, time_s - SAME_TIME_S))

    def _exact_time_s(self, frame: int) -> float:
        """When a frame is truly shown, where that is known."""
        if self._times_s is None or frame >= len(self._times_s):
            return self.time_s(frame)
        return float(self._times_s[frame])
