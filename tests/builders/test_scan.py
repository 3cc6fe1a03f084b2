"""The decode pass, on real and on damaged media."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
import scenedetect
from numpy.typing import NDArray
from odd_films import comb, interlaced, joined, recording, transparent

from cliploom.builders.scan import Scan
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.step import StepContext
from cliploom.media.clock import Clock, SoundShift
from cliploom.media.decode import StreamObservers, decode_all
from cliploom.media.pictures import BgrConverter, FrameShrinker, small_size
from cliploom.media.sound import RATE, loudness
from cliploom.schemas import Frame, Signals, Sound, Video
from cliploom.schemas.check import problem

PARTS = frozenset(("signals", "frames", "sound"))
Scanner = Callable[..., dict[str, Any]]


@pytest.fixture
def scanned(tmp_path: Path) -> Scanner:
    """Scans one file and checks every row against its schema."""

    def run(path: Path, wanted: frozenset[str] = PARTS, **options: Any) -> dict[str, Any]:
        video = Video(video_id=path.stem, uri=path.name, path=str(path), sha256="0", size_bytes=path.stat().st_size)
        site = StepContext(tmp_path, {part: tmp_path / "media" / part for part in PARTS})
        with Scan(**options).open(site) as work:
            (answers,) = work([video], wanted)
        assert set(answers) == wanted
        for rows in answers.values():
            for row in rows if isinstance(rows, list) else []:
                assert problem(row) is None
        return answers

    return run


def only(rows: Any) -> Any:
    assert isinstance(rows, list) and len(rows) == 1, rows
    return rows[0]


def decoded(frame: Frame) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def write_video(path: Path, pictures: list[NDArray[np.uint8]], codec: str = "libx264", **options: Any) -> Path:
    """A film of RGB pictures at 10 frames a second; ``pts`` gives other times, in tenths of a second."""
    pts, rotate = options.pop("pts", None), options.pop("rotate", 0)
    options.setdefault("pix_fmt", "yuv420p")
    with av.open(str(path), "w") as output:
        height, width = pictures[0].shape[:2]
        stream = output.add_stream(codec, rate=10, width=width, height=height, **options)
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.time_base = Fraction(1, 10)
        if rotate:
            stream.set_display_rotation(rotate)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (pts[number] if pts else number), Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def plain(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


# ---------------------------------------------------------------- signals


@pytest.mark.parametrize("name", ["tears_of_steel_2s.webm", "obama_statement.mp4", "made_odd_size_321x181_444.mp4"])
def test_signals_are_pyscenedetects_own_numbers(media: Path, scanned: Scanner, name: str) -> None:
    signals: Signals = only(scanned(media / name, frozenset(["signals"]), edges=True)["signals"])
    stats = scenedetect.StatsManager()
    manager = scenedetect.SceneManager(stats)
    manager.add_detector(scenedetect.ContentDetector())
    manager.add_detector(scenedetect.ThresholdDetector())
    video = scenedetect.open_video(str(media / name))
    manager.detect_scenes(video)
    theirs = [stats._frame_metrics[key] for key in sorted(stats._frame_metrics, key=lambda key: key.seconds)]
    assert len(theirs) == len(signals.time_s)
    for column, key in (
        (signals.delta_hue, "delta_hue"),
        (signals.delta_sat, "delta_sat"),
        (signals.delta_lum, "delta_lum"),
        (signals.delta_edges, "delta_edges"),
    ):
        assert column[0] == 0
        np.testing.assert_allclose(column[1:], [metrics[key] for metrics in theirs[1:]], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(signals.level, [metrics["average_rgb"] for metrics in theirs], rtol=1e-5)


_SIZES = [
    *[(768, 432), (1280, 720), (432, 768), (1280, 640)],  # odd factors: single pixels
    *[(1920, 1080), (1080, 1920), (1024, 576), (1536, 864), (1440, 1080)],  # eighths: pairs of rows
    *[(256, 144), (640, 360), (1280, 534), (1200, 720)],  # whole
]


@pytest.mark.parametrize(("width", "height"), _SIZES)
@pytest.mark.parametrize("colours", [(1, 1), (2, 0), (5, 2), (9, 1), (7, 0)])
def test_the_quick_small_picture_is_the_slow_one(width: int, height: int, colours: tuple[int, int]) -> None:
    random = np.random.default_rng(width)
    frame = av.VideoFrame(width, height, "yuvj420p" if colours == (5, 2) else "yuv420p")
    for plane in frame.planes:
        plane.update(random.integers(0, 256, plane.buffer_size, np.uint8).tobytes())
    frame.colorspace, frame.color_range = colours
    whole, size = BgrConverter()(frame, width, height), small_size(width, height)
    expected = whole if (width, height) == size else cv2.resize(whole, size)
    np.testing.assert_array_equal(FrameShrinker(BgrConverter())(frame), expected)


def test_edges_are_measured_only_when_asked_for(media: Path, scanned: Scanner) -> None:
    signals = only(scanned(media / "made_tiny_16x16.mp4", frozenset(["signals"]))["signals"])
    assert len(signals.delta_edges) == 0 and len(signals.delta_hue) == 20


def test_a_gap_stays_a_gap(media: Path, scanned: Scanner) -> None:
    signals = only(scanned(media / "made_gap_10s.mkv")["signals"])
    assert len(signals.time_s) == 50 and signals.end_s == pytest.approx(12.0)
    assert np.diff(signals.time_s).max() == pytest.approx(10.04)
    assert signals.damaged == ""


def test_times_are_the_containers_own(tmp_path: Path, scanned: Scanner) -> None:
    path = write_video(tmp_path / "uneven.mkv", [plain((i * 20, 0, 0)) for i in range(6)], pts=[3, 4, 9, 10, 11, 20])
    signals = only(scanned(path)["signals"])
    np.testing.assert_allclose(signals.time_s, [0.3, 0.4, 0.9, 1.0, 1.1, 2.0])


def test_a_clock_ascends() -> None:
    clock = Clock()
    told = [clock.tell(t, 0.04) for t in (0.0, None, 0.08, 0.04, 0.12, 9.0, 0.0, 0.04)]
    np.testing.assert_allclose(told, [0.0, 0.04, 0.08, 0.081, 0.12, 9.0, 9.04, 9.08])
    assert clock.end_s == pytest.approx(9.12)
    assert (clock.missing, clock.unordered, len(clock.shifts)) == (1, 1, 1)
    assert "out of order: 1" in clock.complaint()
    assert Clock().complaint() == ""


def test_absurd_times_are_no_times() -> None:
    clock = Clock()
    told = [clock.tell(t, d) for t, d in ((0.0, 0.1), (float("nan"), 0.1), (1e9, float("inf")), (1e300, 0.1), (0.4, 0))]
    np.testing.assert_allclose(told, [0.0, 0.1, 0.2, 0.201, 0.4])
    assert clock.missing == 3 and np.isfinite(clock.end_s)


def test_where_recordings_may_be_joined_a_clock_may_jump() -> None:
    clock = Clock(joinable=True)
    told = [clock.tell(t, 0.1) for t in (1.0, 1.1, 5_000.0, 5_000.1, 90_000.0, 1.0, 6.0)]
    np.testing.assert_allclose(told, [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 6.5])
    assert clock.shifts == pytest.approx([-4998.8, -89998.6, 0.5]) and clock.missing == 0


def test_sound_is_moved_as_the_pictures_were() -> None:
    shift = SoundShift(joinable=True, pictures=[-4998.8, 100.0])
    assert shift.move(1.0, 0.1, 0.0) == 1.0
    assert shift.move(5_000.5, 0.1, 1.1) == pytest.approx(1.7), "pictures began half a second earlier"
    assert shift.move(5_000.6, 0.1, 1.8) == pytest.approx(1.8)
    assert shift.move(1.0, 0.1, 1.9) == pytest.approx(1.9), "too far from what the pictures say: it just goes on"
    assert SoundShift().move(3_600.0, 0.1, 0.1) == 3_600.0


@pytest.mark.parametrize("second_s", [0.0, 5_000.0])
def test_joined_recordings_have_one_clock(tmp_path: Path, scanned: Scanner, second_s: float) -> None:
    first = recording(tmp_path / "first.ts", 440, sound_s=(0.0, 2.5))
    second = recording(tmp_path / "second.ts", 880, second_s, sound_s=(0.5, 3.0))
    answers = scanned(joined(tmp_path / "film.ts", first, second))
    signals, sound = only(answers["signals"]), only(answers["sound"])
    assert len(signals.time_s) == 150 and np.diff(signals.time_s).max() < 0.05
    assert not len(signals.damaged_s)
    begin_s = float(signals.time_s[0])
    loud = [(span.start_s - begin_s, span.end_s - begin_s) for span in sound.active]
    assert np.allclose(loud, [(0.0, 2.5), (3.5, 6.0)], atol=0.15)


def test_a_negative_start_is_kept() -> None:
    clock = Clock()
    assert [clock.tell(t, 0.1) for t in (-0.2, -0.1, 0.0)] == [-0.2, -0.1, 0.0]


# ---------------------------------------------------------------- damage and odd kinds


def test_a_clean_file_has_no_complaint(media: Path, scanned: Scanner) -> None:
    signals = only(scanned(media / "nasa_13013.mp4")["signals"])
    assert signals.damaged == "" and not len(signals.damaged_s)


def test_what_lies_around_damage_is_kept(media: Path, scanned: Scanner) -> None:
    answers = scanned(media / "made_bitflips.mp4")
    signals = only(answers["signals"])
    assert len(signals.time_s) > 1200 and signals.end_s > 52
    assert "did not decode" in signals.damaged and "corrupt" in signals.damaged
    assert (np.diff(signals.time_s) > 0).all()
    assert len(signals.damaged_s) > 1100 and np.isin(signals.damaged_s, signals.time_s).all()
    clean_s = np.setdiff1d(signals.time_s, signals.damaged_s)
    assert answers["frames"] and all(frame.time_s in clean_s for frame in answers["frames"])
    assert only(answers["sound"]).duration_s == pytest.approx(52, abs=0.2)


def test_a_file_cut_off_without_an_error_is_told(media: Path, scanned: Scanner) -> None:
    signals = only(scanned(media / "made_truncated_moov_front.mp4")["signals"])
    assert 22 < signals.end_s < 23
    assert "of the 52.2 s that it declares" in signals.damaged


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("made_ffv1_rgb.mkv", 12),
        ("made_fragmented.mp4", 481),
        ("made_one_frame.mp4", 1),
        ("made_panorama_2048x64.mp4", 20),
        ("made_tiny_16x16.mp4", 20),
        ("made_odd_size_321x181_444.mp4", 20),
        ("made_ts_cut_in_packet.ts", 252),
    ],
)
def test_odd_files_decode_whole(media: Path, scanned: Scanner, name: str, frames: int) -> None:
    answers = scanned(media / name)
    signals = only(answers["signals"])
    assert len(signals.time_s) == frames and (np.diff(signals.time_s) > 0).all()
    assert signals.end_s > signals.time_s[-1]
    assert all(decoded(frame).shape == (frame.height_px, frame.width_px, 3) for frame in answers["frames"])


def test_a_size_that_changes_and_frames_without_times(tmp_path: Path, scanned: Scanner) -> None:
    random = np.random.default_rng(1)
    raw = b""
    for size in ((320, 240), (160, 120)):
        part = [random.integers(0, 255, (size[1], size[0], 3), np.uint8) for _ in range(5)]
        raw += write_video(tmp_path / "part.h264", part).read_bytes()
    (tmp_path / "both.h264").write_bytes(raw)
    answers = scanned(tmp_path / "both.h264", frames_per_s=100)
    signals = only(answers["signals"])
    assert len(signals.time_s) == 10 and (np.diff(signals.time_s) > 0.001).all()
    assert {(f.width_px, f.height_px) for f in answers["frames"]} == {(320, 240), (160, 120)}


def test_hdr_is_mapped_to_sdr(tmp_path: Path, scanned: Scanner) -> None:
    path = tmp_path / "hdr.mkv"
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], (48, 1, 3))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10, width=64, height=48, pix_fmt="yuv420p10le")
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = 16, 9, 9, 1
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(ramp, format="rgb24").reformat(format="yuv420p10le")
            frame.pts, frame.color_trc, frame.color_primaries, frame.colorspace = number, 16, 9, 9
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    answers = scanned(path)
    assert len(only(answers["signals"]).time_s) == 3
    gray = decoded(answers["frames"][0]).mean(axis=(0, 2))
    assert (np.diff(gray) > -3).all() and gray[-1] - gray[0] > 150
    assert np.abs(gray - ramp[0, :, 0]).max() > 15, "PQ codes are not shown as if they were SDR's"


def test_a_stream_that_begins_in_mid_file_stops_nothing() -> None:
    stream = SimpleNamespace(index=0, type="audio", time_base=Fraction(1, 10), codec_context=SimpleNamespace())

    class Growing:
        """Stands for PyAV's container, whose demuxer trips over a stream that it does not know."""

        left = iter([1, 2, None, 3, 4])

        def demux(self, *streams: Any) -> Iterator[Any]:
            assert streams == (stream,)
            for pts in self.left:
                if pts is None:
                    raise IndexError("list index out of range")
                yield SimpleNamespace(stream=stream, pts=pts, duration=1, is_corrupt=False)

    watched = StreamObservers(stream, None)  # type: ignore[arg-type]
    assert decode_all(Growing(), [watched]) == ""  # type: ignore[arg-type]
    assert watched.end_s == pytest.approx(0.5)


