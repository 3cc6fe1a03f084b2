"""The chapters of videos, each a clip with its title as caption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.options import digest
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
from ..schemas import Caption, Clip, Col, Row, Span, Video
from ..schemas.ids import free_id, span_id
from .chaptering.descriptions import ChapterStart, fixed_chapters, published_chapters
from .chaptering.spans import ChapterRules, ChapterSpan, fixed_spans, published_spans, why_refused

SOURCES = ("description", "chapters", "generated")
_DRY_RUN = "fake"  # whose captions stay marked as such


class ChaptersInput(NamedTuple):
    """A video, and chapters that a model has written, if one has."""

    video: Video
    captions: list[Caption] = []


class _ChosenChapters(NamedTuple):
    """The list that is taken, where it is from, and the captions that a model's is made of; or why there is none."""

    spans: list[ChapterSpan]
    source: str
    made_of: list[Caption]
    reason: str = ""


@dataclass(frozen=True)
class Chapters(MultiOutput[ChaptersInput]):
    """Make a clip of each chapter of a video, with its title as caption, as VidChapters-7M does (arXiv:2309.13952).

    ``sources`` says where chapters are looked for, the best first: `description`, lines such as ``1:30 The engine``;
    `chapters`, those that the platform (yt-dlp's info) or the container names; `generated`, captions with times of the
    teacher ``teacher``, which ``captioners.actions`` writes with ``prompt: chapters``. The first list that the rules
    take counts. Captions have the name of its source as teacher, `generated` ones keep their own. A chapter lasts
    until the next, the last one until the end of the video. ``profile: published`` reads descriptions as the authors'
    code does, with its losses; ``fixed`` also knows ranges, clock times, titles that end in a sign, and times past the
    end of the video.

    A video leaves with ``no_chapters``, ``few_chapters``, ``bare_titles`` (of one sign each), ``not_from_zero`` or
    ``short_chapter``, of the best source that had any; and with ``no_length`` where nothing tells how long it is.
    """

    sources: Annotated[
        tuple[str, ...], Col("where chapters are looked for, the best first: `description`, `chapters`, `generated`")
    ] = ("description", "chapters")
    profile: Annotated[
        str, Col("descriptions as they should be read, or as published", choices=("fixed", "published"))
    ] = "fixed"
    least: Annotated[int, Col("fewest chapters of a video", low=1)] = 2
    min_s: Annotated[float, Col("shortest chapter; YouTube's own rule is 10", unit="s", low=0)] = 0.0
    from_zero: Annotated[bool, Col("the first chapter must begin at 0, as YouTube's own rule says")] = False
    teacher: Annotated[str, Col("whose captions with times are `generated` chapters")] = "chapters"

    cost: ClassVar[Cost] = "row"
    replaces_inputs = True

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for sources that are none."""
        unknown = [source for source in self.sources if source not in SOURCES]
        hint = f"write some of {', '.join(SOURCES)}"
        if unknown:
            raise UserError(f"builders.chapters.sources: there is no source {unknown[0]!r}", hint)
        if not self.sources or len(set(self.sources)) < len(self.sources):
            raise UserError("builders.chapters.sources names no source, or one twice", hint)

    def parts(self) -> Sequence[OutputTable]:
        """Clips and captions."""
        options = ("sources", "profile", "least", "min_s", "from_zero", "teacher")
        return OutputTable("clips", Clip, options), OutputTable("captions", Caption, options)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[ChaptersInput]]:
        """Nothing to load."""
        yield lambda rows, wanted: [self._answer(row, wanted) for row in rows]

    def _answer(self, row: ChaptersInput, wanted: frozenset[str]) -> dict[str, RowAnswer[Row]]:
        video_id, chosen = row.video.video_id, self._choose(row)
        if chosen.reason:
            drop = Drop(f"{video_id}_chapters", video_id, chosen.reason)
            return {part: [drop] if part == "clips" else [] for part in wanted}
        made: dict[str, list[Row | Drop]] = {"clips": [], "captions": []}
        used: set[str] = set()
        for span in chosen.spans:
            clip_id = free_id(span_id(video_id, span.start_s, span.end_s), used)
            used.add(clip_id)
            made["clips"].append(Clip(clip_id, video_id, span.start_s, span.end_s, [Span(span.start_s, span.end_s)]))
            made["captions"].append(_caption(video_id, clip_id, span, chosen))
        return {part: made[part] for part in wanted}

    def _choose(self, row: ChaptersInput) -> _ChosenChapters:
        duration_s = row.video.duration_s or 0.0
        if duration_s <= 0:
            return _ChosenChapters([], "", [], "no_length")
        rules, reason = ChapterRules(self.least, self.min_s, self.from_zero), ""
        written = [c for c in row.captions if c.teacher in (self.teacher, _DRY_RUN) and c.start_s is not None]
        for source in self.sources:
            spans = self._spans(source, row.video, written, duration_s)
            refused = why_refused(spans, rules)
            if not refused:
                return _ChosenChapters(spans, source, written if source == "generated" else [])
            reason = refused if reason in ("", "no_chapters") else reason
        return _ChosenChapters([], "", [], reason)

    def _spans(self, source: str, video: Video, written: Sequence[Caption], duration_s: float) -> list[ChapterSpan]:
        if source == "description":
            if self.profile == "published":
                return published_spans(published_chapters(video.description), duration_s)
            return fixed_spans(fixed_chapters(video.description), duration_s)
        if source == "chapters":
            return fixed_spans([ChapterStart(c.start_s, c.title) for c in video.chapters], duration_s)
        return fixed_spans([ChapterStart(c.start_s or 0.0, c.text) for c in written], duration_s)


def _caption(video_id: str, clip_id: str, span: ChapterSpan, chosen: _ChosenChapters) -> Caption:
    caption_id = f"{clip_id}_{chosen.source}_{digest(span.title)[:8]}"
    written = next((c for c in chosen.made_of if c.start_s == span.start_s), None)
    if written is not None:  # by a model: what is known of it stays
        return replace(written, caption_id=caption_id, clip_id=clip_id, text=span.title, start_s=None, end_s=None)
    return Caption(
        caption_id=caption_id, video_id=video_id, clip_id=clip_id, teacher=chosen.source, kind="source",
        text=span.title, parents=[], model="source", revision="", language="und",
    )  # fmt: skip
