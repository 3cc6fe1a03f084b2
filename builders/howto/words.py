"""The words of a transcript with their times, and which of them are said in which span."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...schemas import Segment, Word


def timed_words(segments: Sequence[Segment]) -> list[Word]:
    """All words in order of time; where a sentence has no word times, its time is shared out by characters."""
    found = [word for segment in segments for word in (segment.words or _shared_out(segment))]
    return sorted((word for word in found if word.text.strip()), key=lambda word: (word.start_s, word.end_s))


def words_in_spans(times_s: ArrayLike, starts_s: ArrayLike, ends_s: ArrayLike) -> NDArray[np.int64]:
    """For spans ``(K,)`` the words ``[first, last)`` that lie in them, ``(K, 2)``.

    ``times_s`` ``(W,)`` are the words' moments, ascending: a word lies in ``[start, end)``.
    """
    times = np.asarray(times_s, np.float64)
    first = np.searchsorted(times, np.asarray(starts_s, np.float64), "left")
    last = np.searchsorted(times, np.asarray(ends_s, np.float64), "left")
    return np.stack([first, np.maximum(first, last)], axis=1).astype(np.int64)


def published_words_in_spans(times_s: ArrayLike, starts_s: ArrayLike, ends_s: ArrayLike) -> NDArray[np.int64]:
    """The same as TVTS has it: a word lies in ``(start, end)``, the start not included."""
    times = np.asarray(times_s, np.float64)
    first = np.searchsorted(times, np.asarray(starts_s, np.float64), "right")
    last = np.searchsorted(times, np.asarray(ends_s, np.float64), "left")
    return np.stack([first, np.maximum(first, last)], axis=1).astype(np.int64)


def _shared_out(segment: Segment) -> Iterator[Word]:
    texts = segment.text.split()
    edges = np.cumsum([0, *(len(text) + 1 for text in texts)], dtype=np.float64)
    times = segment.start_s + (segment.end_s - segment.start_s) * edges / max(1.0, edges[-1])
    for text, start_s, end_s in zip(texts, times[:-1].tolist(), times[1:].tolist(), strict=True):
        yield Word(start_s, end_s, text)
