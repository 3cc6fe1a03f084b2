"""How many rows make a good piece of work."""

from __future__ import annotations

from .result_buffer import MOST_S

_FASTEST_GROWTH = 8
_MOST_ROWS = 5000  # whose names travel to a worker at once


class Pace:
    """Learns how quick a step is, and gives out what takes about three seconds: what a kill loses at most."""

    def __init__(self, rows_per_call: int) -> None:
        self._least, self.rows = rows_per_call, rows_per_call

    def learn(self, rows: int, seconds: float) -> None:
        """So many rows took so long."""
        if not rows:
            return
        fitting = int(rows * MOST_S / max(seconds, 1e-3))
        wanted = max(self._least, min(fitting, self.rows * _FASTEST_GROWTH, _MOST_ROWS))
        self.rows = wanted // self._least * self._least
