"""Shots to events: cuts that show one matter are joined, as Panda-70M was made."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, NamedTuple

import numpy as np

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import Drop, RowAnswer, Split, Step
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..schemas import Col, Embedding, Shot, Signals, Video
from ..schemas.ids import SAME_TIME_S, span_id
from .stitching import panda
from .stitching.clocks import ClockSpan, FrameClock, SecondClock

_SETS = {"dataset": panda.DATASET, "release": panda.RELEASE}


class StitchInput(NamedTuple):
    """A video's shots, and the vectors of its frames."""

    video: Video
    shots: list[Shot]
    embeddings: list[Embedding]
    signals: list[Signals] = []


@dataclass(frozen=True)
class Stitch(Split[StitchInput, Shot]):
    """Join shots that show one matter to events, and drop transitions, stills and repetitions, as Panda-70M does.

    Long shots are cut into pieces first. Of each piece two frames count: of the stored ones inside it, those nearest
    to 5 % and 95 % of its length. All is decided by Euclidean distances of their vectors; no video is opened. An event
    keeps the ``detector`` and ``strength`` of the shot that opens it, or `length` and 0 where a long shot was cut.
    Pieces leave with the reasons ``not_readable`` (no stored frame lies in it) and ``transition``, events with
    ``too_short``, ``still``, ``redundant`` (with an event of the same video), and ``not_readable`` where one stored
    frame is all there is of it. ``fixed`` reckons in the video's own times. ``published`` reckons in
    whole frames at the frame rate that the container declares, as the authors' code, and is wrong where it is wrong:
    times drift where the frame rate varies.

    Chen et al. 2024, "Panda-70M", section 3.1. The thresholds are for ImageBind-huge: those of other encoders must be
    found anew. A video fails with ``no_vectors``, ``which_encoder`` (several, and none is named), and, for
    ``published``, ``no_fps``.
    """

    profile: Annotated[
        str,
        Col("the video's own times, or frame numbers as the authors', faults included", choices=("fixed", "published")),
    ] = "fixed"
    parameters: Annotated[
        str,
        Col(
            "the numbers that the dataset was made with, or those of the released code", choices=("dataset", "release")
        ),
    ] = "dataset"
    encoder: Annotated[
        str, Col("whose vectors to read: `Embedding.model`, or its name without version; empty: the only one's")
    ] = ""
    cut_s: Annotated[float, Col("pieces that long shots are cut into", unit="s", low=0.1)] = panda.CUT_S
    slack_s: Annotated[float, Col("a shot longer than `cut_s` by more than this is cut", unit="s", low=0)] = (
        panda.SLACK_S
    )
    transition: Annotated[
        float | None, Col("a piece whose two frames are farther apart is dropped; else 1.0", low=0, high=2)
    ] = None
    join: Annotated[float | None, Col("pieces farther apart than this are not joined; else 0.6", low=0, high=2)] = None
    min_s: Annotated[float | None, Col("shortest event before trimming; else 2.5, release 2.0", unit="s", low=0)] = None
    max_s: Annotated[
        float | None, Col("longest event before trimming, cut off there; else 60, release 1200", unit="s", low=0.1)
    ] = None
    still: Annotated[
        float | None, Col("an event whose first and last frame are nearer is dropped; else 0.15", low=0, high=2)
    ] = None
    redundant: Annotated[
        float | None, Col("an event nearer than this to one before it is dropped; else 0.3, release 0", low=0, high=2)
    ] = None
    trim: Annotated[
        float | None,
        Col("share of its length that an event loses at either end; else 0.1, release 0", low=0, high=0.45),
    ] = None

    replaces_inputs = True
    memory_mb = 500
    batch = 4

    def check(self, earlier: Sequence[Step]) -> None:
        """Refuse lengths between which there is nothing."""
        rules = self.rules()
        if rules.min_s > rules.max_s:
            raise UserError(
                f"min_s ({rules.min_s:g}) is more than max_s ({rules.max_s:g})", "no event could be that long"
            )

    def rules(self) -> panda.StitchRules:
        """The set of numbers that is asked for, with those that were given in place of its own."""
        names = [field.name for field in fields(panda.StitchRules)]
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(_SETS[self.parameters], **given)

    def process(self, row: StitchInput) -> RowAnswer[Shot]:
        """The events that the shots make up."""
        if not row.shots:
            return []
        try:
            stored = _frame_vectors(row, self.encoder)
            return _Stitching(self, row, stored).answer()
        except RowError as error:
            return error


class _VideoFrames(NamedTuple):
    """The stored frames of one video that have a vector, in order of time."""

    times_s: list[float]
    vectors: panda.Vectors  # (N, D)


