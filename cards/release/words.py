"""Lengths and texts as pages show them to people."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, and those that turn the direction of all text after them."""


def short_text(text: str, most: int = 300) -> str:
    """At most so many characters, without control characters; the whole text stands in the tables."""
    plain = _UNSEEN.sub("", text)
    return plain if len(plain) <= most else f"{plain[: most - 1].rstrip()}…"


def length_of_time(seconds: float) -> str:
    """``8.4 s``, ``4 min 12 s``, ``3 h 05 min``."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
