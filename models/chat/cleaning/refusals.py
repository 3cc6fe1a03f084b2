"""Answers that decline: a model that will not or cannot, or that asks for what it was given.

In each language of ``models.text.languages.NAMES``.
"""

from __future__ import annotations

import re
from functools import cache

from .patterns import read_patterns
from .quotations import without_quotations

_WORD = re.compile(r"\w+")
_OTHER_LETTERS = re.compile(r"[\u0370-\uffff]")
_SENTENCE = re.compile(r"[^.!?。！？।\n]+[.!?。！？।]*")


def declines(text: str) -> bool:
    """Whether a text refuses, or says that its writer sees or was given nothing; what it quotes does not count."""
    if not _may_decline(text):
        return False
    sentences = (found[0].strip() for found in _SENTENCE.finditer(without_quotations(text)))
    return any(_declining().search(sentence) for sentence in sentences if _may_decline(sentence))


def _may_decline(text: str) -> bool:
    return not _hints().isdisjoint(_WORD.findall(text.lower())) or _OTHER_LETTERS.search(text) is not None


@cache
def _hints() -> frozenset[str]:
    """A text in Latin letters without any of these words declines nothing: most need no closer look."""
    return frozenset(read_patterns("refusals.txt").named["HINTS"].split())


@cache
def _declining() -> re.Pattern[str]:
    return re.compile("|".join(read_patterns("refusals.txt").unnamed), re.IGNORECASE)
