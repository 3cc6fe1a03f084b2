"""What speaks against a sentence having been said: whisper makes text up over silence and gets into loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MOST_REPETITION = 0.5
MOST_NO_SPEECH = 0.6
SURE_LOG_PROB = -0.5
"""A text that the model is so sure of speaks for itself.

Radford et al. 2022 (4.5) take for silence only what is below -1, their limit for a failed text. But the "you" and
"Thank you." that tiny.en and base write of silence and of music have -0.7 to -1.1, at a ``no_speech`` of 0.75 to 0.95.
"""
MOST_COMPRESSION = 2.4
LEAST_LOG_PROB = -1.0
_SAYINGS = 3
"""People do say "no, no, no" and "thank you, thank you, thank you"."""
_LONGEST = 30  # words of what is said again


class SentenceMeasures(NamedTuple):
    """Of one sentence: the worst of what it is made of."""

    repetition: float
    no_speech: float
    compression: float
    log_prob: float

    @property
    def doubt(self) -> str:
        """What speaks against it most plainly; empty for nothing."""
        if self.repetition > MOST_REPETITION:
            return "repetition"
        if self.no_speech > MOST_NO_SPEECH and self.log_prob <= SURE_LOG_PROB:
            return "no_speech"
        if self.compression > MOST_COMPRESSION:
            return "compression"
        return "log_prob" if self.log_prob < LEAST_LOG_PROB else ""


def repeats(words: Sequence[str]) -> list[bool]:
    """For each word, whether it belongs to one to thirty words said for the fourth time in a row, or more often."""
    keys = ["".join(c for c in word.casefold() if c.isalnum()) for word in words]
    spoken = [i for i, key in enumerate(keys) if key]
    again = [False] * len(words)
    for length in range(1, _LONGEST + 1):
        run = 0
        for at in range(length, len(spoken)):
            run = run + 1 if keys[spoken[at]] == keys[spoken[at - length]] else 0
            again[spoken[at]] |= run > (_SAYINGS - 1) * length
    return again