class _Stitching:
    """One video on its way through the rules."""

    def __init__(self, step: Stitch, row: StitchInput, stored: _VideoFrames) -> None:
        self.video_id, self.rules, self.stored = row.video.video_id, step.rules(), stored
        self.shots = sorted(row.shots, key=lambda shot: shot.start_s)
        lengths = (step.cut_s, step.slack_s)
        signals = row.signals[0] if row.signals else None
        self.clock: FrameClock | SecondClock = SecondClock(*lengths)
        if step.profile == "published":
            self.clock = FrameClock(*lengths, row.video, self.shots[0].start_s, signals)

    def answer(self) -> list[Shot | Drop]:
        """Events as shots, and drops for what is left out of them."""
        pieces = [piece for shot in self.shots for piece in self.clock.pieces(shot)]
        pairs = [self._frames(piece) for piece in pieces]
        readable = [(pair is not None,) * 2 for pair in pairs]
        vectors = self.stored.vectors[[pair or (0, 0) for pair in pairs]]
        why = panda.verify_cuts(vectors, readable, self.rules.transition)
        drops = [self._drop(piece, gone) for piece, gone in zip(pieces, why, strict=True) if gone is not None]
        kept = [at for at, gone in enumerate(why) if gone is None]
        return [*self._events([pieces[at] for at in kept], [pairs[at] or (0, 0) for at in kept]), *drops]

    def _frames(self, piece: ClockSpan) -> tuple[int, int] | None:
        """The stored frames nearest to the two places to look at; None where none lies in the piece."""
        times_s = self.stored.times_s
        low, high = (bisect_left(times_s, time_s - SAME_TIME_S) for time_s in (piece.start_s, piece.end_s))
        if low == high:
            return None
        first, last = (min(range(low, high), key=lambda at: abs(times_s[at] - place)) for place in piece.places_s)
        return first, last

    def _events(self, pieces: Sequence[ClockSpan], pairs: Sequence[tuple[int, int]]) -> Iterator[Shot | Drop]:
        if not pieces:
            return
        vectors = self.stored.vectors[list(pairs)]
        events = panda.stitch([(p.start, p.end) for p in pieces], vectors, self.rules.join)
        verdicts = panda.verify_events(events, vectors, self.rules, self.clock.fps)
        spans = [(self.clock.time_s(event.start), self.clock.time_s(event.end)) for event in events]
        for event, span, verdict in zip(events, spans, verdicts, strict=True):
            opening = pieces[event.cuts.start]
            if isinstance(verdict, panda.CutSpan):
                start_s, end_s = self.clock.time_s(verdict.start), self.clock.time_s(verdict.end)
                yield Shot(
                    span_id(self.video_id, start_s, end_s), self.video_id, start_s, end_s,
                    opening.detector, opening.strength,
                )  # fmt: skip
                continue
            alone = pairs[event.cuts.start][0] == pairs[event.cuts.stop - 1][1]
            gone = panda.Rejection("not_readable") if verdict.reason == "still" and alone else verdict
            like = "" if gone.like is None else f" from {span_id(self.video_id, *spans[gone.like])}"
            yield Drop(span_id(self.video_id, *span), self.video_id, gone.reason, _detail(gone, alone) + like)

    def _drop(self, piece: ClockSpan, gone: panda.Rejection) -> Drop:
        shot_id = span_id(self.video_id, piece.start_s, piece.end_s)
        return Drop(shot_id, self.video_id, gone.reason, _detail(gone, False))


def _detail(gone: panda.Rejection, alone: bool) -> str:
    if gone.reason == "not_readable":
        return "one stored frame is all there is of it" if alone else "no stored frame lies in it"
    return f"{gone.value:.3f} s long" if gone.reason == "too_short" else f"{gone.value:.4f} apart"


def _frame_vectors(row: StitchInput, encoder: str) -> _VideoFrames:
    """The vectors of one encoder, by the times that the frames' ids say.

    Raises:
        RowError: ``no_vectors``, or ``which_encoder``.
    """
    of_frames = {(e.model, e.frame_id): e for e in row.embeddings if e.frame_id is not None}
    try:
        wanted = choose_model((model for model, _ in of_frames), encoder, f"{row.video.video_id}: its frames")
    except VectorChoiceError as error:
        raise RowError(str(error), error.kind) from None
    chosen = sorted((_time_s(i), e.vector) for (model, i), e in of_frames.items() if model == wanted)
    return _VideoFrames([time_s for time_s, _ in chosen], np.stack([vector for _, vector in chosen]).astype(np.float32))


def _time_s(frame_id: str) -> float:
    return int(frame_id.rpartition("_")[2]) / 1000
