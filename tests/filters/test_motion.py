"""Clips by the motion of their frames."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from cliploom.engine.contract.errors import RowError, UserError
from cliploom.filters.motion import Motion, MotionInput, mean_motion
from cliploom.schemas import Clip, Signals, Span

MEDIA = Path(__file__).parents[1] / "media"


def _signals(times: list[float], motion: list[float]) -> Signals:
    none = np.zeros(len(times), np.float32)
    values = np.asarray(motion, np.float32)
    return Signals("v", "v", np.asarray(times), none, none, none, none[:0], none, values, times[-1] + 0.04)


def _clip(start_s: float, end_s: float, *cuts: float) -> Clip:
    edges = [start_s, *cuts, end_s]
    return Clip("v_1", "v", start_s, end_s, [Span(a, b) for a, b in pairwise(edges)])


def test_the_first_frame_of_each_shot_is_left_out() -> None:
    signals = _signals([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0, 2, 4, 200, 6, 8, 100])
    assert mean_motion(_clip(0.0, 0.3), signals) == 3.0
    assert mean_motion(_clip(0.3, 0.6), signals) == 7.0
    assert mean_motion(_clip(0.0, 0.6, 0.3), signals) == 5.0


def test_times_need_not_be_exact() -> None:
    signals = _signals([0.0, 1 / 3, 2 / 3, 1.0], [0, 1, 2, 200])
    assert mean_motion(_clip(0.0, 1.0), signals) == 1.5
    assert mean_motion(_clip(0.333, 1.0), signals) == 2.0


@pytest.mark.parametrize(
    ("motion", "reason"), [(0.0, "too_still"), (0.49, "too_still"), (0.5, None), (20.0, None), (21.0, "too_shaky")]
)
def test_limits_are_inclusive(motion: float, reason: str | None) -> None:
    signals = _signals([0.0, 0.5], [0.0, motion])
    step = Motion(min_motion=0.5, max_motion=20.0)
    assert step.drop(MotionInput(_clip(0.0, 1.0), signals)) == reason


def test_without_an_upper_limit_any_motion_passes() -> None:
    assert Motion().drop(MotionInput(_clip(0.0, 1.0), _signals([0.0, 0.5], [0, 255]))) is None


def test_a_clip_without_frames_fails() -> None:
    with pytest.raises(RowError, match="no two frames") as caught:
        Motion().drop(MotionInput(_clip(5.0, 6.0), _signals([0.0, 0.5], [0, 1])))
    assert caught.value.kind == "no_frames"


def test_limits_that_let_nothing_pass_are_refused() -> None:
    with pytest.raises(UserError, match="more than max_motion"):
        Motion(min_motion=5, max_motion=1).check(())


def _measured(name: str, frames: int) -> Signals:
    """The motion of the first frames of a real film, as the scan measures it."""
    times, motion, before = [], [], None
    with av.open(str(MEDIA / name)) as file:
        for frame in islice(file.decode(video=0), frames):
            gray = frame.reformat(64, 36, "gray").to_ndarray().astype(np.float32)
            times.append(float(frame.time or 0.0))
            motion.append(0.0 if before is None else float(np.abs(gray - before).mean()))
            before = gray
    return _signals(times, motion)


def test_a_real_black_head_is_told_from_a_picture_that_moves() -> None:
    film, black = _measured("bbb_480p_20s.mp4", 96), _measured("sintel_trailer_270p.mp4", 12)
    assert Motion().drop(MotionInput(_clip(0.0, 4.0), film)) is None
    assert Motion().drop(MotionInput(_clip(0.0, 0.5), black)) == "too_still"
