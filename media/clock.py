"""Times of frames in seconds, ascending, whatever the file says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard

LONGEST_GAP_S = 6 * 3600.0
"""A longer jump is no gap but a broken clock."""
LATEST_S = 1e10
"""No time lies beyond this: it is garbage."""
JITTER_S = 0.001
"""How far after its predecessor a frame is put that claims an earlier time."""
RESET_S = 1.0
"""A clock that goes back by more than this has started again; by less, it is out of order."""
JUMP_S = 10.0
"""Where recordings may be joined, a clock that jumps by more than this has started again too, as in FFmpeg."""
_SKEW_S = 2.0
"""Sound begins and ends with the pictures of its recording, but for this."""


class Clock:
    """Makes the times of one stream ascend strictly; gaps and a variable frame rate stay as they are.

    A frame without a time, or with an absurd one, follows its predecessor by that one's duration. A frame
    out of order is put just behind its predecessor. A clock that starts again (joined files) goes on where
    it was; ``joinable`` says that the format allows it to jump forward there.
    """

    def __init__(self, joinable: bool = False) -> None:
        self.missing = self.unordered = 0
        self.shifts: list[float] = []  # what was added to all times after each new start, in seconds
        self._joinable = joinable
        self._last_s: float | None = None
        self._next_s = 0.0
        self._shift_s = 0.0

    def tell(self, time_s: float | None, duration_s: float) -> float:
        """The time of the next frame, which claims ``time_s`` and lasts ``duration_s``."""
        last_s = self._last_s
        if not is_time(time_s) or (last_s is not None and not self._joinable and self._late(time_s) > LONGEST_GAP_S):
            self.missing += 1
            now_s = self._next_s
        else:
            jumps = self._joinable and self._late(time_s) > JUMP_S
            if last_s is not None and (jumps or time_s + self._shift_s < last_s - RESET_S):
                self._shift_s -= self._late(time_s)
                self.shifts.append(self._shift_s)
            now_s = time_s + self._shift_s
        if last_s is not None and now_s <= last_s:
            self.unordered += 1
            now_s = last_s + JITTER_S
        lasts_s = duration_s if JITTER_S < duration_s < LONGEST_GAP_S else JITTER_S
        self._last_s, self._next_s = now_s, now_s + lasts_s
        return now_s

    def _late(self, time_s: float) -> float:
        return time_s + self._shift_s - self._next_s

    @property
    def end_s(self) -> float:
        """The end of the last frame."""
        return self._next_s

    def complaint(self) -> str:
        """What was repaired, or nothing."""
        told = {
            "without a time": self.missing,
            "out of order": self.unordered,
            "where the clock starts again": len(self.shifts),
        }
        return ", ".join(f"frames {what}: {count}" for what, count in told.items() if count)


class SoundShift:
    """Moves the times of sound where its clock starts again: by as much as those of the pictures were, if they were.

    Recordings begin and end with sound and pictures that are not equally long: sound that simply went on would leave
    its pictures.
    """

    def __init__(self, joinable: bool = False, pictures: Sequence[float] = ()) -> None:
        """``pictures``: the shifts of their clock; it may still grow."""
        self._longest_s = JUMP_S if joinable else LONGEST_GAP_S
        self._pictures = pictures
        self._shift_s, self._restarts = 0.0, 0
        self._next_s: float | None = None  # as the file tells it

    def move(self, time_s: float, length_s: float, expected_s: float) -> float:
        """The time of the next sound, which claims ``time_s`` and would come at ``expected_s`` if it just went on."""
        if self._next_s is not None and not -RESET_S <= time_s - self._next_s <= self._longest_s:
            self._shift_s = expected_s - time_s
            if self._restarts < len(self._pictures):
                theirs = self._pictures[self._restarts]
                self._shift_s = theirs if abs(theirs - self._shift_s) < _SKEW_S else self._shift_s
            self._restarts += 1
        self._next_s = time_s + length_s
        return time_s + self._shift_s


def is_time(time_s: float | None) -> TypeGuard[float]:
    """A time that can be meant."""
    return time_s is not None and math.isfinite(time_s) and abs(time_s) < LATEST_S
