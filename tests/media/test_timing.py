"""Of every kind of file, a clip holds the frames of its recorded times, and the sound that belongs to them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numbered_films import CLICKS_S, COUNT, FRAME_S, NumberedFilm, Seen, read_clicks, read_frames, read_hum

from cliploom.builders.clips import Clips, ClipsInput
from cliploom.builders.scan import Scan
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Clip, Shot, Signals, Sound, Video

X264 = {"preset": "superfast", "x264-params": "bframes=3:keyint=25:scenecut=0"}
TICK = Fraction(1, 25)
HEVC = {"preset": "ultrafast", "x265-params": "log-level=0"}
OPEN_GOP = {"preset": "superfast", "x264-params": "bframes=3:b-adapt=0:open-gop=1:keyint=20:scenecut=0"}
WRAP_S = 2**33 / 90_000
HOURS_S = 3 * 3600 + 0.48


class Case(NamedTuple):
    """A kind of file, and the ways in which its clips are cut where copying is asked for."""

    name: str
    film: NumberedFilm
    smart: str = "encode"
    copy: str = "copy"


CASES = [
    Case("plain.mp4", NumberedFilm(options=X264), smart="smart"),
    Case("open-gop.mp4", NumberedFilm(options=OPEN_GOP)),
    Case("open-gop.ts", NumberedFilm(options=OPEN_GOP)),
    Case(
        "edit-list.mp4",  # the first 15 frames are there to be decoded, not to be shown
        NumberedFilm(options=X264, start_s=-0.6, container={"avoid_negative_ts": "disabled", "use_editlist": "1"}),
        smart="smart",
    ),
    Case("wraps.ts", NumberedFilm(options=X264, start_s=WRAP_S - 1.4), smart="smart"),
    Case("hours-in.ts", NumberedFilm(options=X264, start_s=HOURS_S), smart="smart"),
    Case("hours-in.mkv", NumberedFilm(options=X264, start_s=HOURS_S), smart="smart"),
    Case("10-bit.mp4", NumberedFilm(options=X264, pixel_format="yuv420p10le")),
    Case("hevc-10-bit.mp4", NumberedFilm("libx265", "yuv420p10le", HEVC)),
    Case("av1.mkv", NumberedFilm("libsvtav1", options={"preset": "12", "crf": "20"}, sound="libopus")),
    Case("vp9.webm", NumberedFilm("libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"}, sound="libopus")),
    Case(
        "mpeg2.vob", NumberedFilm("mpeg2video", options={"bf": "2"}, sound="mp2", tick=Fraction(1, 25)), copy="encode"
    ),
    Case("turned.mp4", NumberedFilm(options=X264, rotate=90), smart="smart"),
    Case("oblong.mp4", NumberedFilm(options=X264, aspect=Fraction(4, 3)), smart="smart"),
    Case("alpha.mov", NumberedFilm("qtrle", "argb"), copy="encode"),
    Case(
        "holes.mkv", NumberedFilm(options=X264, numbers=[n for n in range(COUNT) if n % 7 and not 30 < n < 44]), "smart"
    ),
    Case("inverted.mp4", NumberedFilm(options=X264, inverted=True), smart="smart"),
    Case("long-sound.mp4", NumberedFilm(options=X264, sound_s=34.0), smart="smart"),
]


class Scanned(NamedTuple):
    """What the scan says of a file."""

    signals: Signals
    sound: Sound
    flac: Path

    def shown(self, source: list[Seen]) -> list[Seen]:
        """The source's pictures at the times that were recorded for them."""
        assert len(source) == len(self.signals.time_s)
        return [seen._replace(time_s=float(t)) for seen, t in zip(source, self.signals.time_s, strict=True)]


def scan(path: Path, root: Path, **options: Any) -> Scanned:
    """Scan a file that has pictures and sound."""
    video, parts = Video("v", path.name, str(path), "0", 0), frozenset(("signals", "sound"))
    with Scan(**options).open(StepContext(root, {part: root / part for part in parts})) as work:
        (answers,) = work([video], parts)
    signals, sound = (_only(answers[part]) for part in ("signals", "sound"))
    assert isinstance(signals, Signals) and isinstance(sound, Sound)
    return Scanned(signals, sound, root / sound.file)


def _only(rows: Any) -> Any:
    assert not isinstance(rows, RowError), rows
    (row,) = rows
    return row


