"""Is a clip of use for learning to make videos?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from statistics import fmean
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import RowError, UserError, nearest
from ..engine.contract.step import BatchFunction, RowAnswer, Split, Step, StepContext, each_row
from ..schemas import Clip, Col, Evidence, Frame, Score, Signals
from ..schemas.ids import SAME_TIME_S
from .desirability.labels import ClipMeasures, LabelLimits, label
from .desirability.measures import (
    HEIGHT,
    WIDTH,
    Pictures,
    change,
    inset,
    measure_cartoon,
    movement,
    quiet_share,
    still_share,
)

_NAMES = tuple(field.name for field in fields(ClipMeasures) if field.name not in ("score", "texts"))
_LOOKED_AT = 4
"""Frames that tell whether the picture is drawn."""


class DesirableInput(NamedTuple):
    """A clip, its stored frames, its video's signals, and what else is known of it."""

    clip: Clip
    frames: list[Frame]
    signals: Signals
    evidence: list[Evidence] = []
    scores: list[Score] = []


@dataclass(frozen=True)
class Desirable(Split[DesirableInput, Score]):
    """Measure what Panda-70M's ``desirable_filtering`` tells apart, and label each clip with the score ``undesirable``.

    ``undesirable`` is 0 for a desirable clip; 1 for `0_low_desirable_score`, 2 for `1_still_foreground_image`, 3 for
    `2_tiny_camera_movement`, 4 for `3_screen_in_screen`, 5 for `4_computer_screen_recording`, so that
    ``filters.keep: {where: "undesirable = 0"}`` keeps the desirable ones. How the authors made these labels is not
    published: these rules and their limits are ours, and will not agree with theirs clip by clip. The measures are
    scores too: ``still_share`` (of the middle of the picture), ``camera_motion`` (widths of the picture per second),
    ``unexplained_motion`` (share that no camera explains), ``inset`` and ``inset_border``, ``flat_share``,
    ``plain_share``, ``edge_share`` and ``quiet_share``. Texts of ``captioners.evidence`` count where they are known. A
    clip of which no shot has two stored frames fails with ``few_frames``.
    """

    score: Annotated[
        str, Col("score of how well the caption fits, the best of the clip's captions counts; empty: not judged by it")
    ] = ""
    min_score: Annotated[float, Col("0_low_desirable_score: below this; 0.43 is Panda-70M's own model's")] = 0.43
    still: Annotated[
        float, Col("1_still_foreground_image: share of the picture's middle that is still", low=0, high=1)
    ] = 0.99
    camera: Annotated[
        float, Col("2_tiny_camera_movement: the camera moves less, in widths of the picture per second", low=0)
    ] = 0.02
    unexplained: Annotated[
        float, Col("2_tiny_camera_movement: less of all change is due to anything but the camera", low=0, high=1)
    ] = 0.45
    inset: Annotated[
        float, Col("3_screen_in_screen: share that moves in a rectangle, less that around it", low=0, high=1)
    ] = 0.5
    border: Annotated[float, Col("3_screen_in_screen: step of gray at the rectangle's borders", low=0, high=255)] = 12.0
    flat: Annotated[
        float, Col("4_computer_screen_recording: share of even areas, and of the three commonest grays", low=0, high=1)
    ] = 0.6
    edges: Annotated[float, Col("4_computer_screen_recording: share of sharp edges", low=0, high=1)] = 0.015
    quiet: Annotated[
        float, Col("4_computer_screen_recording: share of video frames that are as the one before", low=0, high=1)
    ] = 0.4

    batch = 8
    measures = (*_NAMES, "undesirable")

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a score that no earlier step makes."""
        measured = sorted({name for step in earlier for name in step.measures})
        if self.score and self.score not in measured:
            said = f"annotation.desirable judges by the score {self.score}, which no step before it makes"
            raise UserError(
                said, f"scores that there are: {', '.join(measured) or 'none'}{nearest(self.score, measured)}"
            )

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[DesirableInput, Score]]:
        """Yield the batch function."""
        import cv2

        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield each_row(lambda row: self._answer(row))
        finally:
            cv2.setNumThreads(before)

    def _answer(self, row: DesirableInput) -> RowAnswer[Score]:
        try:
            measured = self._measure(row)
        except RowError as error:
            return error
        limits = LabelLimits(
            self.min_score, self.still, self.camera, self.unexplained, self.inset, self.border, self.flat, self.edges,
            self.quiet,
        )  # fmt: skip
        values = {name: float(getattr(measured, name)) for name in _NAMES}
        values["undesirable"] = float(label(measured, limits))
        clip, made = row.clip, f"cliploom desirable {self.version}"
        return [Score(f"{clip.clip_id}_{n}", clip.video_id, clip.clip_id, None, n, v, made) for n, v in values.items()]

    def _measure(self, row: DesirableInput) -> ClipMeasures:
        clip, frames = row.clip, sorted(row.frames, key=lambda frame: frame.time_s)
        times_s = np.asarray([frame.time_s for frame in frames])
        shots = _shot_numbers(clip, times_s)
        if len(np.unique(shots)) == len(shots):
            said = f"{clip.clip_id}: no shot of it has two stored frames"
            raise RowError(f"{said}; take more with builders.scan's frames_per_s, or drop short clips", "few_frames")
        whole = [_gray(frame) for frame in frames]
        pictures = _small(whole)
        changed = change(pictures, shots)
        moved, inside = movement(pictures, times_s, shots), inset(changed, pictures.mean(axis=0))
        some = [measure_cartoon(one) for one in whole[:: -(-len(whole) // _LOOKED_AT)]]
        return ClipMeasures(
            still_share=still_share(changed),
            camera_motion=moved.camera,
            unexplained_motion=moved.left,
            inset=inside.moving,
            inset_border=inside.border,
            flat_share=fmean(one.flat for one in some),
            plain_share=fmean(one.plain for one in some),
            edge_share=fmean(one.edges for one in some),
            quiet_share=quiet_share(_motion(clip, row.signals)),
            score=max((score.value for score in row.scores if score.name == self.score), default=None),
            texts=len(row.evidence[0].texts) if row.evidence else None,
        )


def _gray(frame: Frame) -> NDArray[np.uint8]:
    """``(H, W)`` uint8."""
    import cv2

    picture = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE) if frame.jpeg else None
    if picture is None or min(picture.shape) < 2:
        raise RowError(f"the stored frame {frame.frame_id} is no picture: scan the video again", "bad_frame")
    return np.asarray(picture, np.uint8)


def _small(pictures: Sequence[NDArray[np.uint8]]) -> Pictures:
    """``(T, 72, 128)`` float32."""
    import cv2

    return np.stack([cv2.resize(one, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for one in pictures]).astype(
        np.float32
    )


def _shot_numbers(clip: Clip, times_s: NDArray[np.float64]) -> NDArray[Any]:
    starts = sorted(shot.start_s for shot in clip.shots)
    return np.searchsorted(np.asarray(starts) - SAME_TIME_S, times_s, side="right")


def _motion(clip: Clip, signals: Signals) -> NDArray[np.float32]:
    """The motion of its frames, without the first, which tells of the cut."""
    first, last = np.searchsorted(signals.time_s, np.asarray([clip.start_s, clip.end_s]) - SAME_TIME_S)
    return signals.motion[first + 1 : last]
