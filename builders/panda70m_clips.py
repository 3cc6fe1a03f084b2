"""The clips that Panda-70M's csv tells of, with its captions and scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

from ..engine.contract.errors import RowError
from ..engine.contract.options import digest
from ..engine.contract.step import Cost, Drop, MultiOutput, MultiOutputFunction, OutputTable, RowAnswer, StepContext
from ..schemas import Caption, Clip, Col, Row, Score, Shot, Span, Video
from ..schemas.ids import span_id
from .sources.panda70m import LABELS, ClipLine, clip_lines

TEACHER = "panda70m"


class _CsvClip(NamedTuple):
    """A clip of the csv, under its id."""

    clip_id: str
    line: ClipLine


@dataclass(frozen=True)
class Panda70mClips(MultiOutput[Video]):
    """Make the clips that the csv of ``builders.panda70m`` lists, their captions and their scores.

    Captions have the teacher `panda70m`, their scores the name ``matching_score``. What ``desirable_filtering`` says
    is the clip's score ``undesirable``: 0 for `desirable`, otherwise the number of the label and one more. Clips have
    no files; with ``give: shots`` the spans are shots instead, of which ``builders.clips`` makes clips with files and
    the same ids (``short: keep``, ``long: keep``, ``cut: smart`` or ``encode``), without the shots that the csv tells
    of inside them. A clip that begins after the end that the local file declares leaves with ``past_end``. A video of
    another source fails with ``not_listed``.
    """

    give: Annotated[
        str, Col("what the spans become: clips without files, or shots for builders.clips", choices=("clips", "shots"))
    ] = "clips"

    version = 2
    cost: ClassVar[Cost] = "row"
    replaces_inputs = True
    measures = ("matching_score", "undesirable")
    depends_on = ("metadata", "duration_s")

    def parts(self) -> Sequence[OutputTable]:
        """Clips or shots, captions, scores."""
        spans = OutputTable("clips", Clip, ()) if self.give == "clips" else OutputTable("shots", Shot, ())
        return spans, OutputTable("captions", Caption, ()), OutputTable("scores", Score, ())

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[Video]]:
        """Nothing to load."""
        yield lambda videos, wanted: [_answer(video, wanted) for video in videos]


def _answer(video: Video, wanted: frozenset[str]) -> dict[str, RowAnswer[Row]]:
    try:
        lines = clip_lines(_lists(video), video.video_id)
    except RowError as error:
        return dict.fromkeys(wanted, error)
    told = [_CsvClip(span_id(video.video_id, c.start_s, c.end_s), c) for c in lines]
    end_s = video.duration_s
    there = [one for one in told if end_s is None or one.line.start_s < end_s]
    late = [
        Drop(one.clip_id, video.video_id, "past_end", f"the file ends at {end_s:.3f} s")
        for one in told
        if end_s is not None and one.line.start_s >= end_s
    ]
    made: dict[str, RowAnswer[Row]] = {
        "clips": [*(_clip(video.video_id, one) for one in there), *late],
        "shots": [*(_shot(video.video_id, one) for one in there), *late],
        "captions": [_caption(video.video_id, one) for one in there],
        "scores": [score for one in there for score in _scores(video.video_id, one)],
    }
    return {part: made[part] for part in wanted}


def _lists(video: Video) -> dict[str, list[Any]]:
    found = json.loads(video.metadata).get("panda70m")
    if not isinstance(found, dict):
        raise RowError(f"{video.video_id}: no csv lists its clips; its source is not builders.panda70m", "not_listed")
    return found


def _clip(video_id: str, told: _CsvClip) -> Clip:
    line = told.line
    shots = [Span(line.start_s + start_s, line.start_s + end_s) for start_s, end_s in line.shots]
    return Clip(told.clip_id, video_id, line.start_s, line.end_s, shots or [Span(line.start_s, line.end_s)])


def _shot(video_id: str, told: _CsvClip) -> Shot:
    return Shot(told.clip_id, video_id, told.line.start_s, told.line.end_s, TEACHER, 0.0)


def _caption(video_id: str, told: _CsvClip) -> Caption:
    return Caption(
        caption_id=_caption_id(told), video_id=video_id, clip_id=told.clip_id, teacher=TEACHER, kind="teacher",
        text=told.line.caption, parents=[], model="Panda-70M", revision="",
    )  # fmt: skip


def _caption_id(told: _CsvClip) -> str:
    return f"{told.clip_id}_{TEACHER}_{digest(told.line.caption)[:8]}"


def _scores(video_id: str, told: _CsvClip) -> Iterator[Score]:
    line, about = told.line, _caption_id(told)
    if line.score is not None:
        said = (video_id, told.clip_id, about, "matching_score", line.score, "Panda-70M")
        yield Score(f"{about}_matching_score", *said)
    if line.label:
        value = float(LABELS.index(line.label))
        yield Score(f"{told.clip_id}_undesirable", video_id, told.clip_id, None, "undesirable", value, "Panda-70M")