# ---------------------------------------------------------------- frames


def test_frames_are_taken_on_a_grid(media: Path, scanned: Scanner) -> None:
    frames: list[Frame] = scanned(media / "bbb_480p_20s.mp4", frozenset(["frames"]))["frames"]
    assert len(frames) == 40
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(40) * 0.5, atol=1 / 24)
    assert [f.frame_id for f in frames[:2]] == ["bbb_480p_20s_000000000", "bbb_480p_20s_000000500"]
    assert all((f.width_px, f.height_px) == (512, 288) for f in frames)
    assert decoded(frames[5]).shape == (288, 512, 3)
    assert decoded(frames[5]).mean() == pytest.approx(frames[5].brightness, abs=12)
    near, far = (bits(frames[10]) ^ bits(frames[i]) for i in (11, 30))
    assert near.bit_count() < far.bit_count()


def bits(frame: Frame) -> int:
    assert len(frame.phash) == 16
    return int(frame.phash, 16)


def test_the_options_of_frames(media: Path, scanned: Scanner) -> None:
    path, wanted = media / "nasa_13013.mp4", frozenset(["frames"])
    few = scanned(path, wanted, frames_per_s=0.5, frame_px=100, quality=95)["frames"]
    assert [f.time_s for f in few] == pytest.approx([0, 2, 4, 6, 8, 10, 12], abs=0.04)
    assert {(f.width_px, f.height_px) for f in few} == {(100, 56)}
    rough = scanned(path, wanted, frames_per_s=0.5, frame_px=100, quality=20)["frames"]
    assert len(rough[0].jpeg) < len(few[0].jpeg) / 2
    assert len(scanned(media / "made_one_frame.mp4", wanted, frames_per_s=100)["frames"]) == 1


