"""The clips and captions that came with the videos."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from ..engine.contract.errors import RowError
from ..engine.contract.options import digest
from ..engine.contract.step import Cost, Drop, MultiOutput, MultiOutputFunction, OutputTable, RowAnswer, StepContext
from ..schemas import Caption, Clip, Col, Row, Shot, Span, Video
from ..schemas.ids import span_id
from .sources.captions import SourceCaption, captions_of
from .sources.sidecars import LONGEST_CAPTION

TEACHER = "source"
_SAME_LENGTH_S = 1.0  # by which the length of a clip file may differ from that of its span in the longer video


class _CaptionGroup(NamedTuple):
    """The captions about one span of a video."""

    clip_id: str
    start_s: float
    end_s: float
    captions: list[SourceCaption]


@dataclass(frozen=True)
class SourceClips(MultiOutput[Video]):
    """Make the clips that the captions of a list, or of files beside the videos, are about; and those captions.

    Captions have the teacher and the kind `source`. Those without times make one clip of the whole video; those with
    times, as of ActivityNet, a clip for each span. Where all of a video's captions have one span, and the file is as
    long as that, it is the clip already, as for MSR-VTT. With ``give: shots`` the spans are shots instead, of which
    ``builders.clips`` makes clips with files and the same ids (``short: keep``, ``long: keep``). A span that begins
    after the declared end of the file leaves with ``past_end``, a text that is no caption by its length with
    ``too_long``. A video without captions has no clip; one whose container declares no length fails with
    ``no_length``. An image, with captions or without, and a text are one clip `[0, 0]`; so is the whole of a video that
    is only a link whose length nobody tells.
    """

    give: Annotated[
        str, Col("what the spans become: clips without files, or shots for builders.clips", choices=("clips", "shots"))
    ] = "clips"

    cost: ClassVar[Cost] = "row"
    replaces_inputs = True
    depends_on = ("metadata", "duration_s", "kind", "size_bytes")

    def parts(self) -> Sequence[OutputTable]:
        """Clips or shots, and captions."""
        spans = OutputTable("clips", Clip, ()) if self.give == "clips" else OutputTable("shots", Shot, ())
        return spans, OutputTable("captions", Caption, ())

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[Video]]:
        """Nothing to load."""
        yield lambda videos, wanted: [_answer(video, wanted) for video in videos]


def _answer(video: Video, wanted: frozenset[str]) -> dict[str, RowAnswer[Row]]:
    captions = captions_of(json.loads(video.metadata))
    if not captions and video.kind != "image":
        return {part: [] for part in wanted}
    if not video.duration_s and video.kind == "video" and video.size_bytes:
        return dict.fromkeys(wanted, RowError(f"{video.video_id}: its container declares no length", "no_length"))
    short = [caption for caption in captions if len(caption.text) <= LONGEST_CAPTION]
    length_s = video.duration_s or 0.0
    if video.kind == "video" and not length_s:  # a link: its captions alone tell of its length
        length_s = max((caption.end_s or 0.0 for caption in short), default=0.0)
    groups = _groups(video.video_id, length_s, short) if short or video.kind == "image" else []
    late = [group for group in groups if group.start_s >= length_s > 0]
    there = [group for group in groups if group.start_s < length_s or not length_s]
    gone = [
        Drop(one.clip_id, video.video_id, "past_end", f"{one.start_s:.3f} s; the file ends at {length_s:.3f} s")
        for one in late
    ]
    long = [
        Drop(
            f"{video.video_id}_{TEACHER}_{digest(c.text)[:8]}", video.video_id, "too_long", f"{len(c.text)} characters"
        )
        for c in captions
        if len(c.text) > LONGEST_CAPTION
    ]
    made: dict[str, RowAnswer[Row]] = {
        "clips": [*(_clip(video.video_id, one) for one in there), *gone],
        "shots": [*(Shot(g.clip_id, video.video_id, g.start_s, g.end_s, TEACHER, 0.0) for g in there), *gone],
        "captions": [*(caption for one in there for caption in _captions(video.video_id, one)), *long],
    }
    return {part: made[part] for part in wanted}


def _groups(video_id: str, duration_s: float, captions: Sequence[SourceCaption]) -> list[_CaptionGroup]:
    """The captions by their spans, in order of time; without any, the whole."""
    if not captions:
        return [_CaptionGroup(span_id(video_id, 0.0, duration_s), 0.0, duration_s, [])]
    spans = {(c.start_s, c.end_s) for c in captions}
    cut_already = len(spans) == 1 and _length(captions[0]) and abs(_length(captions[0]) - duration_s) <= _SAME_LENGTH_S
    found: dict[tuple[float, float], list[SourceCaption]] = {}
    for caption in captions:
        start_s, end_s = caption.start_s, caption.end_s
        whole = start_s is None or end_s is None or cut_already
        start_s, end_s = (0.0, duration_s) if whole else (start_s or 0.0, end_s or 0.0)
        span = round(start_s, 3), round(max(min(end_s, duration_s), start_s), 3)  # ids have milliseconds
        found.setdefault(span, []).append(caption)
    return [_CaptionGroup(span_id(video_id, s, e), s, e, found[s, e]) for s, e in sorted(found)]


def _length(caption: SourceCaption) -> float:
    return (caption.end_s or 0.0) - (caption.start_s or 0.0)


def _clip(video_id: str, group: _CaptionGroup) -> Clip:
    return Clip(group.clip_id, video_id, group.start_s, group.end_s, [Span(group.start_s, group.end_s)])


def _captions(video_id: str, group: _CaptionGroup) -> Iterator[Caption]:
    for number, caption in enumerate(group.captions):
        yield Caption(
            caption_id=f"{group.clip_id}_{TEACHER}_{number:04d}_{digest(caption.text)[:8]}", video_id=video_id,
            clip_id=group.clip_id, teacher=TEACHER, kind=TEACHER, text=caption.text, parents=[], model="source",
            revision="", language=caption.language,
        )  # fmt: skip
