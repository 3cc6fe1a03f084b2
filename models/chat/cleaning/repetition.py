"""Texts that go round in circles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .quotations import without_quotations

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[.!?。！？।\n]+")
_UNBROKEN = re.compile(r"\S{14,}")
_SAME_PIECE = re.compile(r"(\D)\1{19,}|(\D{2,30}?)\2{6,}")
"""In what has no spaces: one character twenty times, a few seven times."""
_LONG_QUOTATION = 120  # characters; a chant is shorter
_LONG, _SAME_SHARE = 60, 0.7  # words from which a text loops when so many of its runs of three words are others again


def loops(text: str) -> bool:
    """Whether some words come again and again: a phrase four times in a row, or a sentence three times.

    A single word may come five times in a row; what is quoted, as a chant is, as often as it likes in 120 characters.
    """
    if any(_SAME_PIECE.search(piece) for piece in _UNBROKEN.findall(text)):
        return True
    own = without_quotations(text)
    words = _WORD.findall((own if len(text) - len(own) <= _LONG_QUOTATION else text).lower())
    if len(words) - len(set(words)) < 5:
        return False  # the shortest loops: one word six times, two words four times, four words three times
    often = {word for word, count in Counter(words).items() if count >= 3}
    run = _longest_run(words, often)
    if any(_repeats(words, size) for size in range(1, min(run // 4, 12) + 1)):
        return True
    if run < 4:
        return False
    sentences = [s for part in _SENTENCE.split(text.lower()) if len(s := part.strip().split()) > 3]
    return any(sentences.count(s) >= 3 for s in sentences) or _says_the_same(words)


def _says_the_same(words: Sequence[str]) -> bool:
    threes = Counter(zip(words, words[1:], words[2:], strict=False))
    return len(words) >= _LONG and len(threes) < (1 - _SAME_SHARE) * (len(words) - 2)


def _longest_run(words: Sequence[str], often: set[str]) -> int:
    """How many neighbours at most are all among ``often``."""
    longest = run = 0
    for word in words:
        run = run + 1 if word in often else 0
        longest = max(longest, run)
    return longest


def _repeats(words: Sequence[str], size: int) -> bool:
    """Whether ``size`` words follow themselves often enough: four times over, a single word six times."""
    need, run = size * (5 if size == 1 else 3), 0
    for before, word in zip(words, words[size:], strict=False):
        run = run + 1 if word == before else 0
        if run >= need:
            return True
    return False
