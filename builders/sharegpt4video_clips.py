"""The clips and captions that ShareGPT4Video's jsonl tells of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ..engine.contract.errors import RowError
from ..engine.contract.options import digest
from ..engine.contract.step import Cost, MultiOutput, MultiOutputFunction, OutputTable, RowAnswer, StepContext
from ..schemas import Caption, Clip, Col, Row, Shot, Span, Video
from ..schemas.ids import span_id
from .sources.sharegpt import VideoRecord, read_captions

TEACHER = "sharegpt4video"


@dataclass(frozen=True)
class Sharegpt4videoClips(MultiOutput[Video]):
    """Make one clip of each video that ``builders.sharegpt4video`` took, and the captions that its line tells.

    Captions have the teacher `sharegpt4video`. That of the whole video (`idx` -1) is of the kind `teacher`, with the
    others as parents; those are of the kind `differential`, with the spans that the line's ``timestamps`` tell: from
    one to the next, without any where there is not one for each. With ``give: shots`` the whole video is a shot
    instead, of which ``builders.clips`` makes a clip with a file and the same id (``short: keep``, ``long: keep``). A
    video of another source fails with ``not_listed``, one whose container declares no length with ``no_length``.
    """

    give: Annotated[
        str,
        Col("what the video becomes: a clip without a file, or a shot for builders.clips", choices=("clips", "shots")),
    ] = "clips"

    version = 2
    cost: ClassVar[Cost] = "row"
    replaces_inputs = True
    depends_on = ("metadata", "duration_s")

    def parts(self) -> Sequence[OutputTable]:
        """Clips or shots, and captions."""
        spans = OutputTable("clips", Clip, ()) if self.give == "clips" else OutputTable("shots", Shot, ())
        return spans, OutputTable("captions", Caption, ())

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[Video]]:
        """Nothing to load."""
        yield lambda videos, wanted: [_answer(video, wanted) for video in videos]


def _answer(video: Video, wanted: frozenset[str]) -> dict[str, RowAnswer[Row]]:
    try:
        if not video.duration_s:
            raise RowError(f"{video.video_id}: its container declares no length", "no_length")
        said = _read_record(video)
    except RowError as error:
        return dict.fromkeys(wanted, error)
    end_s = video.duration_s
    clip_id = span_id(video.video_id, 0, end_s)
    made: dict[str, RowAnswer[Row]] = {
        "clips": [Clip(clip_id, video.video_id, 0.0, end_s, [Span(0.0, end_s)])],
        "shots": [Shot(clip_id, video.video_id, 0.0, end_s, TEACHER, 0.0)],
        "captions": list(_captions(video.video_id, clip_id, said)),
    }
    return {part: made[part] for part in wanted}


def _read_record(video: Video) -> VideoRecord:
    found = json.loads(video.metadata).get("sharegpt4video")
    if not isinstance(found, dict):
        raise RowError(
            f"{video.video_id}: no jsonl tells of it; its source is not builders.sharegpt4video", "not_listed"
        )
    return read_captions(found, video.video_id)


def _captions(video_id: str, clip_id: str, said: VideoRecord) -> Iterator[Caption]:
    parents: list[str] = []
    for moment in said.moments:
        caption_id = f"{clip_id}_{TEACHER}_{moment.number:04d}_{digest(moment.text)[:8]}"
        yield Caption(
            caption_id=caption_id, video_id=video_id, clip_id=clip_id, teacher=TEACHER, kind="differential",
            text=moment.text, parents=parents[-1:], model="ShareGPT4Video", revision="",
            start_s=moment.start_s, end_s=moment.end_s,
        )  # fmt: skip
        parents.append(caption_id)
    if said.caption:
        yield Caption(
            caption_id=f"{clip_id}_{TEACHER}_{digest(said.caption)[:8]}", video_id=video_id, clip_id=clip_id,
            teacher=TEACHER, kind="teacher", text=said.caption, parents=parents, model="ShareGPT4Video", revision="",
        )  # fmt: skip
