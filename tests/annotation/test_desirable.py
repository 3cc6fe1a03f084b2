"""Labels of clips that are of little use, on made-up films and on real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import told
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cliploom.annotation.desirability.labels import (
    LABELS,
    ClipMeasures,
    LabelLimits,
    label,
    low_score,
    screen_in_screen,
    screen_recording,
    still_foreground,
    tiny_camera,
)
from cliploom.annotation.desirability.measures import change, inset, measure_cartoon, movement, quiet_share, still_share
from cliploom.annotation.desirable import Desirable, DesirableInput
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import Split, StepContext
from cliploom.schemas import Clip, Evidence, Frame, Score, Signals, Span
from cliploom.schemas.check import problem

Picture = NDArray[np.uint8]
PLAIN = ClipMeasures(0.2, 0.05, 0.9, 0.1, 2.0, 0.3, 0.3, 0.01, 0.1)


@cache
def still(seed: int = 0, size: tuple[int, int] = (1024, 576)) -> Picture:
    """A picture with shapes of every size, as photographs have."""
    rng = np.random.default_rng(seed)
    found = np.zeros((size[1], size[0], 3), np.float64)
    for scale in (4, 12, 36, 110):
        rough = rng.normal(size=(max(2, scale * size[1] // size[0]), scale, 3))
        found += np.asarray(cv2.resize(rough, size, interpolation=cv2.INTER_CUBIC), np.float64) * 90 / scale**0.5
    return np.clip(found + 120, 0, 255).astype(np.uint8)


def resized(picture: Picture, wide: int, high: int) -> Picture:
    return np.asarray(cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA), np.uint8)


def gray(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def shown_as(picture: Picture, way: float, zoom: float) -> Picture:
    """What a camera sees that has gone ``way`` widths to the right and ``zoom`` nearer; 512 x 288."""
    high, wide = picture.shape[:2]
    map_ = cv2.getRotationMatrix2D((wide / 2, high / 2), 0, 1.15 * (1 + zoom))
    map_[0, 2] -= way * wide
    return resized(np.asarray(cv2.warpAffine(picture, map_, (wide, high)), np.uint8), 512, 288)


def window(time_s: float) -> Picture:
    """Lines of text that are being typed, under a bar, beside a list."""
    found = np.full((288, 512, 3), 250, np.uint8)
    found[:20], found[20:, :90] = 60, 230
    for line in range(16):
        where = 36 + 15 * line
        cv2.putText(found, f"file_{line}.py", (6, where), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (80, 20, 20), 1)
        if line < 6 + 2 * time_s:
            cv2.putText(
                found, f"value_{line} = value({line})", (100, where), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (20, 20, 20), 1
            )
    return found


@cache
def film(name: str) -> Callable[[float], Picture]:
    """What a film shows at a time."""
    one, other = still(1), resized(still(2), 512, 288)

    def noisy(picture: Picture, time_s: float) -> Picture:
        noise = np.random.default_rng(round(time_s * 1000)).normal(0, 4, picture.shape)
        return np.clip(picture + noise, 0, 255).astype(np.uint8)

    def framed(time_s: float) -> Picture:
        found = other.copy()
        found[70:210, 180:430] = resized(still(round(time_s * 2) + 10, (256, 144)), 250, 140)
        return found

    return {
        "still": lambda t: noisy(other, t),
        "pan": lambda t: shown_as(one, 0.008 * t, 0),
        "zoom": lambda t: shown_as(one, 0, 0.015 * t),
        "swing": lambda t: shown_as(one, 0.08 * np.sin(t), 0),
        "inset": framed,
        "window": window,
        "moving": lambda t: resized(still(round(t * 2) + 50), 512, 288),
    }[name]


@cache
def shown(look: Callable[[float], Picture], seconds: float = 4.0) -> DesirableInput:
    """A clip of a film, with two stored frames a second and the signals of 24."""
    clip = told.clip("v", 10.0, 10.0 + seconds)
    frames = [_frame(10 + at, look(at)) for at in np.arange(0, seconds, 0.5).tolist()]
    times = np.arange(0, seconds + 20, 1 / 24)
    tiny = [_tiny(look(round(t * 24) / 24)) for t in np.arange(0, seconds, 1 / 24)]
    motion = np.full(len(times), 77, np.float32)
    first = int(np.searchsorted(times, 9.9995))
    motion[first + 1 : first + len(tiny)] = [np.abs(a - b).mean() for a, b in zip(tiny, tiny[1:], strict=False)]
    return DesirableInput(clip, frames, _signals(times, motion))


def _tiny(picture: Picture) -> NDArray[np.float32]:
    return np.asarray(resized(picture, 64, 36).mean(axis=2), np.float32)


def _frame(time_s: float, picture: Picture) -> Frame:
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    high, wide = picture.shape[:2]
    return Frame(f"v_{round(time_s * 1000):09d}", "v", time_s, jpeg, wide, high, "0" * 16, 100.0, 90.0)


def _signals(times: NDArray[np.float64], motion: NDArray[np.float32]) -> Signals:
    none = np.zeros(len(times), np.float32)
    return Signals("v", "v", times, none, none, none, none, none, motion, float(times[-1]))


def scores_of(row: DesirableInput, step: Desirable | None = None) -> dict[str, float]:
    with (step or Desirable()).open(StepContext(Path(), {})) as work:
        (answer,) = work([row])
    assert not isinstance(answer, RowError), answer
    assert all(isinstance(one, Score) and problem(one) is None for one in answer)
    assert {one.name for one in answer if isinstance(one, Score)} == set(Desirable.measures)
    return {one.name: one.value for one in answer if isinstance(one, Score)}


def failure(row: DesirableInput) -> RowError:
    with Desirable().open(StepContext(Path(), {})) as work:
        (answer,) = work([row])
    assert isinstance(answer, RowError)
    return answer


@pytest.mark.parametrize(
    "name, expected",
    [
        ("still", "1_still_foreground_image"), ("pan", "2_tiny_camera_movement"), ("zoom", "2_tiny_camera_movement"),
        ("swing", "desirable"), ("inset", "3_screen_in_screen"), ("window", "4_computer_screen_recording"),
        ("moving", "desirable"),
    ],
)  # fmt: skip
def test_made_up_films(name: str, expected: str) -> None:
    found = scores_of(shown(film(name)))
    assert LABELS[int(found["undesirable"])] == expected, found


@pytest.mark.parametrize(
    "file, start_s",
    [("bbb_480p_20s.mp4", 3.0), ("bbb_480p_20s.mp4", 10.0), ("nasa_13013.mp4", 1.0), ("obama_statement.mp4", 2.0)],
)  # fmt: skip
def test_real_films_are_desirable(file: str, start_s: float) -> None:
    times = tuple((start_s + np.arange(0, 4, 0.5)).tolist())
    frames = [
        Frame(f"v_{round(t * 1000):09d}", "v", t, jpeg, 512, 288, "0" * 16, 100.0, 90.0)
        for t, jpeg in zip(times, told.pictures(file, times, 512), strict=True)
    ]
    signals = _signals(np.arange(0, 20, 0.04), np.full(500, 2, np.float32))
    found = scores_of(DesirableInput(told.clip("v", start_s, start_s + 4), frames, signals))
    assert found["undesirable"] == 0, found


def test_the_best_score_of_its_captions_counts() -> None:
    row = shown(film("moving"))
    clip = row.clip
    about = [told.caption(clip, name, "One.") for name in ("a", "b")]
    row = row._replace(scores=[told.score(clip, "fit", v, c) for v, c in zip((0.1, 0.42), about, strict=True)])
    assert scores_of(row)["undesirable"] == 0
    assert scores_of(row, Desirable(score="fit"))["undesirable"] == 1
    assert scores_of(row, Desirable(score="fit", min_score=0.42))["undesirable"] == 0
    assert scores_of(row, Desirable(score="other"))["undesirable"] == 0


def test_a_screen_on_which_nothing_can_be_read_is_none() -> None:
    row = shown(film("window"))
    seen = Evidence("e", "v", row.clip.clip_id, [], [], [], 90.0, 0.1, [], [], [])
    assert scores_of(row._replace(evidence=[seen]))["undesirable"] != 5
    assert scores_of(row._replace(evidence=[replace(seen, texts=["file"])]))["undesirable"] == 5


def test_a_cut_is_no_motion() -> None:
    """Two stills one after the other are stills; told as one shot they are not."""
    pictures = [resized(still(seed), 512, 288) for seed in (1, 2)]
    row = shown(lambda t: pictures[t >= 2])
    parts = [Span(10.0, 12.0), Span(12.0, 14.0)]
    assert scores_of(row)["still_share"] < 0.5
    cut = scores_of(row._replace(clip=replace(row.clip, shots=parts)))
    assert (
        cut["still_share"] == 1 and cut["camera_motion"] == cut["unexplained_motion"] == 0 and cut["undesirable"] == 2
    )


def test_too_few_frames_and_broken_ones() -> None:
    row = shown(film("moving"), 1.0)
    assert failure(row._replace(frames=row.frames[:1])).kind == "few_frames"
    assert failure(row._replace(frames=[])).kind == "few_frames"
    alone = replace(row.clip, shots=[Span(10.0, 10.4), Span(10.4, 11.0)])
    assert failure(row._replace(clip=alone)).kind == "few_frames"
    for jpeg in (b"", b"no picture"):
        assert failure(row._replace(frames=[replace(row.frames[0], jpeg=jpeg), row.frames[1]])).kind == "bad_frame"


class _Measure(Split[Clip, Score]):
    """A step that measures something."""

    measures = ("clip_score",)


def test_a_score_that_nobody_makes_is_refused() -> None:
    Desirable().check([])
    Desirable(score="clip_score").check([_Measure()])
    with pytest.raises(UserError) as caught:
        Desirable(score="clip_scores").check([_Measure()])
    assert "did you mean clip_score?" in caught.value.hint


RULES: Sequence[tuple[Callable[[ClipMeasures, LabelLimits], bool], dict[str, Any]]] = [
    (low_score, {"score": 0.4299}),
    (still_foreground, {"still_share": 0.99}),
    (tiny_camera, {"camera_motion": 0.0199, "unexplained_motion": 0.4499}),
    (screen_in_screen, {"inset": 0.5, "inset_border": 12.0}),
    (screen_recording, {"flat_share": 0.6, "plain_share": 0.6, "edge_share": 0.015, "quiet_share": 0.4}),
]


@pytest.mark.parametrize("rule, just", RULES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_rule_at_its_limits(rule: Callable[[ClipMeasures, LabelLimits], bool], just: dict[str, Any]) -> None:
    assert not rule(PLAIN, LabelLimits())
    fits = replace(PLAIN, **just)
    assert rule(fits, LabelLimits())
    for name in just:  # each number counts
        assert not rule(replace(fits, **{name: getattr(PLAIN, name)}), LabelLimits()), name
    assert label(fits, LabelLimits()) == 1 + [each for each, _ in RULES].index(rule)


def test_limits_are_strict_where_the_authors_are() -> None:
    """Their 10M subset has scores above 0.43."""
    assert not low_score(replace(PLAIN, score=0.43), LabelLimits())
    assert not low_score(PLAIN, LabelLimits())
    assert not tiny_camera(replace(PLAIN, camera_motion=0.02, unexplained_motion=0.1), LabelLimits())
    assert not screen_recording(replace(PLAIN, **RULES[4][1], texts=0), LabelLimits())


def test_the_special_comes_before_the_general() -> None:
    everything = replace(PLAIN, **{name: value for _, just in RULES for name, value in just.items()})
    assert LABELS[label(everything, LabelLimits())].startswith("0_")
    assert LABELS[label(replace(everything, score=None), LabelLimits())].startswith("4_")
    assert LABELS[label(replace(everything, score=None, texts=0), LabelLimits())].startswith("3_")
    assert LABELS[label(PLAIN, LabelLimits())] == "desirable"


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.012, 0.012), st.floats(-0.012, 0.012))
def test_the_camera_is_measured_whatever_way_it_goes(across: float, zoom: float) -> None:
    """Half a second apart; a zoom of 1 moves a point on average by 0.29 widths of a 16:9 picture."""
    seen = [gray(shown_as(_ONE, across * i, zoom * i)) for i in (0, 1)]
    pictures = np.stack([resized(p, 128, 72) for p in seen]).astype(np.float32)
    found = movement(pictures, np.asarray([0.0, 0.5]), np.zeros(2, np.int64))
    y, x = np.mgrid[-0.28:0.28:20j, -0.5:0.5:30j]
    true = np.hypot(across * 1.0 + zoom * x, zoom * y).mean() / 0.5
    assert found.camera == pytest.approx(true, abs=0.006, rel=0.3)
    if true > 0.004:
        assert found.left < 0.5


_ONE = still(1)


def test_measures_of_plain_arrays() -> None:
    nothing = np.zeros((3, 72, 128), np.float32)
    shots = np.zeros(3, np.int64)
    assert still_share(change(nothing, shots)) == 1
    assert movement(nothing, np.arange(3.0), shots) == (0, 0)
    assert movement(nothing[:1], np.arange(1.0), shots[:1]) == (0, 0)
    assert inset(nothing[0], nothing[0]) == (0, 0)
    assert quiet_share(np.zeros(0, np.float32)) == 0
    assert quiet_share(np.asarray([0, 0.05, 0.2, 3], np.float32)) == 0.5
    corner = np.zeros((2, 72, 128), np.float32)
    corner[1, :10, :10] = 255
    assert still_share(change(corner, shots[:2])) == 1  # the corners may move
    corner[1, 20:40, 40:70] = 255
    assert still_share(change(corner, shots[:2])) < 0.99


def test_an_inset_needs_surroundings_and_borders() -> None:
    changed = np.zeros((72, 128), np.float32)
    changed[20:50, 40:90] = 30
    around = np.tile(np.linspace(0, 200, 128, dtype=np.float32), (72, 1))
    seen = around.copy()
    seen[20:50, 40:90] += 50
    assert inset(changed, seen).moving == 1 and inset(changed, seen).border == pytest.approx(50, abs=3)
    assert inset(changed, around).border < 3
    assert inset(changed, np.where(changed > 0, seen, 0)) == (0, 0)  # black bars
    large = np.full((72, 128), 30, np.float32)
    large[:2] = 0
    assert inset(large, around) == (0, 0)


def test_what_is_drawn() -> None:
    white = np.full((100, 200), 250, np.uint8)
    assert measure_cartoon(white) == (1, 1, 0)
    noise = np.random.default_rng(0).integers(0, 256, (100, 200), dtype=np.uint8)
    rough = measure_cartoon(noise)
    assert rough.flat < 0.01 and rough.plain < 0.1 and rough.edges > 0.9
    text = measure_cartoon(gray(window(2)))
    assert text.flat > 0.6 and text.plain > 0.6 and 0.02 < text.edges < 0.3
