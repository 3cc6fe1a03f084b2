"""Transcripts that are late, early, fast or slow, measured against made-up and real sound."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cliploom.builders.subtitle_drift import SubtitleDrift, SubtitleDriftInput
from cliploom.builders.subtitles.drift import STEP_S, activity, best_offset, measure_drift
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Segment, Sound, Span, Video, Word, problem

MEDIA = Path(__file__).parents[1] / "media"
RATE_HZ = 16_000


def talk(minutes: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of made-up speech, with pauses."""
    rng = np.random.default_rng(seed)
    lengths, pauses = rng.gamma(2.0, 1.0, 2000) + 0.3, rng.gamma(1.2, 1.2, 2000) + 0.2
    starts = np.cumsum(np.r_[0.0, (lengths + pauses)[:-1]]) + 3.0
    inside = starts + lengths < minutes * 60
    return starts[inside], (starts + lengths)[inside]


def test_activity_is_the_share_of_each_step() -> None:
    made = activity([0.5, 2.25, 2.5, math.nan], [1.0, 3.0, 9.0, 4.0], 4.0, 1.0)
    assert made.tolist() == [0.5, 0.0, 0.75, 1.0]
    assert activity([-5.0], [0.5], 2.0, 1.0).tolist() == [0.5, 0.0]
    assert activity([], [], 0.0).tolist() == [] and activity([], [], 1.0, 0.5).tolist() == [0, 0]


@pytest.mark.parametrize("late_s", [-7.4, -0.52, 0.0, 0.2, 12.0])
def test_an_offset_is_found(late_s: float) -> None:
    starts, ends = talk(5)
    found = measure_drift((starts, ends), (starts + late_s, ends + late_s), 300.0)
    assert found.rate == pytest.approx(1.0, abs=1e-4) and found.offset_s == pytest.approx(late_s, abs=0.05)
    assert found.after > 0.9 and found.mend(10.0 + late_s) == pytest.approx(10.0, abs=0.05)
    assert found.before <= found.after + 1e-9


@pytest.mark.parametrize("rate", [25 / 23.976, 24 / 25, 1.0012])
def test_drift_is_found(rate: float) -> None:
    starts, ends = talk(20)
    found = measure_drift((starts, ends), (starts * rate + 1.5, ends * rate + 1.5), 1200.0)
    assert found.rate == pytest.approx(rate, rel=2e-4)
    assert [found.mend(t * rate + 1.5) for t in (5.0, 1000.0)] == pytest.approx([5.0, 1000.0], abs=0.25)


def test_noise_and_missing_lines_do_not_matter() -> None:
    starts, ends = talk(10)
    rng = np.random.default_rng(1)
    some = rng.random(len(starts)) < 0.7
    late = rng.normal(2.0, 0.2, len(starts))
    found = measure_drift((starts, ends), ((starts + late)[some], (ends + late + 0.5)[some]), 600.0)
    assert found.offset_s == pytest.approx(2.1, abs=0.3) and found.after > 0.4


