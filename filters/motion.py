"""Clips in which something moves, and not everything at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, NamedTuple

import numpy as np

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import Filter, Step
from ..schemas import Clip, Col, Signals
from ..schemas.ids import SAME_TIME_S


class MotionInput(NamedTuple):
    """A clip and the measures of its video."""

    clip: Clip
    signals: Signals


@dataclass(frozen=True)
class Motion(Filter[MotionInput]):
    """Keep clips whose mean motion, 0..255, lies within limits.

    The motion of a frame is its difference to the frame before (``Signals.motion``), so the first frame of each
    shot tells of the cut and is left out. Reasons: ``too_still``, ``too_shaky``. Raises ``RowError`` for a clip
    that holds no two frames of one shot.
    """

    min_motion: Annotated[float, Col("least mean change of a frame's gray values", low=0, high=255)] = 0.5
    max_motion: Annotated[float | None, Col("most mean change; null for no limit", low=0, high=255)] = None

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` where nothing could stay."""
        if self.max_motion is not None and self.min_motion > self.max_motion:
            said = f"min_motion is {self.min_motion:g}, more than max_motion, {self.max_motion:g}"
            raise UserError(f"filters.motion: {said}")

    def drop(self, row: MotionInput) -> str | None:
        """Its mean motion against the limits."""
        motion = mean_motion(row.clip, row.signals)
        if motion < self.min_motion:
            return "too_still"
        return "too_shaky" if self.max_motion is not None and motion > self.max_motion else None


def mean_motion(clip: Clip, signals: Signals) -> float:
    """The mean of ``signals.motion`` over a clip's frames, without the first of each shot, 0..255; 0 for an image."""
    if not clip.seconds:
        return 0.0
    starts = [clip.start_s, *(s.start_s for s in clip.shots if clip.start_s < s.start_s < clip.end_s)]
    edges = np.searchsorted(signals.time_s, np.asarray([*sorted(starts), clip.end_s]) - SAME_TIME_S)
    spans = [signals.motion[first + 1 : last] for first, last in pairwise(edges)]
    frames = np.concatenate(spans)
    if not frames.size:
        raise RowError(f"{clip.clip_id}: no two frames of one shot lie in the clip", "no_frames")
    return float(frames.mean(dtype=np.float64))
