"""Long texts in pieces that an encoder reads whole."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+")


def split_text(text: str, most_words: int) -> list[str]:
    """The text in pieces of at most ``most_words`` words between blanks: whole sentences together where they fit.

    A sentence that is longer is cut between words. A text that fits, or is empty, is one piece, as it is.
    """
    if len(text.split()) <= most_words:
        return [text]
    pieces: list[list[str]] = []
    for sentence in _SENTENCE.split(text.strip()):
        words = sentence.split()
        if pieces and len(pieces[-1]) + len(words) <= most_words:
            pieces[-1] += words
            continue
        pieces += [words[at : at + most_words] for at in range(0, len(words), most_words)]
    return [" ".join(words) for words in pieces]
