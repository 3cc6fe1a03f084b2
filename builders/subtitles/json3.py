"""YouTube's json3 captions: one event per line on the screen, with an offset per word where a machine wrote it."""

from __future__ import annotations

import json
from typing import Any

from ...engine.contract.errors import RowError
from .cues import Cue, Token, Track, make_track, plain_tokens, visible


def read_json3(text: str, name: str) -> Track:
    """The cues of a json3 text; ``name`` stands in messages. An event without right times and words is skipped.

    Raises:
        RowError: ``bad_subtitle``, naming the line: it is no json3, or no event in it can be read.
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
    cues, skipped = list[Cue](), list[str]()
    for number, event in enumerate(events):
        if isinstance(event, dict) and event.get("segs"):
            try:
                cues.append(_cue(event))
            except ValueError as error:
                skipped.append(f"{name}: event {number}{error}")
    return make_track(cues, skipped=skipped)


def _cue(event: dict[str, Any]) -> Cue:
    """A cue; ``ValueError`` says what is wrong with the event."""
    try:
        start_ms, length_ms = float(event["tStartMs"]), float(event.get("dDurationMs", 0))
        segs = [(visible(str(seg.get("utf8", ""))), seg.get("tOffsetMs")) for seg in event["segs"]]
        offsets = [None if offset is None else float(offset) for _, offset in segs]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f" has no right times and words: {error!r}") from None
    if not (0 <= start_ms < 1e12 and 0 <= length_ms < 1e12 and all(o is None or 0 <= o < 1e12 for o in offsets)):
        raise ValueError(": its times are out of range")
    timed = any(offset is not None for offset in offsets)
    tokens: list[Token] = []
    spaced = False
    for (text, _), offset in zip(segs, offsets, strict=True):
        start_s = (start_ms + (offset or 0)) / 1000 if timed else None
        new = list(plain_tokens(text, spaced, start_s))
        spaced = text[-1:].isspace() if new else spaced or bool(text)
        tokens += new
    return Cue(start_ms / 1000, (start_ms + length_ms) / 1000, tuple(tokens))
