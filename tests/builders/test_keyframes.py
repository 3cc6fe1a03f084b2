"""Key frames: the published rules against a plain reading of them, and the step on stored frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.builders.clips import Clips
from cliploom.builders.folder import Folder
from cliploom.builders.keyframes import Keyframes, KeyframesInput
from cliploom.builders.keyframing import sharegpt
from cliploom.builders.keyframing.sharegpt import KeyframeRules
from cliploom.builders.scan import Scan
from cliploom.builders.shots import Shots
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Cost, Drop, Map, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Clip, Embedding, Frame, Signals, Span, Video
from cliploom.schemas.check import problem

Vectors = np.ndarray[Any, np.dtype[np.float32]]


def drifting(frames: int, step: float, seed: int) -> Vectors:
    """Vectors that wander: near to the last ones, and in time to none."""
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.normal(0, step, (frames, 6)), axis=0)
    return np.asarray(walk + random.normal(0, 1, 6), np.float32)


def plain(features: Vectors, fps: float, rules: KeyframeRules, leading: int) -> list[tuple[int, float, int]]:
    """Number, told time and place of the key frames: a film is run frame by frame, as a player would."""
    rate = int(fps)
    interval = math.ceil(rate * rules.interval_s)
    shown = projected(len(features), rate, interval, rules.max_s, leading)
    if len(shown) <= math.ceil(rate * rules.min_s):
        return []
    chosen = [0]
    for number in range(1, len(shown)):
        a, b = features[shown[chosen[-1]]], features[shown[number]]
        a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
        if number % interval == 0 and np.float32((a * b).sum()) < np.float32(rules.threshold):
            chosen.append(number)
    if chosen == [0] or len(shown) - chosen[-1] >= interval:
        chosen.append(len(shown) - 1)
    return [(number, number / rate, shown[number]) for number in chosen]


def projected(frames: int, rate: int, interval: int, max_s: float, leading: int) -> list[int]:
    """The frames that are looked at: without the dark at the start, and not for ever."""
    film, shown = iter(range(frames)), list[int]()
    for frame in film:
        if len(shown) / rate > max_s:
            break
        passed = 1
        while not shown and frame < leading and passed < interval:
            following = next(film, None)
            if following is None:
                return []
            frame, passed = following, passed + 1
        shown.append(frame)
    return shown


@settings(max_examples=150, deadline=None)
@given(
    fps=st.sampled_from([1.0, 5.0, 7.5, 12.5, 23.976, 24.0, 25.0, 29.97]),
    seconds=st.floats(0, 40),
    rules=st.builds(
        KeyframeRules, st.sampled_from([2.0, 0.5, 1.5]), st.just(0.93), st.sampled_from([10.0, 1.0, 0.0]),
        st.sampled_from([120.0, 12.0, 7.3]),
    ),
    leading=st.integers(0, 80),
    step=st.sampled_from([0.0, 0.01, 0.05, 0.2]),
    seed=st.integers(0, 9999),
)  # fmt: skip
def test_published_is_what_a_plain_reading_gives(
    fps: float, seconds: float, rules: KeyframeRules, leading: int, step: float, seed: int
) -> None:
    features = drifting(round(seconds * fps), step, seed)
    leading = min(leading, len(features))
    found = sharegpt.paper_keyframes(features, fps, rules, leading)
    assert [(key.number, key.time_s, key.frame) for key in found] == plain(features, fps, rules, leading)


def test_published_tells_times_that_run_ahead() -> None:
    still = np.ones((600, 4), np.float32)
    assert [(k.number, round(k.time_s, 2)) for k in sharegpt.paper_keyframes(still, 29.97)] == [(0, 0.0), (599, 20.66)]
    every = sharegpt.paper_keyframes(np.eye(600, dtype=np.float32), 29.97)
    assert [key.number for key in every][:3] == [0, 58, 116]  # ceil(29 * 2), not 60


def test_published_is_strict_at_its_ends() -> None:
    def count(frames: int, **rules: float) -> int:
        return len(sharegpt.paper_keyframes(np.ones((frames, 2), np.float32), 10.0, KeyframeRules(**rules)))

    assert (count(100), count(101)) == (0, 2)  # more than ten seconds
    assert (
        sharegpt.paper_keyframes(np.ones((5000, 2), np.float32), 10.0)[-1].number == 1200
    )  # 120.0 s is not above 120 s
    tail = np.concatenate([np.tile([[1, 0]], (100, 1)), np.tile([[0, 1]], (20, 1))]).astype(np.float32)
    assert [k.number for k in sharegpt.paper_keyframes(tail, 10.0)] == [
        0,
        100,
        119,
    ]  # 20 frames are left, with the key frame
    assert [k.number for k in sharegpt.paper_keyframes(tail[:-1], 10.0)] == [0, 100]


def test_the_threshold_is_a_float32_and_strict() -> None:
    edge = np.float32(0.93)
    for cosine, is_unlike in ((edge, False), (np.nextafter(edge, np.float32(0)), True)):
        one, other = np.zeros(2, np.float32), np.array([0, 1], np.float32)
        one[:] = cosine, np.sqrt(1 - cosine**2)
        other[:] = 1, 0
        assert (sharegpt.cosine(one, other) < edge) == sharegpt.unlike(one, other, 0.93)
        assert is_unlike == bool(cosine < edge)
    assert sharegpt.cosine(np.zeros(3), np.ones(3)) == 0  # as PyTorch: no division by zero


def test_less_than_a_frame_a_second_is_refused() -> None:
    with pytest.raises(ValueError, match="less than one frame"):
        sharegpt.paper_keyframes(np.ones((20, 2), np.float32), 0.9)


def test_uniform_frames_at_the_start_shift_all_times() -> None:
    features = np.eye(200, dtype=np.float32)
    keys = sharegpt.paper_keyframes(features, 10.0, leading=7)
    assert (keys[0].number, keys[0].frame, keys[0].time_s) == (0, 7, 0.0)
    assert (keys[1].number, keys[1].frame, keys[1].time_s) == (20, 27, 2.0)
    assert sharegpt.paper_keyframes(features, 10.0, leading=50)[0].frame == 19  # an interval, less one frame
    assert (
        sharegpt.paper_keyframes(features[:19], 10.0, leading=19) == []
    )  # where the authors' code meets no frame at all


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 30), st.integers(11, 30), st.sampled_from([0.01, 0.05, 0.2]), st.integers(0, 99), st.integers(0, 9)
)
def test_at_a_whole_rate_fixed_and_published_agree(fps: int, seconds: int, step: float, seed: int, more: int) -> None:
    features = drifting(fps * seconds + more % fps, step, seed)
    times = np.arange(len(features)) / fps
    fixed = sharegpt.exact_keyframes(features, times, len(features) / fps)
    published = sharegpt.paper_keyframes(features, float(fps))
    assert [key.frame for key in fixed] == sorted({key.frame for key in published})
    assert [key.time_s for key in fixed] == pytest.approx(sorted({key.time_s for key in published}))


def test_fixed_keeps_the_true_times() -> None:
    times = np.sort(np.random.default_rng(1).uniform(5, 40, 300))
    for leading in (0, 4, 300):
        keys = sharegpt.exact_keyframes(drifting(300, 0.2, 2), times, 40.0, leading=leading)
        assert [key.time_s for key in keys] == times[[key.frame for key in keys]].tolist()
        assert len({key.frame for key in keys}) == len(keys) and keys[0].time_s - times[0] < 2
    assert (
        sharegpt.exact_keyframes(np.ones((20, 2), np.float32), np.arange(20) / 2, 10.0) == []
    )  # ten seconds are not more
    assert len(sharegpt.exact_keyframes(np.ones((20, 2), np.float32), np.arange(20) / 2, 10.01)) == 2
    assert [k.frame for k in sharegpt.exact_keyframes(np.ones((1, 2), np.float32), np.zeros(1), 12.0)] == [0]
    assert sharegpt.exact_keyframes(np.ones((400, 2), np.float32), np.arange(400) / 2, 200.0)[-1].time_s == 120.0


GRAY = cv2.imencode(".jpg", np.full((36, 64, 3), 16, np.uint8))[1].tobytes()
BLUE = cv2.imencode(".jpg", np.full((36, 64, 3), (200, 16, 16), np.uint8))[1].tobytes()


def frame(time_s: float, jpeg: bytes = b"", sharpness: float = 9.0) -> Frame:
    return Frame(f"v_{round(time_s * 1000):09d}", "v", time_s, jpeg, 64, 36, "0" * 16, sharpness, 100.0)


def clip(start_s: float, end_s: float) -> Clip:
    i = f"v_{round(start_s * 1000):09d}_{round(end_s * 1000):09d}"
    return Clip(i, "v", start_s, end_s, [Span(start_s, end_s)])


def embedding(of: Frame, place: float, model: str = "toy (1)") -> Embedding:
    vector = np.asarray([np.cos(place), np.sin(place)], np.float16)
    return Embedding(f"{of.frame_id}_{model}", "v", model, vector, frame_id=of.frame_id)


def keyframes(
    step: Keyframes, clips: Sequence[Clip], frames: Sequence[Frame], places: Sequence[float], fps: float = 25.0,
    signals: Sequence[Signals] = (),
) -> tuple[list[float], dict[str, str]] | RowError:  # fmt: skip
    """Times of the key frames, and the clips that have none."""
    vectors = [embedding(f, place) for f, place in zip(frames, places, strict=True)]
    of_clips = [Embedding(f"{c.clip_id}_toy", "v", "toy (1)", vectors[0].vector, c.clip_id) for c in clips]
    video = Video("v", "v.mp4", "/nowhere", "0", 1, fps=fps)
    with step.open(StepContext(Path(), {})) as work:
        (answer,) = work([KeyframesInput(video, list(clips), list(frames), [*vectors, *of_clips], list(signals))])
    if isinstance(answer, RowError):
        return answer
    rows = [row for row in answer if isinstance(row, Frame)]
    assert all(problem(row) is None and row in frames for row in rows)
    assert len({row.frame_id for row in rows}) == len(rows)
    return [row.time_s for row in rows], {d.id: d.reason for d in answer if isinstance(d, Drop)}


HALVES = [i / 2 for i in range(60)]


def test_each_clip_has_its_own_key_frames() -> None:
    frames = [frame(t) for t in HALVES]
    places = [0.0 if t < 8 else 1.0 for t in HALVES]
    found = keyframes(Keyframes(), [clip(0, 12), clip(12, 20), clip(20, 30.0), clip(16, 30.0)], frames, places)
    assert found == (
        [0.0, 8.0, 11.5, 16.0, 29.5],
        {"v_000012000_000020000": "too_short", "v_000020000_000030000": "too_short"},
    )
    assert keyframes(Keyframes(min_s=5), [clip(12, 20)], frames, places) == ([12.0, 19.5], {})
    assert keyframes(Keyframes(), [clip(31, 50)], frames, places) == ([], {"v_000031000_000050000": "no_frames"})


def test_gray_at_the_start_is_passed_over_and_blue_is_not() -> None:
    for jpeg, first_s in ((GRAY, 1.5), (BLUE, 0.0)):
        frames = [frame(t, jpeg, 0.0) if t < 1.5 else frame(t) for t in HALVES]
        for profile in ("fixed", "published"):
            found = keyframes(Keyframes(profile=profile), [clip(0, 20)], frames, [0.0] * 60)
            assert not isinstance(found, RowError) and found[0][0] == first_s, (profile, first_s)
    frames = [frame(t, GRAY, 0.0) for t in HALVES]
    assert keyframes(Keyframes(), [clip(0, 20)], frames, [0.0] * 60) == ([1.5, 19.5], {})


def test_published_counts_frames_at_a_rate_cut_down() -> None:
    times = [float(t) for t in np.arange(0, 60, 0.1)]
    frames = [frame(round(t, 3)) for t in times]
    turning = [t * 0.3 for t in times]  # 2 s are 0.6 rad: each candidate is a key frame
    found = keyframes(Keyframes(profile="published"), [clip(0, 59)], frames, turning, fps=29.97)
    assert not isinstance(found, RowError)
    assert found[0][:4] == [0.0, 1.9, 3.9, 5.8]  # frames 58, 116, 174 are shown at 1.935, 3.871 and 5.806 s
    shown = np.arange(0, 59 * 20) / 20  # the signals know better than the container's 29.97
    nothing = np.zeros(len(shown), np.float32)
    signals = Signals("v", "v", shown, nothing, nothing, nothing, nothing, nothing, nothing, 59.0)
    found = keyframes(Keyframes(profile="published"), [clip(0, 59)], frames, turning, 29.97, [signals])
    assert not isinstance(found, RowError) and found[0][:3] == [0.0, 2.9, 5.8]  # 58 frames at 20 a second
    fixed = keyframes(Keyframes(), [clip(0, 59)], frames, turning, fps=29.97)
    assert not isinstance(fixed, RowError) and fixed[0][:3] == [0.0, 2.0, 4.0]


def test_videos_that_cannot_be_judged_say_why() -> None:
    frames = [frame(t) for t in HALVES]
    for fps in (0.0, 0.5):
        error = keyframes(Keyframes(profile="published"), [clip(0, 20)], frames, [0.0] * 60, fps)
        assert isinstance(error, RowError) and error.kind == "no_fps"
    error = keyframes(Keyframes(encoder="clip"), [clip(0, 20)], frames, [0.0] * 60)
    assert isinstance(error, RowError) and error.kind == "no_vectors" and "toy (1)" in error.message
    two = [embedding(f, 0.0, m) for f in frames for m in ("toy (1)", "other (2)")]
    with Keyframes().open(StepContext(Path(), {})) as work:
        (answer,) = work([KeyframesInput(Video("v", "v", "v", "", 0), [clip(0, 20)], frames, two)])
    assert isinstance(answer, RowError) and answer.kind == "which_encoder"


@dataclass(frozen=True)
class _Toy(Map[Frame, Embedding]):
    """The picture's main colours as a vector."""

    cost: ClassVar[Cost] = "row"

    def make(self, row: Frame) -> Embedding:
        pixels = cv2.imdecode(np.frombuffer(row.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        small = cv2.resize(pixels, (4, 4), interpolation=cv2.INTER_AREA).astype(np.float32).ravel() + 1
        vector = (small / np.linalg.norm(small)).astype(np.float16)
        return Embedding(f"{row.frame_id}_toy", row.video_id, "toy (1)", vector, frame_id=row.frame_id)


def test_a_build_narrows_the_frames_and_opens_no_video(
    tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("sintel_trailer_270p.mp4", "nasa_13013.mp4", "tears_of_steel_2s.webm"):
        (tmp_path / "in" / name).symlink_to(media / name)
    before = (
        Folder(str(tmp_path / "in")), Scan(frame_px=64, sound=False), Shots(threshold=255),
        Clips(short="keep", max_s=120), _Toy(),
    )  # fmt: skip
    out = tmp_path / "out"
    run_build(Recipe("keys", before), out, RunOptions(workers=1))
    monkeypatch.setattr(av, "open", lambda *_, **__: pytest.fail("a video was opened"))
    run_build(Recipe("keys", (*before, Keyframes())), out, RunOptions(workers=1))
    stage = Build.read(out).funnel()[-1]
    assert (stage.failed, stage.parts, stage.reasons) == (0, 1, {"too_short": 1}) and stage.rows >= 10
    ours = "_step = 'builders.keyframes'"
    with Build.read(out).connect() as db:
        times = db.execute(
            f"SELECT time_s FROM frames WHERE {ours} AND video_id LIKE 'sintel%' ORDER BY time_s"
        ).fetchall()
        assert db.execute(f"SELECT count(*) FROM frames WHERE {ours} AND video_id LIKE 'tears%'").fetchall() == [(0,)]
    assert 0 < times[0][0] <= 2  # it begins with black
    assert times[-1][0] > 50 and all(b[0] - a[0] > 1.4 for a, b in zip(times, times[1:], strict=False))


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UserError, match="vectors of frames"):
        Keyframes().check([Scan()])
    with pytest.raises(UserError, match="min_s"):
        Keyframes(min_s=20, max_s=20).check([_Toy()])
