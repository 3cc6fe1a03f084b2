"""The words that tell one group of texts from the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log

_WORD = re.compile(r"[^\W\d_]{3,}")


def telling_words(texts: Sequence[str], groups: Sequence[int], count: int, words: int = 3) -> list[list[str]]:
    """For each of ``count`` groups the words that are most its own, the best first; groups without texts have none.

    By class-based TF-IDF (Grootendorst 2022, https://arxiv.org/abs/2203.05794): a word's share of the group's words,
    times ``log(1 + A / f)``, with ``A`` words in a group on average, and ``f`` of that word in all. Of equal ones the
    first by name.
    """
    each = [Counter[str]() for _ in range(count)]
    for text, group in zip(texts, groups, strict=True):
        each[group].update(_WORD.findall(text.lower()))
    total = sum(each, Counter[str]())
    mean = total.total() / max(1, sum(bool(one) for one in each))

    def best(own: Counter[str]) -> list[str]:
        weights = {word: n / own.total() * log(1 + mean / total[word]) for word, n in own.items()}
        return sorted(own, key=lambda word: (-weights[word], word))[:words]

    return [best(own) for own in each]
