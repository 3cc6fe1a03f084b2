"""Times as Panda-70M's files spell them: ``0:01:20.880``."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,20})?")
_CODE = re.compile(r"(?:([0-9]{1,6}) days?, )?([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{3}))?")


def timecode(seconds: float) -> str:
    """``H:MM:SS.mmm``, cut off and not rounded; from 24 h on ``1 day, H:MM:SS.mmm``.

    One microsecond is added before the cut, as the authors do, so that 8.001 s, which no float is, stays
    ``0:00:08.001``. Where that microsecond fills up a second their code loses the milliseconds (``0:00``), this does
    not. Source: ``splitting/event_stitching.py``, ``transfer_timecode``.

    Raises:
        ValueError: a negative or endless time.
    """
    if not 0 <= seconds < 1e11:
        raise ValueError(f"{seconds} s is no time of a video")
    moment = timedelta(seconds=seconds, microseconds=1)
    days = f"{moment.days} day{'s' if moment.days != 1 else ''}, " if moment.days else ""
    minutes, second = divmod(moment.seconds, 60)
    return f"{days}{minutes // 60}:{minutes % 60:02d}:{second:02d}.{moment.microseconds // 1000:03d}"


def frame_timecode(frame: int, fps: float) -> str:
    """The timecode of a frame's number, as the authors take it: ``frame / fps``."""
    return timecode(frame / fps)


def seconds_of(code: str) -> float:
    """The seconds that a timecode says; ``timecode(seconds_of(code)) == code`` for all that ``timecode`` writes.

    Raises:
        ValueError: it is no timecode.
    """
    found = _CODE.fullmatch(code)
    if found is None:
        raise ValueError(f"{code[:40]!r} is no time like 0:01:20.880")
    days, hours, minutes, seconds, millis = (int(part or 0) for part in found.groups())
    return (((days * 24 + hours) * 3600 + minutes * 60 + seconds) * 1000 + millis) / 1000


def read_seconds(stamp: Any) -> float | None:
    """Seconds as a number or as text, or a clock time; None for anything else."""
    if isinstance(stamp, str) and ":" in stamp:
        try:
            return seconds_of(stamp.strip())
        except ValueError:
            return None
    if isinstance(stamp, str) and _NUMBER.fullmatch(stamp.strip().removesuffix("s")):
        stamp = float(stamp.strip().removesuffix("s"))
    if isinstance(stamp, bool) or not isinstance(stamp, (int, float)):
        return None
    return float(stamp) if 0 <= stamp < 1e9 and math.isfinite(stamp) else None
