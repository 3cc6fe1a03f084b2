"""Sequences of clips with what is said in each, and an order to shuffle that into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Annotated, ClassVar, NamedTuple

import numpy as np

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import (
    Cost,
    Drop,
    MultiOutput,
    MultiOutputFunction,
    OutputTable,
    RowAnswer,
    Step,
    StepContext,
)
from ..schemas import Caption, Clip, Col, Row, Score, Segment, Span, Video, Word
from ..schemas.ids import span_id
from .howto.sequences import CLIPS, GAP_S, LENGTHS_S, ClipSpan, draw_order, draw_sequence, order_label
from .howto.transcripts import best_transcript
from .howto.words import published_words_in_spans, timed_words, words_in_spans

TEACHER = "transcript"
ORDER, PLACE = "order", "place"


class ClipSequencesInput(NamedTuple):
    """A video, and what is said in it."""

    video: Video
    segments: list[Segment]


class _ClipSequence(NamedTuple):
    """Spans of a video, what is said in each, and the order to shuffle that into."""

    spans: list[ClipSpan]
    texts: list[str]
    order: list[int]


@dataclass(frozen=True)
class ClipSequences(MultiOutput[ClipSequencesInput]):
    """Draw sequences of clips that follow each other, with what is said in each, as TVTS does (arXiv:2209.15280).

    A sequence is a clip whose ``shots`` are its ``clips`` spans. It has a caption of all that is said in them, of the
    kind `merge`, and one of the kind `source` for each span, with its times. The score ``order`` of the clip is the
    class of a permutation of the spans, drawn by chance: its place among all of them in dictionary order, from 0; the
    score ``place`` of a span's caption is where that order puts it. Everything follows from ``seed`` and the video's
    id.

    With ``profile: fixed`` a word belongs to the span that its middle is in, and a sequence with a span in which fewer
    than ``min_chars`` characters are said is drawn again, ``tries`` times. ``published`` takes the words that begin
    after a span's start and before its end, and takes what is drawn first: the authors' check of short texts has no
    effect. A video without a sequence leaves with ``too_short`` or ``little_speech``; one whose container tells no
    length fails with ``no_length``.
    """

    clips: Annotated[int, Col("clips of a sequence", low=2, high=10)] = CLIPS
    lengths_s: Annotated[list[float], Col("lengths of a clip, one is drawn for a sequence", unit="s")] = field(
        default_factory=lambda: list(LENGTHS_S)
    )
    gap_s: Annotated[float, Col("between the clips", unit="s", low=0)] = GAP_S
    per_video: Annotated[int, Col("sequences of a video", low=1)] = 1
    min_chars: Annotated[int, Col("least that is said in each clip", unit="characters", low=0)] = 10
    tries: Annotated[int, Col("draws for a sequence before it is given up", low=1)] = 50
    seed: Annotated[int, Col("seed of places, lengths and orders")] = 0
    profile: Annotated[str, Col("as it should be, or as published", choices=("fixed", "published"))] = "fixed"

    cost: ClassVar[Cost] = "row"
    replaces_inputs = True
    measures: ClassVar[tuple[str, ...]] = (ORDER, PLACE)
    depends_on = ("video_id", "duration_s")

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for lengths that are none."""
        if not self.lengths_s or any(length <= 0 for length in self.lengths_s):
            raise UserError(f"builders.clip_sequences.lengths_s is {self.lengths_s}", "such as lengths_s: [3, 4, 5]")

    def parts(self) -> Sequence[OutputTable]:
        """Clips, captions and scores."""
        options = ("clips", "lengths_s", "gap_s", "per_video", "min_chars", "tries", "seed", "profile")
        tables: dict[str, type[Row]] = {"clips": Clip, "captions": Caption, "scores": Score}
        return [OutputTable(name, row, options) for name, row in tables.items()]

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[ClipSequencesInput]]:
        """Nothing to load."""
        yield lambda rows, wanted: [self._answer(row, wanted) for row in rows]

    def _answer(self, row: ClipSequencesInput, wanted: frozenset[str]) -> dict[str, RowAnswer[Row]]:
        video_id = row.video.video_id
        if not row.video.duration_s:
            return dict.fromkeys(wanted, RowError(f"{video_id}: its container declares no length", "no_length"))
        clips: list[Clip | Drop] = []
        captions: list[Caption] = []
        scores: list[Score] = []
        for one in self._sequences(video_id, row.video.duration_s, timed_words(best_transcript(row.segments))):
            clip = _clip(video_id, one)
            clips.append(clip)
            moments = list(_moments(clip, one))
            captions += [*moments, *_whole(clip, one, moments)]
            scores += _scores(clip, one, moments)
        if not clips:
            fits = draw_sequence(Random(0), row.video.duration_s, self.clips, self.lengths_s, self.gap_s)
            clips.append(Drop(video_id, video_id, "little_speech" if fits else "too_short"))
        made: dict[str, RowAnswer[Row]] = {"clips": clips, "captions": captions, "scores": scores}
        return {part: made[part] for part in wanted}

    def _sequences(self, video_id: str, duration_s: float, words: Sequence[Word]) -> Iterator[_ClipSequence]:
        """Sequences at different places."""
        seen: set[ClipSpan] = set()
        for number in range(self.per_video):
            draw = Random(f"{self.seed} {video_id} {number}")
            for _ in range(self.tries if self.profile == "fixed" else 1):
                spans = draw_sequence(draw, duration_s, self.clips, self.lengths_s, self.gap_s)
                texts = self._texts(words, spans)
                enough = self.profile == "published" or all(len(text) >= self.min_chars for text in texts)
                if spans and enough and (whole := ClipSpan(spans[0].start_s, spans[-1].end_s)) not in seen:
                    seen.add(whole)
                    yield _ClipSequence(spans, texts, draw_order(draw, self.clips))
                    break

    def _texts(self, words: Sequence[Word], spans: Sequence[ClipSpan]) -> list[str]:
        fixed = self.profile == "fixed"
        times = np.array([(w.start_s + w.end_s) / 2 if fixed else w.start_s for w in words])
        order = np.argsort(times, kind="stable")
        find = words_in_spans if fixed else published_words_in_spans
        found = find(times[order], [s.start_s for s in spans], [s.end_s for s in spans])
        return [" ".join(words[i].text for i in order[first:last].tolist()) for first, last in found.tolist()]


