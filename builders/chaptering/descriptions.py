"""Chapters that a description lists: lines with a time and a title, as VidChapters-7M reads them and with more care.

Yang et al. 2023, *VidChapters-7M* (arXiv:2309.13952), and the script with which they read descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_SHORT_TIME = re.compile(r"\d:\d\d")
_LINK = re.compile(r"http\S+")
_NO_TIME = re.compile(r"\d\d\d:|:\d\d\d|\d\d:\d\d:\d\d:\d\d")
_PUBLISHED_TIMES = tuple(map(re.compile, (r"\d\d:\d\d:\d\d", r"\d:\d\d:\d\d", r"\d\d:\d\d", r"\d:\d\d")))
_CLOCK = r"(?:[0-9]{1,2}:[0-5]?[0-9]:[0-5][0-9]|[0-9]{1,3}:[0-5][0-9])"
_TIME = re.compile(
    rf"(?<![\w:.])(?P<start>{_CLOCK})(?:\.[0-9]+)?(?!\w|:\d)(?!\s*[ap]\.?m\b)"
    rf"(?:\s*(?:-|–|—|~|to|bis|→)\s*{_CLOCK}(?:\.[0-9]+)?(?!\w|:\d))?",
    re.IGNORECASE,
)
_ANY_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|\[\s*\]|\{\s*\}|<\s*>|【\s*】|（\s*）")
_BULLET = re.compile(r"^\s*(?:[-–—*•·▪►▶>#|]+\s*|\(?[0-9]{1,3}[.)]\s+)+")
_EDGE = " \t\u00a0\u200b\ufeff-–—:|•·*~_=,;→►▶>"


class ChapterStart(NamedTuple):
    """When a chapter begins, in whole seconds from the start of the video, and its title."""

    time_s: float
    title: str


def published_chapters(description: str) -> list[ChapterStart]:
    """The chapters of a description by VidChapters-7M's own rules; empty where they do not accept it.

    Lines (between line feeds) that have ``d:dd`` anywhere count; links are taken out of them. One line alone is no
    list. A line with ``ddd:``, ``:ddd`` or ``dd:dd:dd:dd`` is left out. Of the rest the first ``dd:dd:dd`` is the time,
    else ``d:dd:dd``, else ``dd:dd``, else ``d:dd``; what is left of the line, without what is no letter and no digit at
    both ends, is the title, and without a title there is no chapter. A list is accepted by ``are_published``.

    With its quirks: ``18:30`` on a clock is a time, of ``0:00 - 1:15 Opening`` the title is ``1:15 Opening``, closing
    brackets and question marks are lost, 0:75 is 75 s.
    """
    lines = [_LINK.sub("", line) for line in description.split("\n") if _SHORT_TIME.search(line)]
    if len(lines) < 2:
        return []
    found = [chapter for line in lines if (chapter := _published_line(line))]
    return found if are_published(found) else []


def fixed_chapters(description: str) -> list[ChapterStart]:
    """The chapters of a description, read with care; empty where it has no list of two or more.

    A time is ``m:ss`` to ``mmm:ss`` or ``h:mm:ss`` in ASCII digits, minutes and seconds below 60, alone between other
    signs and not before am or pm; the first of a line counts. Of a range the start counts and both are taken off; so
    are links, bullets, numbers of lists, brackets that held the time, and dashes, colons and bars at both ends of the
    title. Other signs stay. Of all lines with times those of the longest stretch in which times increase are the list;
    of equally long ones, one that begins at 0, and else the first.
    """
    runs: list[list[ChapterStart]] = []
    for line in description.splitlines():
        chapter = _fixed_line(line)
        if chapter is None:
            continue
        if not runs or chapter.time_s <= runs[-1][-1].time_s:
            runs.append([])
        runs[-1].append(chapter)
    best = max(runs, key=lambda run: (len(run), run[0].time_s == 0), default=[])
    return best if are_published(best) else []


def are_published(chapters: Sequence[ChapterStart]) -> bool:
    """Whether VidChapters-7M accepts a list: two or more, not only titles of one sign, times strictly increasing.

    It need not begin at 0, and its times may be past the end of the video.
    """
    times = [chapter.time_s for chapter in chapters]
    increase = all(one < other for one, other in zip(times, times[1:], strict=False))
    return len(chapters) > 1 and increase and any(len(chapter.title.strip()) > 1 for chapter in chapters)


def clean_title(line: str) -> str:
    """A title without what stands around it: see ``fixed_chapters``."""
    text = " ".join(_EMPTY_BRACKETS.sub(" ", line).split()).strip(_EDGE)
    return text if any(c.isalnum() for c in text) else ""


def _published_line(line: str) -> ChapterStart | None:
    if _NO_TIME.search(line):
        return None
    found = next((f for time in _PUBLISHED_TIMES if (f := time.search(line))), None)
    if found is None:
        return None
    rest = line[: found.start()] + line[found.end() :]
    kept = [place for place, sign in enumerate(rest) if sign.isalnum()]
    return ChapterStart(_seconds(found[0]), rest[kept[0] : kept[-1] + 1]) if kept else None


def _fixed_line(line: str) -> ChapterStart | None:
    line = _BULLET.sub("", _ANY_LINK.sub(" ", line), count=1)
    found = _TIME.search(line)
    if found is None:
        return None
    title = clean_title(f"{line[: found.start()]} {line[found.end() :]}")
    return ChapterStart(_seconds(found["start"]), title) if title else None


def _seconds(time: str) -> float:
    seconds = 0
    for part in time.split(":"):
        seconds = seconds * 60 + int(part)
    return float(seconds)
