"""Where a caption has the words of a tag that a model told."""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth", "mice": "mouse",
    "geese": "goose", "people": "person", "leaves": "leaf", "knives": "knife", "wolves": "wolf", "loaves": "loaf",
    "shelves": "shelf", "halves": "half", "calves": "calf", "scarves": "scarf",
}  # fmt: skip


class _Word(NamedTuple):
    stem: str
    start: int
    end: int


class CaptionWords:
    """The words of one caption, found in whatever number they stand."""

    def __init__(self, text: str) -> None:
        self._words = [_Word(_stem(found[0].lower()), found.start(), found.end()) for found in _WORD.finditer(text)]

    def find(self, tag: str) -> tuple[int, int] | None:
        """``[start, end)`` of the first place where the tag's words stand in a row; None where they do not."""
        wanted = [_stem(word.lower()) for word in _WORD.findall(tag)]
        for i in range(len(self._words) - len(wanted) + 1 if wanted else 0):
            run = self._words[i : i + len(wanted)]
            if [word.stem for word in run] == wanted:
                return run[0].start, run[-1].end
        return None


def _stem(word: str) -> str:
    """The same for a noun's singular and plural: `horse` and `horses`, `bus` and `buses`, `berry` and `berries`."""
    word = _IRREGULAR.get(word, word)
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 3 and word.endswith(("se", "xe", "ze", "che", "she")):
        word = word[:-1]
    return word
