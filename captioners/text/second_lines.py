"""Captions with times as lines of text, such as ``12s: Someone cuts an onion.``: how an answer is read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

LENGTH_S = 8.0
"""How long what such a caption tells of lasts (HowToCaption, arXiv:2310.04900)."""
_PUBLISHED = re.compile(r"^(\d+)s:(.*)")
_UNIT = r"s(?:ec(?:ond)?s?)?"
_CLOCK = r"(?:\d{1,2}:)?\d{1,3}:\d{2}"
_TIME = rf"(?:{_CLOCK}|\d{{1,6}}(?:\.\d+)?\s?{_UNIT})(?![A-Za-z\d])"
_STAMP = re.compile(
    rf"[\[(]?\s*(?P<time>{_TIME})(?:\s*(?:-|–|—|to)\s*{_TIME})?\s*[\])]?\s*(?:[:–—-]\s*|(?=[\"'“A-Z]))", re.IGNORECASE
)
_INSIDE = re.compile(rf"(?<=[.!?;])\s+(?=[\[(]?\s*{_TIME}[^.]{{0,12}}?[:–—-])", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[*•·>#-]+\s*)*(?:\d{1,3}[.)](?=\s)\s*)?(?:[*•-]+\s*)*")
_SENTENCE = re.compile(
    r"(?<!\bMr\.)(?<!\bDr\.)(?<!\bMs\.)(?<!\bSt\.)(?<!\bNo\.)(?<!\bvs\.)(?<!\bMrs\.)(?<=[.!?])\s+(?=[\"'“]?[^\W\d_a-z])"
)


class TimedLine(NamedTuple):
    """A caption, and when what it tells of happens."""

    start_s: float
    end_s: float
    text: str


def parse_published(answer: str, start_s: float, end_s: float, length_s: float = LENGTH_S) -> list[TimedLine]:
    """Read an answer as HowToCaption's code does, with all that it loses.

    Every ``*``, and ``1.`` to ``9.`` anywhere, are taken out (so ``2.5 cups`` becomes ``5 cups``); what stands between
    full stops and line ends is a caption if it begins with ``12s:``, empty ones too. ``start_s`` and ``end_s`` are
    those of the block: captions before its second or after the next second of its end are dropped.
    """
    bare = answer.replace("*", "")
    for digit in "123456789":
        bare = bare.replace(f"{digit}.", "")
    found = (_PUBLISHED.match(piece.strip()) for piece in bare.replace("\n", ".").split("."))
    lines = [TimedLine(float(f[1]), float(f[1]) + length_s, f[2].strip()) for f in found if f]
    return within_block(lines, start_s, end_s)


def parse_lines(answer: str, start_s: float, end_s: float, length_s: float = LENGTH_S) -> list[TimedLine]:
    """Read an answer line by line, and lose nothing that has a time.

    Times may be ``12s:``, ``[12s]:``, ``12 s -``, ``12.5s:``, ``00:12:``, ``1:02:03 -`` or a range, of which the start
    counts; bullets and numbers of lists before them are left out. A sentence without a time has that of the one before
    it; what comes before any time is an introduction. Each sentence is a caption. Empty ones, and the same at the
    same time again, are left out; those outside the block are dropped as ``parse_published`` does.
    """
    made: dict[tuple[float, str], TimedLine] = {}
    time_s: float | None = None
    for piece in _pieces(answer):
        stamp = _STAMP.match(piece)
        time_s = seconds_of(stamp["time"]) if stamp else time_s
        text = piece[stamp.end() :] if stamp else piece
        for sentence in _SENTENCE.split(text.replace("**", "")):
            said = " ".join(sentence.split())
            if time_s is not None and any(c.isalnum() for c in said):
                made.setdefault((time_s, said.casefold()), TimedLine(time_s, time_s + length_s, said))
    return within_block(list(made.values()), start_s, end_s)


def within_block(lines: list[TimedLine], start_s: float, end_s: float) -> list[TimedLine]:
    """Those that begin in ``[floor(start_s), ceil(end_s)]``."""
    return [line for line in lines if math.floor(start_s) <= line.start_s <= math.ceil(end_s)]


def seconds_of(time: str) -> float:
    """``12s``, ``12.5 sec``, ``0:12`` or ``1:02:03`` as seconds."""
    if ":" not in time:
        return float(re.sub(r"[^\d.]", "", time))
    seconds = 0.0
    for part in time.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _pieces(answer: str) -> Iterator[str]:
    """Lines without bullets, cut before every time that begins a sentence."""
    for line in answer.splitlines():
        bare = _BULLET.sub("", line, count=1).strip()
        if bare:
            yield from _INSIDE.split(bare)
