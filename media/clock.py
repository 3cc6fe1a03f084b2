"""Times of frames in seconds, ascending, whatever the file says."""

from __future__ import annotations

import math
from typing import TypeGuard

LONGEST_GAP_S = 6 * 3600.0
"""A longer jump is no gap but a broken clock."""
LATEST_S = 1e10
"""No time lies beyond this: it is garbage."""
JITTER_S = 0.001
"""How far after its predecessor a frame is put that claims an earlier time."""
RESET_S = 1.0
"""A clock that goes back by more than this has started again; by less, it is out of order."""


class Clock:
    """Makes the times of one stream ascend strictly; gaps and a variable frame rate stay as they are.

    A frame without a time, or with an absurd one, follows its predecessor by that one's duration. A frame
    out of order is put just behind its predecessor. A clock that starts again (joined files) goes on where
    it was.
    """

    def __init__(self) -> None:
        self.missing = self.unordered = self.resets = 0
        self._last_s: float | None = None
        self._next_s = 0.0
        self._shift_s = 0.0

    def tell(self, time_s: float | None, duration_s: float) -> float:
        """The time of the next frame, which claims ``time_s`` and lasts ``duration_s``."""
        last_s = self._last_s
        if not is_time(time_s) or (last_s is not None and time_s + self._shift_s > self._next_s + LONGEST_GAP_S):
            self.missing += 1
            now_s = self._next_s
        else:
            now_s = time_s + self._shift_s
            if last_s is not None and now_s < last_s - RESET_S:
                self.resets += 1
                self._shift_s += self._next_s - now_s
                now_s = self._next_s
        if last_s is not None and now_s <= last_s:
            self.unordered += 1
            now_s = last_s + JITTER_S
        lasts_s = duration_s if JITTER_S < duration_s < LONGEST_GAP_S else JITTER_S
        self._last_s, self._next_s = now_s, now_s + lasts_s
        return now_s

    @property
    def end_s(self) -> float:
        """The end of the last frame."""
        return self._next_s

    def complaint(self) -> str:
        """What was repaired, or nothing."""
        told = {
            "without a time": self.missing,
            "out of order": self.unordered,
            "where the clock starts again": self.resets,
        }
        return ", ".join(f"frames {what}: {count}" for what, count in told.items() if count)


def is_time(time_s: float | None) -> TypeGuard[float]:
    """A time that can be meant."""
    return time_s is not None and math.isfinite(time_s) and abs(time_s) < LATEST_S