def test_a_blurred_picture_is_less_sharp(tmp_path: Path, scanned: Scanner) -> None:
    sharp = np.random.default_rng(2).integers(0, 255, (96, 128, 3), np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 3), np.uint8)
    first, second = scanned(write_video(tmp_path / "blur.mkv", [sharp, blurred]), frames_per_s=10)["frames"]
    assert first.sharpness > 20 * second.sharpness


@pytest.mark.parametrize(("rotate", "corner"), [(0, (0, 0)), (-90, (0, -1)), (180, (-1, -1)), (90, (-1, 0))])
def test_frames_are_upright(tmp_path: Path, scanned: Scanner, rotate: int, corner: tuple[int, int]) -> None:
    picture = plain((0, 0, 0), 128, 96)
    picture[:32, :32] = 255
    frame = only(scanned(write_video(tmp_path / "turned.mp4", [picture], rotate=rotate))["frames"])
    upright = decoded(frame)
    assert upright.shape[:2] == ((96, 128) if rotate in (0, 180) else (128, 96))
    assert upright[corner[0] * 8, corner[1] * 8].min() > 200
    others = {(0, 0), (0, -1), (-1, 0), (-1, -1)} - {corner}
    assert all(upright[row * 8, column * 8].max() < 60 for row, column in others)


