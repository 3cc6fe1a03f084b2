"""Transcripts from subtitles: files beside a video, and text streams inside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from ..engine.contract.errors import RowError
from ..engine.contract.step import Drop, RowAnswer, Split
from ..media.container import open_media
from ..media.languages import bcp47
from ..schemas import Col, Segment, Subtitle, Video, Word
from ..schemas.ids import free_id, span_id
from .sources.probe import start_of
from .subtitles.cues import Cue, words
from .subtitles.files import read_file
from .subtitles.marks import without_marks
from .subtitles.rolling import clean_cues
from .subtitles.sentences import Sentence, TextPiece, sentences
from .subtitles.streams import read_stream

_BEST_FORMAT = ("json3", "srv3", "vtt", "srt", "ttml", "ass", "srv2", "srv1", "sbv", "lrc", "smi", "stream")
"""The first three may hold word times."""


class _CleanTrack(NamedTuple):
    """A track of a video, read and cleaned."""

    cues: list[Cue]
    language: str
    shift_s: float  # from the subtitles' clock to the video's
    skipped: tuple[str, ...]  # what is wrong with the cues that could not be read


@dataclass(frozen=True)
class Transcripts(Split[Video, Segment]):
    """Turn a video's subtitles into sentences with times: files beside it, and text streams inside it.

    Read are SubRip, WebVTT, TTML, ass, YouTube's json3, srv1 to srv3 and sbv, SAMI and lrc, in any encoding. Markup is
    taken off, and marks of sounds and speakers (``marks``); what rolling captions show twice is kept once, with the
    times of its words. Times of files count from the start of the video, as players take them. A cue that no player
    could read leaves alone, with ``bad_cue`` and its line; a whole track with ``bad_subtitle``, and the next best is
    taken. Files of other kinds leave with ``unread_subtitle``. A video without subtitles has no rows; one whose tracks
    are all broken is a failed row.
    """

    version = 2  # marks are taken off, an odd cue costs itself
    cost = "cpu"
    isolate = True

    languages: Annotated[
        tuple[str, ...],
        Col("BCP 47 codes, the best first (`en` takes `en-GB` too); a track that names none comes last; empty: any"),
    ] = ()
    take: Annotated[str, Col("the best track of each video, or all that fit", choices=("best", "all"))] = "best"
    sentences: Annotated[bool, Col("join cues into sentences; otherwise one row per cue")] = True
    pause_s: Annotated[float, Col("a longer silence ends a sentence", unit="s", low=0)] = 1.0
    max_s: Annotated[float, Col("a longer sentence is cut at its longest silence", unit="s", low=1)] = 20.0

    marks: Annotated[bool, Col("leave what is no speech in the text: `[Music]`, `(laughs)`, `♪`, `>>`, `JOHN:`")] = (
        False
    )

    def process(self, video: Video) -> RowAnswer[Segment]:
        """The sentences of the video's subtitles."""
        try:
            return list(self._segments(video))
        except RowError as error:
            return error

    def _segments(self, video: Video) -> Iterator[Segment | Drop]:
        used: set[str] = set()
        broken: list[RowError] = []
        found = False
        for subtitle in self._by_preference(video.subtitles):
            try:
                read = _read(video, subtitle)
            except RowError as error:
                broken.append(error)
                continue
            cues = read.cues if self.marks else [*without_marks(read.cues)]
            for sentence in self._sentences(cues):
                yield _segment(video.video_id, sentence, read, used)
            yield from _drops(video.video_id, "bad_cue", read.skipped)
            found = found or bool(read.cues)
            if found and self.take == "best":
                break
        if broken and not found:
            raise broken[0]
        yield from _drops(video.video_id, "bad_subtitle", [error.message for error in broken])
        unread = json.loads(video.metadata).get("unread_subtitles", ())
        yield from _drops(
            video.video_id, "unread_subtitle", [f"{name}: subtitles of this kind are not read" for name in unread]
        )

    def _by_preference(self, subtitles: Sequence[Subtitle]) -> list[Subtitle]:
        """The tracks in a wanted language, the best first."""
        ranked = [(rank, i) for i, s in enumerate(subtitles) if (rank := self._rank(s)) is not None]
        return [subtitles[i] for _, i in sorted(ranked)]

    def _rank(self, subtitle: Subtitle) -> tuple[int, int] | None:
        """Its place among a video's tracks; None for a language that nobody wants."""
        form = _BEST_FORMAT.index(subtitle.format)
        if not self.languages:
            return 0, form
        if not subtitle.language:
            return len(self.languages), form
        asked = subtitle.language.lower()
        for i, language in enumerate(self.languages):
            if asked == language.lower() or asked.startswith(f"{language.lower()}-"):
                return i, form
        return None

    def _sentences(self, cues: Sequence[Cue]) -> Iterator[Sentence]:
        if self.sentences:
            pieces = sorted((p for i, cue in enumerate(cues) for p in _pieces(cue, i)), key=lambda p: p.start_s)
            yield from sentences(pieces, self.pause_s, self.max_s)
            return
        for cue in cues:
            yield Sentence((TextPiece(cue.start_s, cue.end_s, cue.text, False, tuple(words(cue))),))


def _read(video: Video, subtitle: Subtitle) -> _CleanTrack:
    if subtitle.format == "stream":
        if subtitle.stream is None:
            raise RowError(f"{video.uri}: a subtitle stream without its number", "bad_subtitle")
        track, shift_s = read_stream(subtitle.path, subtitle.stream), 0.0
    else:
        track, shift_s = read_file(subtitle.path, subtitle.format, subtitle.language), _clock_start(video)
    return _CleanTrack(clean_cues(track.cues), subtitle.language or bcp47(track.language), shift_s, track.skipped)


def _drops(video_id: str, reason: str, said: Sequence[str]) -> Iterator[Drop]:
    """Parts of a video's subtitles of which no row was made."""
    for number, what in enumerate(said):
        yield Drop(f"{video_id}_{reason}_{number:04d}", video_id, reason, what)


def _clock_start(video: Video) -> float:
    with open_media(video.path) as container:
        return start_of(container)


def _pieces(cue: Cue, number: int) -> Iterator[TextPiece]:
    timed = words(cue)
    if not timed:
        yield TextPiece(cue.start_s, cue.end_s, cue.text, True, (), number)
    for i, (word, token) in enumerate(zip(timed, cue.tokens, strict=False)):
        yield TextPiece(word.start_s, word.end_s, word.text, token.spaced or i == 0, (word,), number)


def _segment(video_id: str, sentence: Sentence, read: _CleanTrack, used: set[str]) -> Segment:
    shift_s = read.shift_s
    start_s, end_s = sentence.start_s + shift_s, sentence.end_s + shift_s
    source = f"subtitle-{read.language}" if read.language else "subtitle"
    key = free_id(span_id(f"{video_id}_{source}", start_s, end_s), used)
    used.add(key)
    said = [Word(w.start_s + shift_s, w.end_s + shift_s, w.text) for w in sentence.words]
    return Segment(key, video_id, start_s, end_s, sentence.text, said, read.language, "subtitle")
