"""MetaCLIP's rules of spacing: what of a text and of an entry is compared, and the plain loop that compares them.

Read in the authors' code (facebookresearch/MetaCLIP, ``metaclip/substr_matching.py`` for v1 and
``metaclip/curation/substr_matching.py`` for v2). An entry is in a text where its pattern is a substring of the spaced
text. Case counts; runs of blanks are not made one; so an entry with a punctuation mark that texts get blanks around,
such as `U.S.`, is in no text.
"""

from __future__ import annotations

import string
from collections.abc import Sequence

PUNCTUATION = ",.;:?!`"
"""Marks that get a blank on either side."""
BLANKS = "\t\n\r"
"""What becomes a blank."""
RULES = ("v1", "v2")

_MARKS = frozenset(string.punctuation) | frozenset("，。、；：？！“”‘’（）【】《》〈〉「」『』～—")
_UNSPACED = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0x2CEB0, 0x2EBEF), (0xF900, 0xFAFF), (0x2E80, 0x2EFF), (0x2F00, 0x2FDF), (0x2FF0, 0x2FFF),
    (0x0E00, 0x0E7F), (0x0E80, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x0F00, 0x0FFF),
)  # fmt: skip
"""Han with its radicals, Thai, Lao, Burmese, Khmer, Tibetan. Kana and Hangul are not among them."""
_SPACED = str.maketrans({**{mark: f" {mark} " for mark in PUNCTUATION}, **dict.fromkeys(BLANKS, " ")})


def space_text(text: str) -> str:
    """The text as both versions compare it: blanks around marks and at both ends."""
    return f" {text} ".translate(_SPACED)


def has_no_space(char: str) -> bool:
    """Whether v2 puts no blank beside this character at an entry's edge: a script without blanks, or a mark."""
    return char in _MARKS or any(low <= ord(char) <= high for low, high in _UNSPACED)


def is_mark(text: str) -> bool:
    """Whether it consists of punctuation marks alone."""
    return all(char in _MARKS for char in text)


def pattern_of(entry: str, rule: str = "v1") -> str:
    """The substring that an entry is looked for by: v1 has a blank at both ends, v2 by the character at each."""
    if rule == "v1":
        return f" {entry} "
    first = "" if has_no_space(entry[0]) else " "
    return f"{first}{entry}{'' if has_no_space(entry[-1]) else ' '}"


def match_one_by_one(text: str, entries: Sequence[str], rule: str = "v1") -> list[int]:
    """The numbers of the entries that are in a text, ascending: the plain loop over all of them."""
    spaced = space_text(text)
    return [n for n, entry in enumerate(entries) if (entry or rule == "v1") and pattern_of(entry, rule) in spaced]