def test_pixels_become_square(tmp_path: Path, scanned: Scanner) -> None:
    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, width=72, height=96, pix_fmt="yuv420p")
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        output.mux(stream.encode(av.VideoFrame(72, 96, "yuv420p")))
        output.mux(stream.encode(None))
    frame = only(scanned(path)["frames"])
    assert (frame.width_px, frame.height_px) == (144, 96)


def test_stored_frames_of_interlaced_video_are_whole(tmp_path: Path, scanned: Scanner) -> None:
    frames = scanned(interlaced(tmp_path / "film.mp4"), frames_per_s=25)["frames"]
    assert [round(frame.time_s * 25) for frame in frames] == list(range(40))
    assert max(comb(decoded(frame)[..., 1]) for frame in frames) < 1


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("film.mov", "qtrle", "argb"),
        ("film.webm", "libvpx-vp9", "yuva420p"),
        ("vp8.webm", "libvpx", "yuva420p"),
        ("film.apng", "apng", "rgba"),
        ("film.gif", "gif", "bgr8"),
        ("pro.mov", "prores_ks", "yuva444p10le"),
        ("film.mkv", "ffv1", "yuva444p"),
    ],
)
def test_transparency_is_stored_on_black(
    tmp_path: Path, scanned: Scanner, name: str, codec: str, pixel_format: str
) -> None:
    answers = scanned(transparent(tmp_path / name, codec, pixel_format))
    picture = decoded(answers["frames"][0])
    if codec != "gif":  # written without transparency
        assert picture[24, 8].max() < 12
        assert only(answers["signals"]).level[0] == pytest.approx(255 / 6, abs=3)
    assert picture[24, 56, 1] > 230