def _clip(video_id: str, one: _ClipSequence) -> Clip:
    start_s, end_s = one.spans[0].start_s, one.spans[-1].end_s
    return Clip(span_id(video_id, start_s, end_s), video_id, start_s, end_s, [Span(*span) for span in one.spans])


def _moments(clip: Clip, one: _ClipSequence) -> Iterator[Caption]:
    """A caption for each span, in order of time."""
    for number, (span, text) in enumerate(zip(one.spans, one.texts, strict=True)):
        yield Caption(
            f"{clip.clip_id}_{TEACHER}_{number:02d}", clip.video_id, clip.clip_id, TEACHER, "source", text, [],
            "transcript", "", language="und", start_s=span.start_s, end_s=span.end_s,
        )  # fmt: skip


def _whole(clip: Clip, one: _ClipSequence, moments: Sequence[Caption]) -> Iterator[Caption]:
    text = " ".join(text for text in one.texts if text)
    if text:
        parents = [moment.caption_id for moment in moments]
        yield Caption(
            f"{clip.clip_id}_{TEACHER}", clip.video_id, clip.clip_id, TEACHER, "merge", text, parents, "transcript", "",
            language="und",
        )  # fmt: skip


def _scores(clip: Clip, one: _ClipSequence, moments: Sequence[Caption]) -> Iterator[Score]:
    model = "drawn by chance"
    label = float(order_label(one.order))
    yield Score(f"{clip.clip_id}_{ORDER}", clip.video_id, clip.clip_id, None, ORDER, label, model)
    for number, caption in enumerate(moments):
        key, place = f"{caption.caption_id}_{PLACE}", float(one.order.index(number))
        yield Score(key, clip.video_id, clip.clip_id, caption.caption_id, PLACE, place, model)
