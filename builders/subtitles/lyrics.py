"""Lyrics (lrc): a time before each line, also several where a line is sung again, and times of words in it."""

from __future__ import annotations

import re
from itertools import pairwise

from ...engine.contract.errors import RowError
from .cues import Cue, Track, make_track, read_payload, seconds

_LINE = re.compile(r"\s*((?:\[\d{1,3}:\d{1,2}(?:[.:,]\d{1,3})?\]\s*)+)(.*)")
_TIME = re.compile(r"\[(\d{1,3}:\d{1,2})(?:[.:,](\d{1,3}))?\]")
_TAG = re.compile(r"\s*\[([a-z#]{1,10}):(.*)\]\s*", re.IGNORECASE)
_LONGEST_S = 10.0  # of a line before a pause: where it ends is told nowhere


def read_lrc(text: str, name: str) -> Track:
    """The lines of a song; ``name`` stands in messages. A line lasts to the next.

    Raises:
        RowError: ``bad_subtitle``: no line has a time.
    """
    tags: dict[str, str] = {}
    lines: list[tuple[float, str]] = []
    for line in text.splitlines():
        timed, tag = _LINE.fullmatch(line), _TAG.fullmatch(line)
        if timed:
            lines += [(seconds(f"{clock}.{part or 0}"), timed[2]) for clock, part in _TIME.findall(timed[1])]
        elif tag:
            tags[tag[1].lower()] = tag[2].strip()
    if not lines and text.strip():
        raise RowError(f"{name}:1: no line has a time (as [00:01.00]): this is not lrc", "bad_subtitle")
    early_s = int(tags["offset"]) / 1000 if re.fullmatch(r"[+-]?\d{1,6}", tags.get("offset", "")) else 0.0
    lines.sort(key=lambda line: line[0])
    cues = []
    for (start_s, said), (end_s, _) in pairwise([*lines, (0.0, "")]):
        start_s, end_s = max(0.0, start_s - early_s), max(0.0, end_s - early_s)
        cues.append(Cue(start_s, min(end_s, start_s + _LONGEST_S), read_payload(said)))
    return make_track(cues, tags.get("la", ""))