# ---------------------------------------------------------------- sound


def read_flac(path: Path) -> NDArray[np.int16]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.layout.name) == ("flac", RATE, "mono")
        return np.concatenate([f.to_ndarray().ravel() for f in container.decode(stream)])


def test_the_sound_track(media: Path, tmp_path: Path, scanned: Scanner) -> None:
    sound: Sound = only(scanned(media / "obama_statement.mp4", frozenset(["sound"]))["sound"])
    assert sound.file == "media/sound/obama_statement.flac"
    samples = read_flac(tmp_path / sound.file)
    assert len(samples) == round(sound.duration_s * RATE)
    assert sound.duration_s == pytest.approx(8.75, abs=0.1)
    rms_db = 20 * np.log10(np.sqrt(np.mean((samples / 32768.0) ** 2)))
    assert sound.loudness_db == pytest.approx(rms_db, abs=0.01)
    spoken = sum(span.end_s - span.start_s for span in sound.active)
    assert 5 < spoken < 8.5
    assert [f.name for f in (tmp_path / "media" / "sound").iterdir()] == ["obama_statement.flac"]


def write_sound(path: Path, bursts: Iterator[tuple[float, float]], rate: int = 44_100) -> Path:
    """A stereo film of tones, each ``(start_s, length_s)``; between them the file has no packets."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=rate, layout="stereo")
        for start_s, length_s in bursts:
            wave = (8000 * np.sin(np.arange(int(length_s * rate)) * 0.05)).astype(np.int16)
            for at in range(0, len(wave), 1024):
                piece = np.repeat(wave[None, at : at + 1024], 2, axis=1)
                piece[0, 0::2] = piece[0, 1::2] = wave[at : at + 1024]
                frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="stereo")
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = round(start_s * rate) + at
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def test_silence_fills_gaps_so_that_samples_keep_the_clock(tmp_path: Path, scanned: Scanner) -> None:
    path = write_sound(tmp_path / "gaps.mkv", iter([(2.0, 1.0), (5.0, 0.5), (9.25, 1.0)]))
    sound: Sound = only(scanned(path, frozenset(["sound"]))["sound"])
    assert sound.start_s == pytest.approx(2.0, abs=0.002)
    assert sound.duration_s == pytest.approx(8.25, abs=0.005)
    samples = np.abs(read_flac(tmp_path / sound.file).astype(int))
    for second, loud in ((2.5, True), (3.5, False), (5.25, True), (6.0, False), (9.2, False), (9.3, True)):
        at = round((second - sound.start_s) * RATE)
        assert bool(samples[at - 300 : at + 300].max() > 4000) == loud, second
    spans = [(round(s.start_s, 1), round(s.end_s, 1)) for s in sound.active]
    assert spans == [(2.0, 3.0), (5.0, 5.5), (9.2, 10.2)] or spans == [(2.0, 3.0), (5.0, 5.5), (9.2, 10.3)]


@pytest.mark.parametrize(
    ("codec", "form"), [("pcm_s16le", "s16"), ("pcm_f32le", "flt"), ("pcm_u8", "u8"), ("aac", "fltp")]
)
@pytest.mark.parametrize(("right", "heard"), [(1.0, 1.0), (-1.0, 1.0), (-0.8, 0.9), (0.0, 0.5)])
def test_stereo_that_would_cancel_itself_is_heard(
    tmp_path: Path, scanned: Scanner, codec: str, form: str, right: float, heard: float
) -> None:
    path, wave = tmp_path / "film.mkv", 0.5 * np.sin(np.arange(48_000) * 0.05)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=48_000, layout="stereo")
        maker = av.AudioResampler(format=form, layout="stereo", rate=48_000, frame_size=1024)
        both = np.stack([wave, right * wave]).astype(np.float32)
        whole = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        whole.sample_rate = 48_000
        for block in (*maker.resample(whole), *maker.resample(None)):
            output.mux(stream.encode(block))
        output.mux(stream.encode(None))
    sound = only(scanned(path, frozenset(["sound"]))["sound"])
    assert sound.loudness_db == pytest.approx(20 * np.log10(0.5 * heard / np.sqrt(2)), abs=0.3)


def test_long_sound_comes_out_whole(tmp_path: Path, scanned: Scanner) -> None:
    path = write_sound(tmp_path / "long.mkv", iter([(0.0, 130.0)]), rate=8_000)
    sound: Sound = only(scanned(path, frozenset(["sound"]))["sound"])
    samples = read_flac(tmp_path / sound.file)
    assert len(samples) == round(sound.duration_s * RATE)
    assert sound.duration_s == pytest.approx(130, abs=0.01)
    assert len(sound.active) == 1, "a track that is loud throughout is active throughout"


def test_silence_has_no_active_span() -> None:
    assert loudness(np.zeros(100), 80_000, 0.0) == (-120.0, [])
    assert loudness(np.empty(0), 0, 0.0).active == []


def test_no_sound_and_only_sound(media: Path, tmp_path: Path, scanned: Scanner) -> None:
    silent = scanned(media / "made_video_only.mp4")
    assert silent["sound"] == [] and len(silent["frames"]) == 31
    assert not (tmp_path / "media" / "sound").exists()
    heard = scanned(media / "made_audio_only.mp4")
    assert [heard[part].kind for part in ("signals", "frames")] == ["no_video", "no_video"]
    assert only(heard["sound"]).duration_s > 51


# ---------------------------------------------------------------- errors and parts


def test_an_unreadable_file_is_an_error_in_every_table(media: Path, scanned: Scanner) -> None:
    answers = scanned(media / "made_html_error_page.mp4")
    assert {part: error.kind for part, error in answers.items()} == dict.fromkeys(PARTS, "unreadable")


def test_a_stream_of_which_nothing_decodes(tmp_path: Path, scanned: Scanner) -> None:
    path = tmp_path / "garbage.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, width=64, height=64, pix_fmt="yuv420p")
        for number in range(3):
            stream.encode(av.VideoFrame(64, 64, "yuv420p"))
            packet = av.Packet(b"\0\0\0\x10" + bytes(range(16)))
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 10)
            output.mux(packet)
    answers = scanned(path)
    for part in ("signals", "frames"):
        assert isinstance(answers[part], RowError) and answers[part].kind == "no_video_frames"
    assert answers["sound"] == []


def test_only_what_is_wanted_is_made(media: Path, tmp_path: Path, scanned: Scanner) -> None:
    assert only(scanned(media / "birds_cc0_1s.mp4", frozenset(["signals"]))["signals"]).time_s.shape == (31,)
    assert not (tmp_path / "media").exists()


def test_each_table_lists_the_options_that_it_depends_on() -> None:
    parts = {part.name: part for part in Scan().parts()}
    assert parts["signals"].options == ("edges",) and parts["signals"].out is Signals
    assert parts["frames"].options == ("frames_per_s", "frame_px", "quality")
    assert parts["sound"].options == ("sound_languages",)
    assert [part.name for part in Scan(sound=False).parts()] == ["signals", "frames"]


def test_a_strange_id_is_a_safe_file_name(media: Path, tmp_path: Path) -> None:
    video = Video(video_id="../a/b", uri="x", path=str(media / "obama_statement.mp4"), sha256="", size_bytes=1)
    with Scan().open(StepContext(tmp_path, {"sound": tmp_path / "sound"})) as work:
        sound = work([video], frozenset(["sound"]))[0]["sound"]
    assert isinstance(sound, list)
    assert [path.name for path in (tmp_path / "sound").iterdir()] == ["..%2Fa%2Fb.flac"]


def test_a_failure_in_mid_file_leaves_no_half_written_sound(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = Video(video_id="v", uri="x", path=str(media / "obama_statement.mp4"), sha256="", size_bytes=1)

    def fail(self: Any, frame: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FrameShrinker, "__call__", fail)
    site = StepContext(tmp_path, {part: tmp_path / part for part in PARTS})
    with pytest.raises(KeyboardInterrupt), Scan().open(site) as work:
        work([video], PARTS)
    assert list((tmp_path / "sound").iterdir()) == []
