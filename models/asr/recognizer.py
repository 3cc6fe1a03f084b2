"""What the step needs of a speech model, whatever runs it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from .windows import Samples


class WordTiming(NamedTuple):
    """One word as a model writes it: with the space before it, where its script has one."""

    start_s: float
    end_s: float
    text: str


class Utterance(NamedTuple):
    """What a model heard in one go, and how sure it was of it."""

    words: tuple[WordTiming, ...]
    language: str
    no_speech: float  # probability
    compression: float  # zlib ratio of the text of its 30 s window
    log_prob: float  # mean of the tokens of that window


class SpeechLanguage(NamedTuple):
    """A language, and the probability that a model gives it."""

    language: str
    probability: float


class Recognizer(Protocol):
    """A model that is loaded, and turns speech into words."""

    @property
    def name(self) -> str:
        """What ids of rows say of it."""

    @property
    def source(self) -> str:
        """Program, model and where the model came from."""

    @property
    def languages(self) -> Collection[str]:
        """Codes of the languages that it writes."""

    def guess(self, samples: Samples) -> SpeechLanguage:
        """Which language the first 30 s are in. Only asked of a model that has several."""

    def hear(self, samples: Samples, language: str) -> list[Utterance]:
        """What is said, with times from the first sample; the same for the same samples."""
