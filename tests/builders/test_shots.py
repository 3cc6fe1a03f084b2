"""Shots from stored signals are those of PySceneDetect itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scenedetect
from hypothesis import given, settings
from hypothesis import strategies as st
from scenedetect import AdaptiveDetector, ContentDetector, FrameTimecode, ThresholdDetector
from scenedetect.detector import FlashFilter

from cliploom.builders.scan import Scan
from cliploom.builders.shots import Shots
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import StepContext
from cliploom.media.cuts import Timeline, content_cuts, frame_rate
from cliploom.schemas import Shot, Signals, Video
from cliploom.schemas.check import problem

FILMS = ("bbb_480p_20s.mp4", "synth_hard_cuts.mp4", "tears_of_steel_2s.webm", "nasa_13013.mp4")
Measure = Callable[[str], Signals]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """The signals of a film, measured once."""
    root, known = tmp_path_factory.mktemp("scan"), {}
    media = Path(__file__).parents[1] / "media"

    def measure(name: str) -> Signals:
        if name not in known:
            video = Video(video_id=name, uri=name, path=str(media / name), sha256="", size_bytes=0)
            with Scan(edges=True).open(StepContext(root, {})) as work:
                rows = work([video], frozenset(["signals"]))[0]["signals"]
            assert isinstance(rows, list) and isinstance(rows[0], Signals)
            known[name] = rows[0]
        return known[name]

    return measure


def shots_of(step: Shots, signals: Signals) -> list[Shot]:
    with step.open(StepContext(Path(), {})) as work:
        (answer,) = work([signals])
    assert isinstance(answer, list)
    assert all(problem(row) is None for row in answer)
    return answer


def cuts_of(step: Shots, signals: Signals) -> list[float]:
    """Times of the cuts after the first frame."""
    return [shot.start_s - float(signals.time_s[0]) for shot in shots_of(step, signals)[1:]]


CASES: list[tuple[Shots, Callable[[], Any]]] = [
    (Shots(), lambda: ContentDetector()),
    (Shots(threshold=12), lambda: ContentDetector(threshold=12)),
    (Shots(threshold=40), lambda: ContentDetector(threshold=40)),
    (Shots(threshold=12, min_len=40), lambda: ContentDetector(threshold=12, min_scene_len=40)),
    (Shots(min_len=0), lambda: ContentDetector(min_scene_len=0)),
    (Shots(threshold=15, min_shot_s=0.6), lambda: ContentDetector(threshold=15, min_scene_len=0.6)),
    (
        Shots(threshold=12, flash="suppress"),
        lambda: ContentDetector(threshold=12, filter_mode=FlashFilter.Mode.SUPPRESS),
    ),
    (Shots(luma_only=True), lambda: ContentDetector(luma_only=True)),
    (
        Shots(weights=(1.0, 0.5, 1.0, 0.2)),
        lambda: ContentDetector(weights=ContentDetector.Components(1.0, 0.5, 1.0, 0.2)),
    ),
    (Shots(detector="adaptive"), lambda: AdaptiveDetector()),
    (Shots(detector="adaptive", threshold=1.8), lambda: AdaptiveDetector(adaptive_threshold=1.8)),
    (
        Shots(detector="adaptive", window=4, min_content=8, min_len=5),
        lambda: AdaptiveDetector(window_width=4, min_content_val=8, min_scene_len=5),
    ),
    (Shots(detector="threshold"), lambda: ThresholdDetector()),
    (Shots(detector="threshold", threshold=60), lambda: ThresholdDetector(threshold=60)),
    (Shots(detector="threshold", threshold=60, fade_bias=1.0), lambda: ThresholdDetector(threshold=60, fade_bias=1.0)),
]


def their_cuts(path: Path, detectors: list[Any]) -> list[list[float]]:
    """What PySceneDetect's detectors say when its own reader and its own downscaling feed them, in one pass."""
    found: list[list[FrameTimecode]] = [[] for _ in detectors]
    video = scenedetect.open_video(str(path))
    factor = scenedetect.scene_manager.compute_downscale_factor(max(video.frame_size))
    while (picture := video.read()) is not False:
        if factor > 1:
            size = tuple(max(1, round(side / factor)) for side in (picture.shape[1], picture.shape[0]))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        for cuts, detector in zip(found, detectors, strict=True):
            cuts += detector.process_frame(video.position, picture)
    return [sorted({cut.seconds for cut in cuts} - {0.0}) for cuts in found]


@pytest.mark.parametrize("name", [name for name in FILMS if name != "nasa_13013.mp4"])
def test_every_detector_cuts_where_pyscenedetect_cuts(media: Path, measured: Measure, name: str) -> None:
    signals = measured(name)
    cases = CASES if name.startswith("synth") else CASES[::3]
    theirs = their_cuts(media / name, [make() for _, make in cases])
    for (step, _), expected in zip(cases, theirs, strict=True):
        assert cuts_of(step, signals) == pytest.approx(expected, abs=0.002), step


