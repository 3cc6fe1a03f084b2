"""Rules about one text: how long it is, and what must not be in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_WORD = re.compile(r"\w+")


class TextRules(NamedTuple):
    """Limits of one text; all are of what can be."""

    min_chars: int = 0  # after blanks were collapsed
    max_chars: int | None = None
    min_words: int = 0
    max_words: int | None = None
    by_blanks: bool = True  # what words are: between blanks, or runs of letters and digits (`\\w+`)


def collapse(text: str) -> str:
    """The text with one blank in place of each run of white space, and none at its ends."""
    return " ".join(text.split())


def count_words(text: str, by_blanks: bool = True) -> int:
    """Words between blanks; or runs of letters, digits and underscores, as COYO-700M's `word_count` counts them."""
    return len(text.split()) if by_blanks else len(_WORD.findall(text))


def broken_rule(text: str, rules: TextRules) -> str:
    """Which rule a text breaks, the first of `too_short`, `too_long`, `few_words`, `many_words`; empty for none."""
    chars, words = len(collapse(text)), count_words(text, rules.by_blanks)
    if chars < rules.min_chars:
        return "too_short"
    if rules.max_chars is not None and chars > rules.max_chars:
        return "too_long"
    if words < rules.min_words:
        return "few_words"
    return "many_words" if rules.max_words is not None and words > rules.max_words else ""


class PhraseList:
    """Words and phrases that are looked for as whole words, in any case."""

    def __init__(self, phrases: Iterable[str]) -> None:
        told = sorted({collapse(phrase).casefold() for phrase in phrases} - {""}, key=lambda one: (-len(one), one))
        either = "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in told)
        self._pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)") if told else None

    def find(self, text: str) -> str:
        """The first that stands in a text, as it stands there in lower case; empty for none."""
        found = self._pattern.search(text.casefold()) if self._pattern else None
        return found.group() if found else ""
