"""Captions with times, as what prompts are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...schemas import Caption, Clip

_PIECE_CHARS = 500
"""A prompt takes no longer text in one piece (``prompt.DATA_CHARS``)."""


def pieces(text: str) -> list[str]:
    """A text in pieces that a prompt takes whole, cut between words."""
    made = [""]
    for word in text.split():
        if made[-1] and len(made[-1]) + 1 + len(word) > _PIECE_CHARS:
            made.append(word)
        else:
            made[-1] = f"{made[-1]} {word}".strip()
    return made if made != [""] else []


def captions_in_time(clip: Clip, captions: Iterable[Caption]) -> list[dict[str, Any]]:
    """Timed captions for a prompt: ``number`` from 1, ``time_s`` from the clip's start, ``text`` in pieces."""
    return [
        {"number": number, "time_s": seconds(clip, caption.end_s), "text": pieces(caption.text)}
        for number, caption in enumerate(in_time(captions), 1)
    ]


def in_time(captions: Iterable[Caption]) -> Sequence[Caption]:
    """Timed captions in the order of what they tell."""
    timed = [c for c in captions if c.start_s is not None and c.end_s is not None]
    return sorted(timed, key=lambda c: (c.end_s or 0.0, c.start_s or 0.0, c.caption_id))


def seconds(clip: Clip, time_s: float | None) -> str:
    """A time of the video as seconds of the clip, such as 12.04."""
    return f"{max(0.0, (time_s or 0.0) - clip.start_s):.2f}"
