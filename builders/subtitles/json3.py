"""YouTube's json3 captions: one event per line on the screen, with an offset per word where a machine wrote it."""

from __future__ import annotations

import json
from typing import Any

from ...engine.contract.errors import RowError
from .cues import Cue, Token, Track, plain_tokens


def read_json3(text: str, name: str) -> Track:
    """The cues of a json3 text, by start; ``name`` stands in messages.

    Raises:
        RowError: ``bad_subtitle``, naming the line or the event.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise RowError(f"{name}:{error.lineno}: this is not JSON: {error.msg}", "bad_subtitle") from None
    except (RecursionError, ValueError) as error:
        raise RowError(f"{name}:1: this JSON cannot be read: {error}", "bad_subtitle") from None
    events = found.get("events") if isinstance(found, dict) else None
    if not isinstance(events, list):
        raise RowError(f"{name}:1: there is no list of `events`: this is not json3", "bad_subtitle")
    cues = [_cue(event, i, name) for i, event in enumerate(events) if isinstance(event, dict) and event.get("segs")]
    return Track(sorted((c for c in cues if c.tokens), key=lambda c: c.start_s))


def _cue(event: dict[str, Any], number: int, name: str) -> Cue:
    try:
        start_ms, length_ms = float(event["tStartMs"]), float(event.get("dDurationMs", 0))
        segs = [(str(seg.get("utf8", "")), seg.get("tOffsetMs")) for seg in event["segs"]]
        offsets = [None if offset is None else float(offset) for _, offset in segs]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RowError(f"{name}: event {number} has no right times and words: {error!r}", "bad_subtitle") from None
    if not (0 <= start_ms < 1e12 and 0 <= length_ms < 1e12 and all(o is None or 0 <= o < 1e12 for o in offsets)):
        raise RowError(f"{name}: event {number}: its times are out of range", "bad_subtitle")
    timed = any(offset is not None for offset in offsets)
    tokens: list[Token] = []
    spaced = False
    for (text, _), offset in zip(segs, offsets, strict=True):
        start_s = (start_ms + (offset or 0)) / 1000 if timed else None
        new = list(plain_tokens(text, spaced, start_s))
        spaced = text[-1:].isspace() if new else spaced or bool(text)
        tokens += new
    return Cue(start_ms / 1000, (start_ms + length_ms) / 1000, tuple(tokens))
