"""Plain measures: still shows, single scenes, borders, and how much of a clip is spoken."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cliploom.annotation.measures.signals import change_measures, covered_share, median
from cliploom.annotation.quality import Quality, QualityInput
from cliploom.builders.scan import Scan
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Clip, Evidence, Frame, Label, Score, Segment, Signals, Sound, Span, Video
from cliploom.testing import run_step

MEDIA = Path(__file__).parents[1] / "media"


def test_a_slideshow_has_jumps_after_still_frames() -> None:
    content, motion = np.array([90.0, 0, 0, 0, 40, 0, 0, 50, 60, 1]), np.array([9.0, 0, 0, 0, 30, 0, 0, 30, 30, 1])
    assert list(change_measures(content, motion)) == pytest.approx([60.0, 5 / 9, 2])
    assert change_measures(content[:1], motion[:1]) == (0.0, 1.0, 0)
    assert change_measures(content[:4], motion[:4]) == (0.0, 1.0, 0)


def test_covered_shares() -> None:
    assert covered_share([(0, 2), (1, 3), (9, 20)], 0, 10) == pytest.approx(0.4)
    assert covered_share([(-5, 50)], 0, 10) == 1.0 and covered_share([], 0, 10) == covered_share([(0, 1)], 3, 3) == 0.0
    assert median([3, 1, 9]) == 3 and median([]) == 0


def scores(row: QualityInput) -> dict[str, float]:
    [answer] = run_step(Quality(), [row])
    assert all(isinstance(one, Score) for one in answer)
    return {one.name: one.value for one in answer}


def test_what_was_stored_is_measured() -> None:
    clip = Clip("k", "v", 10.0, 20.0, [])
    boxed = np.pad(np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8), ((20, 20), (0, 0)))
    jpeg = bytes(cv2.imencode(".jpg", boxed)[1])
    frames = [Frame(f"f{n}", "v", n, jpeg, 80, 100, "0" * 16, float(n), 100.0 + n) for n in (9, 10, 11, 12, 20)]
    sound = Sound("v", "v", "v.flac", 0.0, 30.0, -20.0, [Span(8.0, 12.0), Span(19.0, 21.0)])
    said = [Segment("s", "v", 11.0, 16.0, "hello", [], "en", "subtitle")]
    heard = Evidence("k", "v", "k", [], [], [], 1.0, 1.0, [], [Label("Speech", 0.7)], [])
    found = scores(QualityInput(clip, frames, [], [sound], said, [heard]))
    assert found == {
        "brightness": 111.0, "sharpness": 11.0, "border_share": pytest.approx(0.4), "sound_share": pytest.approx(0.3),
        "speech_share": 0.5, "speech": 0.7, "music": 0.0,
    }  # fmt: skip
    assert scores(QualityInput(clip)) == {}
    image = scores(QualityInput(Clip("i", "v", 9.0, 9.0, []), frames, [], [sound], said))
    assert set(image) == {"brightness", "sharpness", "border_share"}


def test_a_real_film_with_cuts_is_no_single_scene(tmp_path: Path) -> None:
    name = "synth_hard_cuts.mp4"
    with Scan(sound=False).open(StepContext(tmp_path, {"signals": Path("s")})) as work:
        [answer] = work([Video("v", name, str(MEDIA / name), "", 0)], frozenset(["signals"]))
    signals = [row for row in answer["signals"] if isinstance(row, Signals)]  # type: ignore[union-attr]
    end_s = signals[0].end_s
    assert scores(QualityInput(Clip("k", "v", 0.0, end_s, []), signals=signals))["peak_change"] > 27
    cut = float(signals[0].time_s[int(np.argmax(signals[0].delta_lum))])
    inside = Clip("k", "v", cut, cut + 0.5, [])
    assert scores(QualityInput(inside, signals=signals))["peak_change"] < 27
