"""Numbers, times and foreign text as words for a screen."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# Control characters move the cursor or change the terminal; the others turn the reading direction.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text from outside (a file name, a caption, an answer) that does nothing to the terminal: one line."""
    flat = " ".join(text.split("\n")) if "\n" in text else text
    return _UNSAFE.sub(lambda found: " " if found[0] == "\t" else ascii(found[0])[1:-1], flat)


def shorten(text: str, longest: int) -> str:
    """At most ``longest`` characters; what is cut off shows as an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def number(value: float) -> str:
    """``1,234``; ``0.25``; nothing for zero, so that what is not zero stands out."""
    if value == 0:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def rate(per_second: float) -> str:
    """Rows per second, or per minute where they are few."""
    if per_second <= 0:
        return ""
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * 60:.1f}/min"


def tally(counts: Mapping[str, int]) -> str:
    """``too_short 3, dark 1``: the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{printable(name)} {n:,}" for name, n in ordered)


def command_line(words: Sequence[str]) -> str:
    """A command as it can be pasted into a shell."""
    return shlex.join(words)


def json_text(value: Any) -> str:
    """JSON in one line, in characters that standard output can take."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return json.dumps(value, ensure_ascii=encoding != "utf8")
