"""Times of frames in seconds, ascending, whatever the file says."""

from __future__ import annotations

JITTER_S = 0.001
"""How far after its predecessor a frame is put that claims an earlier time."""
RESET_S = 1.0
"""A clock that goes back by more than this has started again; by less, it is out of order."""


class Clock:
    """Makes the times of one stream ascend strictly; gaps and a variable frame rate stay as they are.

    A frame without a time follows its predecessor by that one's duration. A frame out of order is put
    just behind its predecessor. A clock that starts again (joined files) goes on where it was.
    """

    def __init__(self) -> None:
        self.missing = self.unordered = self.resets = 0
        self._last_s: float | None = None
        self._next_s = 0.0
        self._shift_s = 0.0

    def tell(self, time_s: float | None, duration_s: float) -> float:
        """The time of the next frame, which claims ``time_s`` and lasts ``duration_s``."""
        last_s = self._last_s
        if time_s is None:
            self.missing += 1
            now_s = self._next_s
        else:
            now_s = time_s + self._shift_s
            if last_s is not None and now_s < last_s - RESET_S:
                self.resets += 1
                self._shift_s += self._next_s - now_s
                now_s = self._next_s
        if last_s is not None and now_s <= last_s:
            self.unordered += time_s is not None
            now_s = last_s + JITTER_S
        self._last_s, self._next_s = now_s, now_s + max(duration_s, JITTER_S)
        return now_s

    @property
    def end_s(self) -> float:
        """The end of the last frame."""
        return self._next_s

    def complaint(self) -> str:
        """What was repaired, or nothing."""
        told = (
            (self.missing, "frames without a time"),
            (self.unordered, "frames out of order"),
            (self.resets, "restarts of the clock"),
        )
        return ", ".join(f"{count} {what}" for count, what in told if count)
