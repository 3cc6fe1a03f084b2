"""Cues, and how the text inside one becomes words."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ...engine.contract.errors import RowError
from ...schemas import Word

LONGEST_WORD_S = 1.5
"""Where only the next word's start says when a word ends, it lasts no longer: what follows is silence."""

_WORD = re.compile(r"(\s*)(\S+)")
_TIME_TAG = re.compile(r"<((?:\d{1,4}:)?\d{1,2}:\d{2}[.,]\d{1,3})>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]*>|</>|\{\\[^{}]*\}|\{[A-Za-z]:[^{}]*\}")
"""HTML, WebVTT, stray times, overrides of ASS and of MicroDVD."""
_ASS_SPACE = re.compile(r"((?<!\w)[A-Za-z]:\\\S*)|\\[Nnh]")  # also in SubRip; not in a path such as C:\new
_INVISIBLE = dict.fromkeys(
    (
        0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, 0xFEFF,
        *range(0x09), *range(0x0E, 0x20), 0x7F,  # control characters
        *range(0xD800, 0xE000), 0xFFFE, 0xFFFF,  # halves of characters, and none
    )
)  # fmt: skip


class Token(NamedTuple):
    """One word of a cue, or one timed piece where words are not set apart."""

    text: str
    spaced: bool  # a space or line break stands before it
    start_s: float | None = None  # None where the source has no time for it
    breaks: bool = False  # it begins a line


class Cue(NamedTuple):
    """What one subtitle shows, and when."""

    start_s: float
    end_s: float
    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The words with their spaces."""
        return join_tokens(self.tokens)

    @property
    def timed(self) -> bool:
        """Whether the source has times for words."""
        return any(t.start_s is not None for t in self.tokens)


class Track(NamedTuple):
    """All cues of one file or stream, by start, and the language that it declares (empty where it does not)."""

    cues: list[Cue]
    language: str = ""
    skipped: tuple[str, ...] = ()  # what is wrong with the cues that could not be read, each with its place


def make_track(cues: Iterable[Cue], language: str = "", skipped: Sequence[str] = ()) -> Track:
    """A track of the cues that hold any text.

    Raises:
        RowError: ``bad_subtitle``: there are cues, and none could be read.
    """
    kept = sorted((cue for cue in cues if cue.tokens), key=lambda cue: cue.start_s)
    if skipped and not kept:
        raise RowError(skipped[0], "bad_subtitle")
    return Track(kept, language, tuple(skipped))


def join_tokens(tokens: Sequence[Token]) -> str:
    """The tokens' text, without a space at its start."""
    return "".join(" " * t.spaced + t.text for t in tokens).strip()


def read_payload(text: str) -> tuple[Token, ...]:
    """The text of a SubRip or WebVTT cue without its markup; times inside it go to the words after them."""
    found: list[Token] = []
    start_s: float | None = None
    spaced = False
    for i, piece in enumerate(_TIME_TAG.split(text)):
        if i % 2:
            start_s = seconds(piece)
            continue
        plain = visible(html.unescape(html.unescape(_TAG.sub("", piece))))
        plain = _ASS_SPACE.sub(lambda found: found[1] or ("\n" if found[0] == "\\N" else " "), plain)
        tokens = list(plain_tokens(plain, spaced, start_s))
        if tokens:
            found += tokens
            start_s = None
            spaced = plain[-1].isspace()
        else:
            spaced = spaced or bool(plain)  # white space alone
    return tuple(found)


def visible(text: str) -> str:
    """The text without what nobody sees, such as control characters, and without what is no character."""
    return text.translate(_INVISIBLE)


def plain_tokens(text: str, spaced: bool = False, start_s: float | None = None) -> Iterator[Token]:
    """Text without markup; ``spaced`` and the time are those of its first word."""
    spaced = spaced or text[:1].isspace()
    for found in _WORD.finditer(text):
        yield Token(found[2], spaced, start_s, "\n" in found[1])
        spaced, start_s = True, None


def seconds(stamp: str) -> float:
    """``1:02:03.5``, ``1:02:03:500`` or ``02:03,500`` in seconds."""
    *hours, minutes, rest = stamp.replace(" ", "").replace(",", ".").replace(";", ".").split(":")
    if len(hours) > 1:
        hours, minutes, rest = hours[:1], hours[1], f"{minutes}.{rest}"
    return (int(hours[0]) if hours else 0) * 3600 + int(minutes) * 60 + float(rest)


def words(cue: Cue) -> list[Word]:
    """The words of a timed cue; none for another.

    A word ends where the next begins. Words that share one time share its span by their lengths.
    """
    if not cue.timed:
        return []
    starts = [cue.start_s if i == 0 and t.start_s is None else t.start_s for i, t in enumerate(cue.tokens)]
    marks = [i for i, start in enumerate(starts) if start is not None]
    found: list[Word] = []
    last = cue.start_s
    for at, until in pairwise([*marks, len(cue.tokens)]):
        begin = min(max(starts[at] or 0.0, last), cue.end_s)
        end = cue.end_s if until == len(cue.tokens) else min(max(starts[until] or 0.0, begin), cue.end_s)
        found += _spread(cue.tokens[at:until], begin, min(end, begin + LONGEST_WORD_S * (until - at)))
        last = begin
    return found


def _spread(tokens: Sequence[Token], start_s: float, end_s: float) -> Iterator[Word]:
    total = sum(len(t.text) for t in tokens)
    done = 0
    for token in tokens:
        begin = start_s + (end_s - start_s) * done / total
        done += len(token.text)
        yield Word(begin, start_s + (end_s - start_s) * done / total, token.text)
