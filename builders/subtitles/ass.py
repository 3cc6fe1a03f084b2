"""Advanced SubStation Alpha (ass) and SubStation Alpha (ssa): events with styles, as lines of comma-separated fields.

Source: the specification that Aegisub keeps, and what players take.
"""

from __future__ import annotations

import re

from ...engine.contract.errors import RowError
from .cues import Cue, Track, make_track, read_payload, seconds

_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_TIME = re.compile(r"\d{1,4}:\d{1,2}:\d{1,2}[.,]\d{1,3}")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")


def read_ass(text: str, name: str) -> Track:
    """The cues of a script; ``name`` stands in messages. An event whose times are none is skipped alone.

    Raises:
        RowError: ``bad_subtitle``, naming the line: there is no event in it that can be read.
    """
    fields: tuple[str, ...] = _FIELDS
    inside = False
    cues, skipped = dict[Cue, None](), list[str]()  # what is drawn in several layers is said once
    for number, line in enumerate(text.splitlines(), 1):
        kind, _, rest = line.strip().partition(":")
        if kind.startswith("["):
            inside = kind.lower().startswith("[events]")
        elif inside and kind.lower() == "format":
            fields = tuple(field.strip().lower() for field in rest.split(","))
        elif inside and kind.lower() == "dialogue":
            event = dict(zip(fields, rest.strip().split(",", len(fields) - 1), strict=False))
            times = [event.get(end, "").strip() for end in ("start", "end")]
            if all(_TIME.fullmatch(time) for time in times):
                start_s, end_s = map(seconds, times)
                cues[Cue(start_s, end_s, read_payload(ass_text(event.get("text", ""))))] = None
            else:
                skipped.append(f"{name}:{number}: {line.strip()[:60]!r} has no times (as 0:00:01.00,0:00:04.00)")
    if text.strip() and not cues and not skipped and "[events]" not in text.lower():
        raise RowError(f"{name}:1: there is no section [Events]: this is not ass", "bad_subtitle")
    return make_track(cues, skipped=skipped)


def ass_text(text: str) -> str:
    """The text of an event, without the shapes that it may draw in place of words."""
    return "" if _DRAWING.search(text) else text
