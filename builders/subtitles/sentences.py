"""Timed pieces of speech, joined into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ...schemas import Word

_END = re.compile(r"(?:[.!?…][\"'”’»)\]]*|[。！？｡؟।۔][」』”’）]*)$")
_NO_END = re.compile(
    r"(?:^|\s)(?:[A-HJ-Z]|[A-Za-z](?:\.[A-Za-z])+|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|approx|Fig|Lt|Gen|Col|Sgt)\.$"
)  # initials and short forms; an “etc.” that ends a sentence is joined to the next


class TextPiece(NamedTuple):
    """A word, or a cue without word times."""

    start_s: float
    end_s: float
    text: str
    spaced: bool  # a space stands before it
    words: tuple[Word, ...] = ()
    origin: int = 0  # which segment or cue it comes from


class Sentence(NamedTuple):
    """Pieces that belong together."""

    pieces: tuple[TextPiece, ...]

    @property
    def start_s(self) -> float:
        """Start of its first piece."""
        return self.pieces[0].start_s

    @property
    def end_s(self) -> float:
        """End of the piece that ends last."""
        return max(p.end_s for p in self.pieces)

    @property
    def text(self) -> str:
        """Its text."""
        return "".join(" " * p.spaced + p.text for p in self.pieces).strip()

    @property
    def words(self) -> list[Word]:
        """Its words, where they have times."""
        return [word for p in self.pieces for word in p.words]


def sentences(pieces: Sequence[TextPiece], pause_s: float, max_s: float) -> Iterator[Sentence]:
    """Pieces, in order of time, up to the end of a sentence or a silence longer than ``pause_s``.

    What is longer than ``max_s`` (text without full stops) is cut at its longest silences.
    """
    held: list[TextPiece] = []
    for piece in pieces:
        if held and piece.start_s - held[-1].end_s > pause_s:
            yield from _cut(held, max_s)
            held = []
        held.append(piece)
        if ends_sentence(piece.text):
            yield from _cut(held, max_s)
            held = []
    yield from _cut(held, max_s)


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends with this text."""
    return bool(_END.search(text)) and not _NO_END.search(text)


def _cut(pieces: list[TextPiece], max_s: float) -> Iterator[Sentence]:
    todo = [pieces] if pieces else []
    while todo:
        part = todo.pop()
        if len(part) == 1 or part[-1].end_s - part[0].start_s <= max_s:
            yield Sentence(tuple(part))
            continue
        middle = (part[0].start_s + part[-1].end_s) / 2
        gaps = [(round(b.start_s - a.end_s, 2), -abs(b.start_s - middle)) for a, b in pairwise(part)]
        at = gaps.index(max(gaps)) + 1
        todo += [part[at:], part[:at]]
