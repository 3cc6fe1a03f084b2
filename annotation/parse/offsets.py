"""Places of a caption's plain writing in the caption as it was written."""

from __future__ import annotations

import re
from bisect import bisect_right
from difflib import SequenceMatcher

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")  # hashtags are cut at their capitals


class Offsets:
    """From characters of ``plain`` to those of ``text``, which has the same words and more."""

    def __init__(self, plain: str, text: str) -> None:
        self._shift = len(text) - len(text.lstrip())
        self._starts: list[int] | None = None
        if not text[self._shift :].lower().startswith(plain.rstrip(".").lower()):
            self._align(plain, text)

    def _align(self, plain: str, text: str) -> None:
        mine, theirs = list(_WORD.finditer(plain)), list(_WORD.finditer(text))
        matcher = SequenceMatcher(None, [w[0].lower() for w in mine], [w[0].lower() for w in theirs], autojunk=False)
        words = [
            (mine[block.a + i].start(), mine[block.a + i].end(), theirs[block.b + i].start())
            for block in matcher.get_matching_blocks()
            for i in range(block.size)
        ]
        self._starts, self._words = [start for start, _, _ in words], words

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """``[start, end)`` in the text; None where its first or last word does not stand there."""
        first, last = self._of(start), self._of(end - 1)
        return None if first is None or last is None else (first, last + 1)

    def _of(self, at: int) -> int | None:
        if self._starts is None:
            return at + self._shift
        i = bisect_right(self._starts, at) - 1
        if i < 0 or at >= self._words[i][1]:
            return None
        start, _, there = self._words[i]
        return there + at - start
