"""Sentences of a transcript in blocks of at most so many words, as HowToCaption gives them to a language model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

WORDS = 200
"""HowToCaption's cap (Shvetsova et al. 2023, arXiv:2310.04900, and their script that makes the blocks)."""
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
"""A word; of scripts that write no spaces, a character."""


class TimedSentence(NamedTuple):
    """What is said between two times, in seconds."""

    start_s: float
    end_s: float
    text: str


class WordBlock(NamedTuple):
    """Sentences that follow each other; ``text`` has a line for each, ``{second}s: {sentence}``."""

    start_s: float
    end_s: float
    text: str


def count_words(text: str) -> int:
    """How many words a text has; each Chinese or Japanese character counts as one."""
    return sum(1 for _ in _WORD.finditer(text))


def word_blocks(sentences: Sequence[TimedSentence], max_words: int = WORDS) -> list[WordBlock]:
    """Fill blocks with sentences, in order of time, as long as they have at most ``max_words`` words.

    Every sentence has its second (rounded down) before it. A sentence that is longer by itself is cut into parts of
    ``max_words``, whose times are its own in the proportion of words. Blank sentences and those without a time are
    left out. A block lasts from its first start to its last end.
    """
    blocks: list[WordBlock] = []
    held: list[TimedSentence] = []
    length = 0
    timed = (s for s in sentences if s.text.strip() and math.isfinite(s.start_s) and math.isfinite(s.end_s))
    for part in (p for s in sorted(timed) for p in _parts(s, max_words)):
        words = count_words(part.text)
        if held and length + words > max_words:
            blocks.append(_block(held))
            held, length = [], 0
        held.append(part)
        length += words
    return [*blocks, _block(held)] if held else blocks


def published_blocks(sentences: Sequence[TimedSentence], max_words: int = WORDS) -> list[WordBlock]:
    """The same as the published script makes it, in the order given.

    Words are what single spaces separate. A sentence that opens a block after the first has no second before it, nor
    has a first sentence that is longer than ``max_words``; such long ones are blocks of their own. Lines begin with a
    line break. A block lasts from its least start to the end of its last sentence.
    """
    blocks: list[WordBlock] = []
    start_s = end_s = 0.0
    text, length = "", 0
    for sentence in sentences:
        words = len(sentence.text.split(" "))
        if length + words > max_words:
            if text:
                blocks.append(WordBlock(start_s, end_s, text))
            text, length = sentence.text, words
            start_s = sentence.start_s
        else:
            start_s = min(start_s, sentence.start_s) if text else sentence.start_s
            text += f"\n{int(sentence.start_s)}s: {sentence.text}"
            length += words
        end_s = sentence.end_s
    return [*blocks, WordBlock(start_s, end_s, text)] if text else blocks


def _block(sentences: Sequence[TimedSentence]) -> WordBlock:
    lines = (f"{max(0, math.floor(s.start_s))}s: {' '.join(s.text.split())}" for s in sentences)
    return WordBlock(sentences[0].start_s, max(s.end_s for s in sentences), "\n".join(lines))


def _parts(sentence: TimedSentence, max_words: int) -> Iterator[TimedSentence]:
    """The sentence, or parts of it that are short enough."""
    words = [found.start() for found in _WORD.finditer(sentence.text)]
    if len(words) <= max_words:
        yield sentence
        return
    span_s = (sentence.end_s - sentence.start_s) / len(words)
    for at in range(0, len(words), max_words):
        until = min(at + max_words, len(words))
        end = words[until] if until < len(words) else len(sentence.text)
        times = sentence.start_s + at * span_s, sentence.start_s + until * span_s
        yield TimedSentence(*times, sentence.text[words[at] : end].strip())
