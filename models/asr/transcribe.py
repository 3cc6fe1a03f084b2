"""A sound file to utterances, window by window, in whatever language is spoken."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .recognizer import Recognizer, SpeechLanguage, Utterance, WordTiming
from .voice_activity import SpeechPassage, passages
from .windows import read_windows

WINDOW_S = 300.0
"""Longer sound is heard in windows: the features of an hour would take gigabytes."""
_TURN_S = 30.0
"""What whisper takes in at once; a language is found out for so much speech."""
_SURE = 0.5


class Transcription(NamedTuple):
    """What was heard in a file, and how much of it could be read."""

    said: list[Utterance]
    end_s: float


def listen(path: Path, ear: Recognizer, language: str) -> Transcription:
    """What is said in a sound file, with times from its first sample, in ``language`` or in what ``ear`` takes it for.

    Raises:
        RowError: ``unreadable``.
    """
    said: list[Utterance] = []
    end_s, spoken = 0.0, language
    for window in read_windows(path, WINDOW_S):
        for passage in passages(window.samples, None if language else _TURN_S):
            if not language:
                spoken = _follow_guess(ear.guess(passage.samples), spoken)
            said += [_shift(u, passage, window.start_s) for u in ear.hear(passage.samples, spoken)]
        end_s = window.end_s
    return Transcription(said, end_s)


def _follow_guess(guess: SpeechLanguage, before: str) -> str:
    """A guess that is no better than a coin's is not followed: people change their language seldom."""
    return before if before and guess.probability < _SURE else guess.language


def _shift(utterance: Utterance, passage: SpeechPassage, shift_s: float) -> Utterance:
    words = []
    for word in utterance.words:
        silence_s = shift_s + passage.silence_s((word.start_s + word.end_s) / 2)
        words.append(WordTiming(round(word.start_s + silence_s, 3), round(word.end_s + silence_s, 3), word.text))
    return utterance._replace(words=tuple(words))