def test_nothing_agrees_with_nothing() -> None:
    starts, ends = talk(5)
    assert measure_drift(([], []), (starts, ends), 300.0)[2:] == (0.0, 0.0)
    other = measure_drift((starts, ends), talk(5, seed=9), 300.0)
    assert other.after < 0.3
    assert best_offset(np.zeros(0), np.zeros(0), 3.0) == (0.0, 0.0)
    assert best_offset(np.ones(10), np.ones(10), 3.0) == (0.0, 0.0)
    same = np.tile([1.0, 0.0], 50)
    assert best_offset(same, same, 2.0).offset_s == pytest.approx(0.0, abs=STEP_S)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sound of two films with speech, one after the other."""
    folder = tmp_path_factory.mktemp("build")
    samples = []
    for name in ("obama_statement.mp4", "nasa_13013.mp4"):
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        with av.open(str(MEDIA / name)) as container:
            for frame in container.decode(container.streams.audio[-1]):
                samples += [f.to_ndarray()[0] for f in resampler.resample(frame)]
        samples += [f.to_ndarray()[0] for f in resampler.resample(None)]
    whole = np.concatenate(samples)
    with av.open(str(folder / "said.flac"), "w") as out:
        stream = out.add_stream("flac", rate=RATE_HZ, layout="mono")
        for at in range(0, len(whole), 4096):
            frame = av.AudioFrame.from_ndarray(whole[None, at : at + 4096], format="s16", layout="mono")
            frame.rate, frame.pts = RATE_HZ, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return folder


def sound(build: Path) -> Sound:
    with av.open(str(build / "said.flac")) as file:
        length_s = float(file.duration or 0) / 1e6
    active = [Span(1.0, 2.5), Span(3.0, 5.5), Span(6.2, 8.0), Span(11.0, 12.0)]
    return Sound("v", "v", "said.flac", 0.0, length_s, -20.0, active)


def subtitles(spans: list[Span], late_s: float, source: str = "subtitle", language: str = "en") -> list[Segment]:
    return [
        Segment(f"v_{source}_{language}_{n}", "v", s.start_s + late_s, s.end_s + late_s, f"Line {n}.",
                [Word(s.start_s + late_s, s.end_s + late_s, f"Line{n}.")], language, source)
        for n, s in enumerate(spans)
    ]  # fmt: skip


def run(step: SubtitleDrift, build: Path, *segments: Segment, sounds: bool = True) -> dict[str, Any]:
    row = SubtitleDriftInput(Video("v", "v", "v", "", 1), list(segments), [sound(build)] if sounds else [])
    with step.open(StepContext(build, {"drifts": Path("d"), "segments": Path("s")})) as work:
        return work([row], frozenset({"drifts", "segments"}))[0]


def test_real_speech_says_how_late_its_subtitles_are(build: Path) -> None:
    heard = SubtitleDrift()._heard(sound(build), StepContext(build, {}))
    true = [Span(a, b) for a, b in zip(*heard, strict=True)]
    assert len(true) >= 3
    for late_s in (-1.4, 2.3):
        made = run(SubtitleDrift(mend=True, most_s=5.0), build, *subtitles(true, late_s))
        [drift] = made["drifts"]
        assert problem(drift) is None and (drift.state, drift.mended) == ("off", True)
        assert drift.offset_s == pytest.approx(late_s, abs=0.1) and drift.mended_agreement > 0.7
        starts = [s.start_s for s in made["segments"]]
        assert starts == pytest.approx([s.start_s for s in true], abs=0.1)
        assert [s.words[0].start_s for s in made["segments"]] == starts
        assert all(problem(s) is None for s in made["segments"])
        assert len({s.segment_id for s in made["segments"]}) == len(true)


def test_loudness_will_do_and_what_is_right_stays(build: Path) -> None:
    step = SubtitleDrift(mend=True, listen="loudness")
    right = subtitles(sound(build).active, 0.1)
    made = run(step, build, *right, *subtitles(sound(build).active, 4.0, language="de"))
    assert [(d.language, d.state) for d in made["drifts"]] == [("en", "in_time"), ("de", "off")]
    assert [s for s in made["segments"] if s.language == "en"] == right
    only_told = run(replace(step, mend=False), build, *subtitles(sound(build).active, 4.0))
    assert only_told["drifts"][0].state == "off" and not only_told["drifts"][0].mended
    assert [s.start_s for s in only_told["segments"]] == [s.start_s + 4.0 for s in sound(build).active]


def test_what_is_not_measured_is_handed_on(build: Path) -> None:
    heard = subtitles(sound(build).active, 9.0, "whisper")
    assert run(SubtitleDrift(mend=True), build, *heard) == {"drifts": [], "segments": heard}
    assert run(SubtitleDrift(mend=True), build, *subtitles([Span(1, 2)], 9.0), sounds=False)["drifts"] == []
    unsure = run(SubtitleDrift(mend=True, listen="loudness"), build, *subtitles([Span(0.0, 21.0)], 0.0))
    assert unsure["drifts"][0].state == "unsure" and unsure["segments"][0].start_s == 0.0


def test_a_lost_sound_fails_its_row(build: Path, tmp_path: Path) -> None:
    row = SubtitleDriftInput(Video("v", "v", "v", "", 1), subtitles([Span(1, 2)], 0.0), [sound(build)])
    with SubtitleDrift().open(StepContext(tmp_path, {"": Path("x")})) as work:
        [made] = work([row], frozenset({"drifts", "segments"}))
    assert all(isinstance(answer, RowError) and answer.kind == "unreadable" for answer in made.values())
