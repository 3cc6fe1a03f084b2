"""Plain measures of how a clip looks and sounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..engine.contract.step import BatchFunction, RowAnswer, Split, StepContext, each_row
from ..media.borders import border_share
from ..schemas import Clip, Evidence, Frame, Score, Segment, Signals, Sound
from ..schemas.ids import SAME_TIME_S
from .measures.signals import change_measures, covered_share, median

_FRAMES = ("brightness", "sharpness", "border_share")
_SIGNALS = ("peak_change", "static_share", "jumps")
_SOUNDS = ("sound_share", "speech_share", "speech", "music")


class QualityInput(NamedTuple):
    """A clip, and what was stored of its pictures and its sound."""

    clip: Clip
    frames: list[Frame] = []
    signals: list[Signals] = []
    sounds: list[Sound] = []
    segments: list[Segment] = []
    evidence: list[Evidence] = []


@dataclass(frozen=True)
class Quality(Split[QualityInput, Score]):
    """Measure how a clip looks and sounds, for ``filters.keep`` and ``filters.limits``; no model is asked.

    Of its stored frames the median: ``brightness`` (0..255), ``sharpness`` (variance of the Laplacian: blur is low) and
    ``border_share`` (plain borders, as of letterboxes, 0..1). Of its signals: ``peak_change``, the largest change from
    frame to frame inside the clip as PySceneDetect's content detector counts it (one scene is below 27, or the
    detector's own threshold), ``static_share`` (share of frames without motion) and ``jumps`` (sudden pictures after
    still ones: a slideshow has them). ``sound_share`` is the share of it that is louder than the noise,
    ``speech_share`` the share that its transcript covers, ``speech`` and ``music`` how sure ``captioners.evidence`` is
    to hear them. What was not stored is not measured.
    """

    memory_mb = 400
    measures = (*_FRAMES, *_SIGNALS, *_SOUNDS)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[QualityInput, Score]]:
        """Yield the batch function."""
        yield each_row(lambda row: self._answer(row))

    def _answer(self, row: QualityInput) -> RowAnswer[Score]:
        clip, made = row.clip, f"cliploom quality {self.version}"
        values = {**_of_frames(row), **_of_signals(row), **_of_sound(row)}
        return [Score(f"{clip.clip_id}_{n}", clip.video_id, clip.clip_id, None, n, v, made) for n, v in values.items()]


def _of_frames(row: QualityInput) -> dict[str, float]:
    inside = [frame for frame in row.frames if row.clip.holds(frame.time_s)]
    if not inside:
        return {}
    borders = [_borders(frame.jpeg) for frame in inside if frame.jpeg]
    measured = (
        median([frame.brightness for frame in inside]), median([frame.sharpness for frame in inside]), median(borders),
    )  # fmt: skip
    return dict(zip(_FRAMES, measured, strict=True))


def _of_signals(row: QualityInput) -> dict[str, float]:
    if not row.signals or not row.clip.seconds:
        return {}
    held = row.signals[0]
    low, high = np.searchsorted(held.time_s, np.array([row.clip.start_s, row.clip.end_s]) - SAME_TIME_S)
    part = slice(low, high)
    content = (held.delta_hue[part] + held.delta_sat[part] + held.delta_lum[part]) / 3
    found = change_measures(content, held.motion[part])
    return dict(zip(_SIGNALS, map(float, found), strict=True)) if high > low else {}


def _of_sound(row: QualityInput) -> dict[str, float]:
    clip, found = row.clip, dict[str, float]()
    if row.sounds and clip.seconds:
        active = [(span.start_s, span.end_s) for span in row.sounds[0].active]
        found["sound_share"] = covered_share(active, clip.start_s, clip.end_s)
    if row.segments and clip.seconds:
        spoken = [(segment.start_s, segment.end_s) for segment in row.segments]
        found["speech_share"] = covered_share(spoken, clip.start_s, clip.end_s)
    if row.evidence:
        heard = {label.name.lower(): label.score for label in row.evidence[0].sounds}
        found |= {name: heard.get(name, 0.0) for name in ("speech", "music")}
    return found


def _borders(jpeg: bytes) -> float:
    import cv2

    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    return 0.0 if picture is None else border_share(np.asarray(picture, np.uint8))
