"""Where a text quotes: what is said, sung or written there is no word of the model's own."""

from __future__ import annotations

import re
from bisect import bisect_left

_PAIRS = {"“": "”", "„": "“”", "«": "»", "‘": "’", "‹": "›", "「": "」", "『": "』", "《": "》"}
_MARK = re.compile(r"[\"“”„«»‘‹›「」『』《》]|(?<!\w)['’]|['’](?!\w)")  # an apostrophe stands between letters


class Quotations:
    """The quotations of a text."""

    def __init__(self, text: str) -> None:
        self.spans: list[tuple[int, int]] = []
        """Start and end of each, marks included."""
        self._unclosed = len(text)  # where one begins that is never closed
        closes, start = "", 0
        for found in _MARK.finditer(text):
            mark, at = found[0], found.start()
            if closes and mark in closes:
                self.spans.append((start, found.end()))
                closes = ""
            elif not closes and (mark in _PAIRS or mark == '"' or (mark == "'" and text[at + 1 : at + 2].strip())):
                closes, start = _PAIRS.get(mark, mark), at
        if closes:
            self._unclosed = start

    def __contains__(self, at: int) -> bool:
        """Whether a place lies inside one, or behind the mark of one that is never closed."""
        before = bisect_left(self.spans, (at, 0)) - 1
        return at > self._unclosed or (before >= 0 and at < self.spans[before][1])


def without_quotations(text: str) -> str:
    """The text with ``"…"`` in the place of each quotation that is closed."""
    made, at = [], 0
    for start, end in Quotations(text).spans:
        made += [text[at:start], '"…"']
        at = end
    return "".join([*made, text[at:]])
