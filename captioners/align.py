"""Captions with rough times, moved to the seconds of the video that they fit best."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import RowError, UserError
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
    writes,
)
from ..schemas import Caption, Clip, Col, Embedding, Row, Score, Shot, Span, Video
from ..schemas.ids import span_id
from .alignment.windows import (
    LENGTH_S,
    SEARCH_S,
    CaptionSpans,
    align_captions,
    align_published,
    seconds_of_frames,
)


class AlignInput(NamedTuple):
    """A video, its captions, and the vectors of these and of the video's frames."""

    video: Video
    captions: list[Caption]
    embeddings: list[Embedding]


class _Encodings(NamedTuple):
    """What one encoder made of a video: vectors of its captions, ``(K, D)``, and of its frames."""

    texts: NDArray[Any]
    times_s: NDArray[np.float64]
    frames: NDArray[Any]


@dataclass(frozen=True)
class Align(MultiOutput[AlignInput]):
    """Move each caption to the ``length_s`` seconds of its video that it fits best, near where it says that it is.

    As HowToCaption (Shvetsova et al. 2023, arXiv:2310.04900): a vector a second, of the nearest stored frame
    (``builders.scan: {frames_per_s: 1}``); windows whose vector is the mean of theirs; of the windows at most
    ``search_s`` away the one with the largest product with the caption's. Several encoders' products add up: each that
    has vectors of the frames and of all captions counts. The spans become clips in place of those before, with their
    captions, and the sum is the score ``alignment`` of the caption. Captions that found one span share its clip.

    ``profile: fixed`` takes spans that lie in the video, all of one length. ``published`` takes those of the authors'
    code, which are shorter near the start and may end past the end; not its fault, by which captions after one past the
    end had the texts of others. Such captions leave with ``past_end``, those without a time with ``no_time``. Fails for
    a video with captions to place and no encoder for them (``no_vectors``).
    """

    length_s: Annotated[int, Col("length of a clip", unit="s", low=1)] = LENGTH_S
    search_s: Annotated[int, Col("how far a caption may move", unit="s", low=0)] = SEARCH_S
    profile: Annotated[str, Col("spans as they should be, or as published", choices=("fixed", "published"))] = "fixed"
    score: Annotated[str, Col("name of the score")] = "alignment"
    give: Annotated[
        str, Col("what the spans become: clips without files, or shots for builders.clips", choices=("clips", "shots"))
    ] = "clips"

    cost: ClassVar[Cost] = "cpu"
    batch = 4
    replaces_inputs = True
    measures: ClassVar[tuple[str, ...]] = ("alignment",)
    depends_on = ("video_id", "duration_s")

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", (self.score,))

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` where no step encodes captions, or no step frames, or a window has no middle."""
        if self.profile == "published" and self.length_s % 2:
            raise UserError("captioners.align: the published windows have an even length", "length_s: 8")
        if any(isinstance(step, Align) and step.score == self.score for step in earlier):
            raise UserError("captioners.align: the second round needs a score of another name", "score: alignment_2")
        makers = [step for step in earlier if writes(type(step)) is Embedding]
        if not makers:
            hint = "add captioners.frame_embeddings and captioners.text_embeddings, both with one encoder"
            raise UserError("captioners.align compares vectors, and no step before it makes them", hint)

    def parts(self) -> Sequence[OutputTable]:
        """Clips or shots, captions and scores."""
        options = ("length_s", "search_s", "profile")
        spans = OutputTable("clips", Clip, options) if self.give == "clips" else OutputTable("shots", Shot, options)
        scores = OutputTable("scores", Score, (*options, "score"))
        return spans, OutputTable("captions", Caption, (*options, "score")), scores

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[AlignInput]]:
        """Nothing to load."""
        yield lambda rows, wanted: [self._answer(row, wanted) for row in rows]

    def _answer(self, row: AlignInput, wanted: frozenset[str]) -> dict[str, RowAnswer[Row]]:
        timed = sorted((c for c in row.captions if c.start_s is not None), key=lambda c: c.caption_id)
        drops = [Drop(c.caption_id, c.video_id, "no_time") for c in row.captions if c.start_s is None]
        clips: dict[str, Clip] = {}
        captions: list[Caption | Drop] = [*drops]
        scores: list[Score] = []
        try:
            spans = self._align(row, timed) if timed else None
        except RowError as error:
            return dict.fromkeys(wanted, error)
        for number, caption in enumerate(timed):
            assert spans is not None
            start_s, end_s, value = (float(column[number]) for column in spans)
            if math.isnan(start_s):
                captions.append(Drop(caption.caption_id, caption.video_id, "past_end", f"{caption.start_s:.1f} s"))
                continue
            clip = self._span(caption.video_id, start_s, end_s)
            clips[clip.clip_id] = clip
            made = _moved(caption, clip.clip_id, self.score)
            captions.append(made)
            scores.append(self._score(made, value, _models(row.embeddings)))
        answers: dict[str, RowAnswer[Row]] = {
            "clips": list(clips.values()),
            "shots": list(map(_shot, clips.values())),
            "captions": captions,
            "scores": scores,
        }
        return {part: answers[part] for part in wanted}

    def _align(self, row: AlignInput, captions: Sequence[Caption]) -> CaptionSpans:
        found = _encodings(row.embeddings, captions)
        if not found:
            said = f"{row.video.video_id}: no encoder has vectors of its frames and of all its captions"
            raise RowError(f"{said}; give captioners.frame_embeddings and text_embeddings the same one", "no_vectors")
        last_s = max(float(one.times_s[-1]) for one in found)
        duration_s = row.video.duration_s or last_s + 1.0
        count = max(1, math.floor(duration_s))
        seconds = [seconds_of_frames(one.times_s, one.frames, count) for one in found]
        texts, times = [one.texts for one in found], [float(c.start_s or 0.0) for c in captions]
        if self.profile == "published":
            return align_published(texts, seconds, np.floor(times), self.length_s, self.search_s)
        return align_captions(texts, seconds, times, duration_s, self.length_s, self.search_s)

    def _span(self, video_id: str, start_s: float, end_s: float) -> Clip:
        start_s, end_s = round(start_s, 3), round(end_s, 3)  # ids have milliseconds
        return Clip(span_id(video_id, start_s, end_s), video_id, start_s, end_s, [Span(start_s, end_s)])

    def _score(self, caption: Caption, value: float, model: str) -> Score:
        key = f"{caption.caption_id}_{self.score}"
        return Score(key, caption.video_id, caption.clip_id, caption.caption_id, self.score, round(value, 5), model)


def _shot(clip: Clip) -> Shot:
    return Shot(clip.clip_id, clip.video_id, clip.start_s, clip.end_s, "alignment", 0.0)


def _moved(caption: Caption, clip_id: str, score: str) -> Caption:
    """The caption as one of the whole clip, with the one before as parent; another round gives it another id."""
    key = f"{clip_id}_{caption.teacher}_{digest(caption.caption_id, score)[:12]}"
    return replace(caption, caption_id=key, clip_id=clip_id, parents=[caption.caption_id], start_s=None, end_s=None)


def _models(embeddings: Sequence[Embedding]) -> str:
    return " + ".join(sorted({e.model for e in embeddings if e.caption_id is not None}))


def _encodings(embeddings: Sequence[Embedding], captions: Sequence[Caption]) -> list[_Encodings]:
    """By encoder, and by what refitted its texts, the vectors of all captions and of the frames."""
    frames: dict[str, dict[int, Embedding]] = defaultdict(dict)
    texts: dict[tuple[str, str], dict[str, Embedding]] = defaultdict(dict)
    for e in embeddings:
        if e.caption_id is not None:
            texts[e.model, e.embedding_id.removeprefix(f"{e.caption_id}_")][e.caption_id] = e
        elif e.frame_id is not None and e.clip_id is None:
            time_ms = e.frame_id.rpartition("_")[2]
            if not time_ms.isdecimal():
                raise RowError(f"the id of the frame {e.frame_id} does not end with its milliseconds", "bad_id")
            frames[e.model][int(time_ms)] = e
    made = []
    for (model, _), of_captions in sorted(texts.items()):
        if model not in frames or any(c.caption_id not in of_captions for c in captions):
            continue
        times = sorted(frames[model])
        made.append(
            _Encodings(
                np.stack([of_captions[c.caption_id].vector for c in captions]),
                np.array(times, np.float64) / 1000,
                np.stack([frames[model][t].vector for t in times]),
            )
        )
    return made
