"""Chapters as spans of a video, and the rules by which a list of them is taken."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from .descriptions import ChapterStart

_UNTITLED = re.compile(r"<Untitled Chapter \d+>")
"""What yt-dlp calls the time before a first chapter that does not begin at 0."""


class ChapterSpan(NamedTuple):
    """``[start_s, end_s]`` of a video and the title of that part."""

    start_s: float
    end_s: float
    title: str


class ChapterRules(NamedTuple):
    """Which lists are taken.

    YouTube itself shows lists that begin at 0, have three chapters or more, and none shorter than 10 s.
    """

    least: int = 2
    min_s: float = 0.0
    from_zero: bool = False


def published_spans(chapters: Sequence[ChapterStart], duration_s: float) -> list[ChapterSpan]:
    """Each chapter until the next, the last until the end; those that end past the end of the video are left out.

    As VidChapters-7M makes them, which keeps the titles of those left out, so that titles and times no longer fit.
    """
    ends = [*(chapter.time_s for chapter in chapters[1:]), duration_s]
    spans = (ChapterSpan(c.time_s, end_s, c.title) for c, end_s in zip(chapters, ends, strict=False))
    return [span for span in spans if span.start_s <= span.end_s <= duration_s]


def fixed_spans(chapters: Sequence[ChapterStart], duration_s: float) -> list[ChapterSpan]:
    """The same with every chapter that begins before the end; the last of them lasts until the end.

    Order and untitled or repeated starts do not matter: of chapters at one time the first with a title counts.
    """
    found: dict[float, str] = {}
    for chapter in sorted(chapters, key=lambda c: c.time_s if math.isfinite(c.time_s) else math.inf):
        title = " ".join(chapter.title.split())
        if 0 <= chapter.time_s < duration_s and title and not _UNTITLED.fullmatch(title):
            found.setdefault(chapter.time_s, title)
    starts = list(found)
    return (
        [ChapterSpan(s, e, found[s]) for s, e in zip(starts, [*starts[1:], duration_s], strict=True)] if found else []
    )


def why_refused(spans: Sequence[ChapterSpan], rules: ChapterRules) -> str:
    """Why a list is not taken, in a word; empty for one that is."""
    if not spans:
        return "no_chapters"
    if len(spans) < rules.least:
        return "few_chapters"
    if all(len(span.title.strip()) <= 1 for span in spans):
        return "bare_titles"
    if rules.from_zero and spans[0].start_s > 0:
        return "not_from_zero"
    return "short_chapter" if any(span.end_s - span.start_s < rules.min_s for span in spans) else ""
