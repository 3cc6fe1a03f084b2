"""Times and ids: an id names a span by whole milliseconds, so times that differ by less are one time."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

SAME_TIME_S = 0.0005
"""Two times at most this far apart, in seconds, are the same: ids hold milliseconds, and no frame is that short."""


def span_id(of: str, start_s: float, end_s: float) -> str:
    """The id of the span ``[start_s, end_s)`` of a video, or of one of its tracks: ``of_000001000_000002500``."""
    return f"{of}_{round(start_s * 1000):09d}_{round(end_s * 1000):09d}"


def free_id(wanted: str, used: Collection[str]) -> str:
    """``wanted``, or the first of ``wanted-2``, ``wanted-3``, … that is not in ``used``."""
    return next(id_ for n in count(1) if (id_ := wanted if n == 1 else f"{wanted}-{n}") not in used)