class Made(NamedTuple):
    """A case, its file, what the scan says of it, and its pictures as a plain decoder shows them."""

    case: Case
    path: Path
    scanned: Scanned
    source: list[Seen]

    @property
    def zero_s(self) -> float:
        """When the picture with the number 0 is or would be shown."""
        return self.source[0].time_s - self.source[0].number * FRAME_S


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A case and its file."""
    case, folder = request.param, tmp_path_factory.mktemp("films")
    path = case.film.write(folder / case.name)
    scanned = scan(path, folder)
    return Made(case, path, scanned, scanned.shown(read_frames(path)))


Run = Callable[..., Clip]


@pytest.fixture
def cut(tmp_path: Path) -> Run:
    """Cuts one clip out of a file."""

    def run(path: Path, start_s: float, end_s: float, **options: Any) -> Clip:
        rows = ClipsInput(Video("v", path.name, str(path), "0", 0), [Shot("v_0", "v", start_s, end_s, "content", 0.0)])
        given = {"min_s": 0.0, "max_s": 1000.0, "crf": 12, **options}
        with Clips(**given).open(StepContext(tmp_path, {"": Path("media/clips")})) as work:
            clip = _only(*work([rows]))
        assert isinstance(clip, Clip) and clip.file is not None
        return clip

    return run


@pytest.mark.parametrize("how", ["copy", "smart", "encode"])
def test_a_clip_has_the_frames_and_the_sound_of_its_times(made: Made, tmp_path: Path, cut: Run, how: str) -> None:
    case, path, _, source = made
    begin_s = source[0].time_s
    clip = cut(path, begin_s + 0.72, begin_s + 2.76, cut=how)
    assert clip.cut == {"copy": case.copy, "smart": case.smart, "encode": "encode"}[how]
    expected = [seen for seen in source if clip.start_s - 5e-4 <= seen.time_s < clip.end_s - 5e-4]
    found = read_frames(tmp_path / str(clip.file))
    assert [seen.number for seen in found] == [seen.number for seen in expected]
    first_s = expected[0].time_s
    assert np.allclose([f.time_s for f in found], [e.time_s - first_s for e in expected], atol=2e-3)
    if clip.cut == "copy":
        assert [seen.digest for seen in found] == [seen.digest for seen in expected]
    if clip.cut == "smart":
        assert sum(a.digest == b.digest for a, b in zip(found, expected, strict=True)) > 20
    if case.film.sound and not case.film.inverted:
        heard = [made.zero_s + t - first_s for t in CLICKS_S]
        inside = [t for t in heard if 0 < t < clip.end_s - first_s]
        assert inside and read_clicks(tmp_path / str(clip.file)) == pytest.approx(inside, abs=FRAME_S)


def test_the_scan_keeps_sound_and_pictures_together(made: Made) -> None:
    scanned, sound = made.scanned, made.scanned.sound
    assert not scanned.signals.damaged
    heard = [sound.start_s + t - made.zero_s for t in read_clicks(scanned.flac)]
    assert heard == pytest.approx([t for t in CLICKS_S if t > sound.start_s - made.zero_s], abs=FRAME_S)
    assert sound.duration_s + sound.start_s - made.zero_s == pytest.approx(made.case.film.sound_s, abs=0.1)


def test_where_a_clock_wraps_around_times_are_negative_and_kept(tmp_path: Path) -> None:
    film = NumberedFilm(options=X264, start_s=WRAP_S - 1.4).write(tmp_path / "film.ts")
    signals = scan(film, tmp_path).signals
    assert signals.time_s[0] == pytest.approx(-1.4, abs=1e-3)
    assert np.diff(signals.time_s) == pytest.approx(np.full(COUNT - 1, FRAME_S), abs=1e-4)


@pytest.mark.parametrize(("languages", "pitch_hz"), [((), 500), (("de", "fr"), 1000), (("de",), 500)])
def test_sound_is_chosen_by_language(tmp_path: Path, cut: Run, languages: tuple[str, ...], pitch_hz: float) -> None:
    film = NumberedFilm(options=X264, languages=("eng", "fre")).write(tmp_path / "film.mkv")
    scanned = scan(film, tmp_path, sound_languages=languages)
    assert read_hum(scanned.flac) == pytest.approx(pitch_hz, abs=5)
    assert scanned.sound.language == {500: "en", 1000: "fr"}[int(pitch_hz)]
    clip = cut(film, 0.4, 3.2, cut="smart", sound_languages=languages)
    assert read_hum(tmp_path / str(clip.file)) == pytest.approx(pitch_hz, abs=5)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_one_picture_under_long_sound(tmp_path: Path, cut: Run, suffix: str) -> None:
    film = NumberedFilm(options=X264, numbers=[0], sound_s=30.0).write(tmp_path / f"film.{suffix}")
    signals, sound, _ = scan(film, tmp_path)
    assert len(signals.time_s) == 1 and sound.duration_s == pytest.approx(30.0, abs=0.1)
    for how in ("copy", "smart", "encode"):
        clip = cut(film, float(signals.time_s[0]), signals.end_s, cut=how)
        (seen,) = read_frames(tmp_path / str(clip.file))
        assert seen.number == 0
        assert clip.audio_s == pytest.approx(clip.video_s, abs=FRAME_S)
