"""Where somebody speaks: silero's detector (https://github.com/snakers4/silero-vad), which faster-whisper carries."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from .windows import RATE_HZ, Samples


class SpeechSpan(NamedTuple):
    """``[start, end)`` in samples of a window."""

    start: int
    end: int


class SpeechPassage(NamedTuple):
    """Stretches of speech, put together without the silence between them."""

    samples: Samples
    stretches: tuple[SpeechSpan, ...]

    def silence_s(self, at_s: float) -> float:
        """How much of the window is left out before the passage's time ``at_s``."""
        ends = list(accumulate(s.end - s.start for s in self.stretches))
        number = min(bisect_right(ends, at_s * RATE_HZ), len(ends) - 1)
        return (self.stretches[number].end - ends[number]) / RATE_HZ


def passages(samples: Samples, longest_s: float | None = None) -> Iterator[SpeechPassage]:
    """The speech of a window as one passage, or as passages of up to ``longest_s``; none where nobody speaks."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions() if longest_s is None else VadOptions(max_speech_duration_s=longest_s)
    held: list[SpeechSpan] = []
    for found in get_speech_timestamps(samples, options):
        stretch = SpeechSpan(int(found["start"]), int(found["end"]))
        length = sum(s.end - s.start for s in [*held, stretch])
        if held and longest_s is not None and length > longest_s * RATE_HZ:
            yield _join(samples, held)
            held = []
        held.append(stretch)
    if held:
        yield _join(samples, held)


def speech_spans(samples: Samples) -> list[SpeechSpan]:
    """Every stretch of speech in a window, without what is around it; pauses from a fifth of a second on are told."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(min_silence_duration_ms=200, speech_pad_ms=0)
    return [SpeechSpan(int(s["start"]), int(s["end"])) for s in get_speech_timestamps(samples, options)]


def _join(samples: Samples, stretches: list[SpeechSpan]) -> SpeechPassage:
    return SpeechPassage(np.concatenate([samples[s.start : s.end] for s in stretches]), tuple(stretches))
