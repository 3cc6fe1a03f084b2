"""What is said in a span of a video, as one clean text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...schemas import Clip, Segment

_MARKUP = re.compile(r"<[^<>]{1,40}>|\{\\[^{}]{1,40}\}")
_NOISE = re.compile(r"[\[(][^\[\]()]{0,60}[\])]|[♪♫♬#]+|^\s*(?:>>|-|–)+\s*", re.MULTILINE)
_SPEAKER = re.compile(r"^\s*[A-Z][A-Z0-9 .'’-]{1,24}:\s+", re.MULTILINE)  # NARRATOR: at the start of a line
_SPACE = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r"\s+([,.;:!?])")
# A whisper sentence beyond these is a hallucination more often than not (Radford et al. 2022, 4.5).


class SpeechText(NamedTuple):
    """One text, its language, and where it was taken from."""

    text: str
    language: str
    source: str


def speech_text(clip: Clip, segments: Sequence[Segment]) -> SpeechText | None:
    """What is said in a clip, from the best one source: subtitles, else the transcript with most text there.

    A sentence that the clip's edge cuts gives only the words inside, where its words have times;
    without them it counts if at least half of it lies inside.
    """
    found: dict[str, list[Segment]] = {}
    for segment in sorted(segments, key=lambda s: (s.start_s, s.segment_id)):
        if _is_sound(segment):
            found.setdefault(segment.source, []).append(segment)
    said = [_from_source(clip, source, rows) for source, rows in found.items()]
    return max((s for s in said if s.text), key=lambda s: (s.source == "subtitle", len(s.text), s.source), default=None)


def clean(text: str) -> str:
    """Without markup, sound notes in brackets, speakers' names and dashes, and stray spaces."""
    bare = _SPEAKER.sub("", _NOISE.sub(" ", _MARKUP.sub(" ", text)))
    return _BEFORE_MARK.sub(r"\1", _SPACE.sub(" ", bare)).strip()


def _from_source(clip: Clip, source: str, segments: Iterable[Segment]) -> SpeechText:
    texts: list[str] = []
    language = ""
    for segment in segments:
        text = clean(_inside(clip, segment))
        if text and (not texts or texts[-1].casefold() != text.casefold()):  # rolling subtitles repeat a line
            texts.append(text)
            language = language or segment.language
    return SpeechText(" ".join(texts), language, source)


def _inside(clip: Clip, segment: Segment) -> str:
    shared = min(clip.end_s, segment.end_s) - max(clip.start_s, segment.start_s)
    if shared <= 0:
        return ""
    if segment.start_s >= clip.start_s and segment.end_s <= clip.end_s:
        return segment.text
    if segment.words:
        return " ".join(w.text for w in segment.words if clip.start_s <= (w.start_s + w.end_s) / 2 < clip.end_s)
    return segment.text if shared >= (segment.end_s - segment.start_s) / 2 else ""


def _is_sound(segment: Segment) -> bool:
    return segment.doubt in ("", "log_prob")  # a mumbled sentence is still a sentence