@pytest.mark.parametrize(
    ("step", "detector"),
    [
        (Shots(), ContentDetector()),
        (Shots(detector="adaptive"), AdaptiveDetector()),
        (Shots(detector="threshold"), ThresholdDetector()),
    ],
)
@pytest.mark.slow
def test_the_trailer_is_cut_as_detect_cuts_it(media: Path, measured: Measure, step: Shots, detector: Any) -> None:
    name = "sintel_trailer_270p.mp4"
    expected = scenedetect.detect(str(media / name), detector)
    shots = shots_of(step, measured(name))
    assert len(shots) > 5
    assert [shot.start_s for shot in shots] == pytest.approx([start.seconds for start, _ in expected], abs=0.002)
    assert [shot.end_s for shot in shots] == pytest.approx([end.seconds for _, end in expected], abs=0.002)


def test_hard_cuts_are_found_exactly(media: Path, measured: Measure) -> None:
    truth = json.loads((media / "synth_hard_cuts.gt.json").read_text())
    signals = measured("synth_hard_cuts.mp4")
    shots = shots_of(Shots(detector="adaptive", min_len=10), signals)
    assert [round(shot.start_s * truth["fps"]) for shot in shots[1:]] == truth["cuts"]
    assert min(shot.strength for shot in shots[1:]) > 3


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("detector", ["content", "adaptive", "threshold"])
def test_shots_tile_the_video(measured: Measure, name: str, detector: str) -> None:
    signals = measured(name)
    shots = shots_of(Shots(detector=detector), signals)
    assert shots[0].start_s == signals.time_s[0] and shots[-1].end_s == signals.end_s
    assert all(first.end_s == second.start_s for first, second in zip(shots, shots[1:], strict=False))
    assert all(shot.start_s in signals.time_s for shot in shots)
    assert [shot.detector for shot in shots] == ["start", *[detector] * (len(shots) - 1)]
    assert shots[0].strength == 0
    assert [shot.shot_id for shot in shots] == sorted({shot.shot_id for shot in shots})
    first = shots[0]
    assert first.shot_id == f"{name}_{round(first.start_s * 1000):09d}_{round(first.end_s * 1000):09d}"


def test_one_frame_is_one_shot(measured: Measure) -> None:
    signals = measured("made_one_frame.mp4")
    for detector in ("content", "adaptive", "threshold"):
        (shot,) = shots_of(Shots(detector=detector), signals)
        assert shot.start_s == 0.0 and shot.end_s == pytest.approx(0.04)


@settings(max_examples=150, deadline=None)
@given(
    above=st.lists(st.booleans(), min_size=1, max_size=120),
    length=st.integers(0, 12),
    merge=st.booleans(),
    seconds=st.booleans(),
)
def test_the_flash_filter_is_theirs(above: list[bool], length: int, merge: bool, seconds: bool) -> None:
    fps = 25.0
    mode = FlashFilter.Mode.MERGE if merge else FlashFilter.Mode.SUPPRESS
    theirs = FlashFilter(mode=mode, length=length / fps if seconds else length)
    expected = [cut.frame_num for i, a in enumerate(above) for cut in theirs.filter(FrameTimecode(i, fps), a)]
    time_s = np.arange(len(above)) / fps
    line = Timeline(time_s, len(above) / fps, length, length / fps if seconds else None)
    values = np.array(above, np.float64) * 50
    assert [cut.frame for cut in content_cuts(values, 27.0, line, merge)] == expected


def test_the_frame_rate_of_times() -> None:
    assert frame_rate(np.array([0.0]), 0.04) == pytest.approx(25)
    assert frame_rate(np.arange(100) / 30, 100 / 30) == pytest.approx(30)
    gap = np.concatenate([np.arange(50) / 30, 10 + np.arange(50) / 30])
    assert frame_rate(gap, 10 + 50 / 30) == pytest.approx(30), "one gap does not change the rate"
    milliseconds = np.round(np.arange(100) * 1001 / 30) / 1000
    assert frame_rate(milliseconds, 3.337) == pytest.approx(30 / 1.001, rel=1e-3)
    uneven = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.09, 200))
    assert frame_rate(uneven, float(uneven[-1]) + 0.05) == pytest.approx(20, rel=0.1)


def test_edges_need_to_be_measured(measured: Measure, media: Path, tmp_path: Path) -> None:
    name = "made_tiny_16x16.mp4"
    video = Video(video_id=name, uri=name, path=str(media / name), sha256="", size_bytes=0)
    with Scan().open(StepContext(tmp_path, {})) as work:
        rows = work([video], frozenset(["signals"]))[0]["signals"]
    assert isinstance(rows, list) and isinstance(rows[0], Signals)
    step = Shots(weights=(0.0, 0.0, 0.0, 1.0))
    with step.open(StepContext(tmp_path, {})) as shots:
        (answer,) = shots([rows[0]])
    assert isinstance(answer, RowError) and answer.kind == "no_edges"
    with pytest.raises(UserError, match="edges"):
        step.check([Scan()])
    step.check([Scan(edges=True)])
    assert len(shots_of(step, measured(name))) == 1


def test_weights_must_say_something() -> None:
    with pytest.raises(UserError, match="zero"):
        Shots(weights=(0.0, 0.0, 0.0, 0.0)).check([])
    Shots(luma_only=True, weights=(0.0, 0.0, 0.0, 0.0)).check([])
