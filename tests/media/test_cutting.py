"""Clips as files: the right frames at the right times, in sync, and playable everywhere."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from odd_films import comb, interlaced, joined, recording, transparent

from cliploom.builders.clips import Clips, ClipsInput
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.step import StepContext
from cliploom.media.clock import Clock
from cliploom.media.cutting import clip_file as clipfile
from cliploom.media.cutting import index as indexing
from cliploom.media.cutting.h264 import nal_units, parameter_sets, pps_id, read_sps
from cliploom.media.cutting.index import read_index
from cliploom.media.cutting.measure import StreamTimes, measure
from cliploom.media.cutting.plan import plan
from cliploom.schemas import Clip, Shot, Video
from cliploom.schemas.check import problem

FRAME_S = 1e-6 + 1 / 90_000  # times of mp4 are this exact


class Shown(NamedTuple):
    """A decoded frame."""

    time_s: float
    luma: NDArray[np.uint8]
    rotation: int


Cut = Callable[..., list[Clip]]


@pytest.fixture
def cut(tmp_path: Path) -> Cut:
    """Cuts one file at the given times and checks what must hold for every clip."""

    def run(path: Path, *edges: float, **options: Any) -> list[Clip]:
        shots = [Shot(f"v_{i}", "v", a, b, "content", 0.0) for i, (a, b) in enumerate(pairwise(edges))]
        rows = ClipsInput(Video("v", path.name, str(path), "0", 0), shots)
        with Clips(**{"short": "keep", "crf": 15, **options}).open(
            StepContext(tmp_path, {"": Path("media/clips")})
        ) as work:
            (found,) = work([rows])
        if isinstance(found, RowError):
            raise found
        clips = [clip for clip in found if isinstance(clip, Clip)]
        assert [problem(clip) for clip in clips] == [None] * len(clips)
        for clip in clips:
            if clip.file is not None:
                check(tmp_path / clip.file, clip)
        assert not list(tmp_path.rglob("*.part"))
        return clips

    return run


def check(path: Path, clip: Clip) -> None:
    """What must hold for every written clip."""
    assert path.name == f"{clip.clip_id}.mp4"
    head = path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")
    frames = shown(path)
    assert frames[0].time_s == 0
    assert all(a.time_s < b.time_s for a, b in pairwise(frames))
    assert clip.video_s is not None and frames[-1].time_s < clip.video_s
    with av.open(str(path)) as file:
        assert file.streams.video[0].start_time == 0
        assert [s.start_time for s in file.streams.audio] in ([], [0])
    assert (clip.audio_s is None) == (clip.start_gap_s is None) == (clip.end_gap_s is None)
    assert abs(clip.start_gap_s or 0) < FRAME_S and abs(clip.end_gap_s or 0) < 1e-4
    assert counted_by_opencv(path) == len(frames)


def shown(path: Path, start_s: float = 0.0, end_s: float = float("inf")) -> list[Shown]:
    """The frames of a file that begin in ``[start_s, end_s)``, by one decoder from the file's start."""
    clock, found = Clock(), []
    with av.open(str(path)) as file:
        stream = file.streams.best("video")
        assert stream is not None
        for frame in file.decode(stream):
            assert isinstance(frame, av.VideoFrame)
            time_s = clock.tell(frame.time, float((frame.duration or 0) * (frame.time_base or 0)))
            if time_s >= end_s - 5e-4:
                break
            if time_s >= start_s - 5e-4:
                found.append(Shown(time_s, luma(frame), frame.rotation))
    return found


def luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    if not frame.format.name.startswith("yuv") or frame.format.components[0].bits > 8:
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width].copy()


def counted_by_opencv(path: Path) -> int:
    reader, count = cv2.VideoCapture(str(path)), 0
    while reader.grab():
        count += 1
    return count


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    error = float(np.square(a.astype(np.float64) - b).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def same_frames(path: Path, source: list[Shown], low_db: float = 36.0) -> list[bool]:
    """Check that the clip's frames are the source's, at the same times; which of them are so bit for bit."""
    found = shown(path)
    assert len(found) == len(source)
    for ours, theirs in zip(found, source, strict=True):
        assert ours.time_s == pytest.approx(theirs.time_s - source[0].time_s, abs=FRAME_S)
        assert psnr(ours.luma, theirs.luma) > low_db
    return [np.array_equal(a.luma, b.luma) for a, b in zip(found, source, strict=True)]


def copied_frames(path: Path, start_s: float, end_s: float) -> list[bool]:
    """Of the frames of a clip, which a smart cut copies."""
    index = read_index(str(path))
    made = plan(index, start_s, end_s, "smart")
    encoded = [t for t in index.frames if any(r.first <= t < r.last for r in made.encoded)]
    return [t not in encoded for t in index.frames if made.start <= t < made.end]


def sound(path: Path) -> tuple[int, NDArray[np.float32]]:
    """The rate and the samples ``(N,)`` of a file's sound, mixed to mono."""
    with av.open(str(path)) as file:
        blocks = [f.to_ndarray().mean(axis=0) for f in file.decode(audio=0)]
        return file.streams.audio[0].codec_context.sample_rate, np.concatenate(blocks)


def make(path: Path, x264: str = "", **options: Any) -> Path:
    """A film of 90 moving pictures, 160x96, 25 a second, with a click in its sound every half second."""
    pts, rotate = options.pop("pts", None) or list(range(0, 360, 4)), options.pop("rotate", 0)
    form = options.pop("pix_fmt", "yuv420p")
    clicks_s = options.pop("clicks_s", (0.0, 3.6))
    tick = Fraction(1, 100)
    across, down = np.meshgrid(np.arange(160), np.arange(96))
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=25)
        stream.options = {"preset": "superfast", "x264-params": x264} | options
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.time_base = 160, 96, form, tick
        if form == "yuv420p10le":  # PQ, as H.273 numbers it
            context = stream.codec_context
            context.color_trc, context.color_primaries, context.colorspace = 16, 9, 9
        if rotate:
            stream.set_display_rotation(rotate)
        heard: Any = file.add_stream("aac", rate=44_100, layout="mono") if clicks_s else None
        for i, when in enumerate(pts):
            look = np.stack([across * 2 + i * 3, down * 2 + i * 5, across + down + i], axis=-1) % 256
            look[8:24, 2 * i % 144 :][:, :16] = 255
            frame = av.VideoFrame.from_ndarray(look.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = when, tick
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if heard is not None:
            for block in click_blocks(*clicks_s):
                file.mux(heard.encode(block))
            file.mux(heard.encode(None))
    return path


def click_blocks(start_s: float, end_s: float) -> list[av.AudioFrame]:
    """Sound from ``start_s`` to ``end_s`` with a click at each half second."""
    samples = np.zeros(round((end_s - start_s) * 44_100), np.float32)
    for at in np.arange(np.ceil(start_s * 2) / 2, end_s, 0.5):
        samples[round((at - start_s) * 44_100) :][:8] = 0.9
    blocks = []
    for at in range(0, len(samples), 1024):
        block = av.AudioFrame.from_ndarray(samples[None, at : at + 1024], format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = 44_100, at + round(start_s * 44_100), Fraction(1, 44_100)
        blocks.append(block)
    return blocks


def clicks(path: Path) -> list[float]:
    """When a file clicks."""
    rate, samples = sound(path)
    loud = np.flatnonzero(np.abs(samples) > 0.2) / rate
    return [float(t) for i, t in enumerate(loud) if not i or t - loud[i - 1] > 0.1]


# ---- smart: the same pictures, most of them bit for bit


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("sintel_trailer_270p.mp4", (9.5, 14.5)),
        ("sintel_trailer_chapters_subs.mkv", (9.5, 14.5)),
        ("made_mpegts.ts", (7.5, 11.0)),
        ("made_fragmented.mp4", (7.5, 11.0)),
        ("made_video_only.mp4", (2.0, 6.0)),
        ("nasa_13013.mp4", (6.506, 10.0)),
        ("obama_statement.mp4", (4.0, 7.0)),
    ],
)
def test_smart_cuts_have_the_very_frames(
    media: Path, tmp_path: Path, cut: Cut, name: str, times: tuple[float, float]
) -> None:
    (clip,) = cut(media / name, *times, cut="smart")
    assert (clip.cut, clip.start_s, clip.end_s) == ("smart", *times)
    same, copied = (
        same_frames(tmp_path / str(clip.file), shown(media / name, *times)),
        copied_frames(media / name, *times),
    )
    assert sum(copied) >= 15
    assert all(bits for bits, copy in zip(same, copied, strict=True) if copy)
    assert (clip.audio_s is None) == (name == "made_video_only.mp4")


@pytest.mark.parametrize(
    ("suffix", "x264", "how"),
    [
        ("mp4", "keyint=30:scenecut=0", "smart"),
        ("mp4", "keyint=30:bframes=8:b-adapt=0:b-pyramid=normal:ref=6", "smart"),
        ("mp4", "keyint=30:slices=4:no-cabac=1:bframes=0", "smart"),
        ("mp4", "keyint=30:sps-id=1:fullrange=on", "smart"),
        ("ts", "keyint=30:repeat-headers=1:aud=1:slices=2", "smart"),
        ("flv", "keyint=30", "smart"),
        ("mp4", "keyint=30:open-gop=1:bframes=3:scenecut=0", "encode"),
        ("mp4", "keyint=infinite", "encode"),
        ("mp4", "keyint=30:tff=1", "encode"),
        ("avi", "keyint=30:bframes=3", "encode"),
    ],
)
def test_whatever_x264_writes_is_cut_exactly(tmp_path: Path, cut: Cut, suffix: str, x264: str, how: str) -> None:
    film = make(tmp_path / f"film.{suffix}", x264)
    begin_s = shown(film)[0].time_s
    times = [begin_s + t for t in (0.16, 2.92)]
    (clip,) = cut(film, *times, cut="smart")
    assert clip.cut == how
    low_db = 20.0 if "tff" in x264 else 36.0  # whole frames that claim to be fields lose single lines
    same, copied = same_frames(tmp_path / str(clip.file), shown(film, *times), low_db), copied_frames(film, *times)
    assert all(bits for bits, copy in zip(same, copied, strict=True) if copy)
    assert any(copied) == (how == "smart")


def test_a_variable_frame_rate_stays_as_it_is(tmp_path: Path, cut: Cut) -> None:
    steps = np.random.default_rng(3).integers(1, 9, 90)
    film = make(tmp_path / "film.mp4", "keyint=30:bframes=3", pts=np.cumsum(steps).tolist())
    frames = shown(film)
    edges = [frames[i].time_s for i in (0, 12, 75)]
    for how in ("smart", "encode"):
        for clip in cut(film, *edges, cut=how):
            assert clip.cut == how
            same_frames(tmp_path / str(clip.file), shown(film, clip.start_s, clip.end_s))
            assert clip.video_s == pytest.approx(clip.end_s - clip.start_s, abs=FRAME_S)


def test_smart_clips_have_one_description_for_both_encoders(media: Path, tmp_path: Path, cut: Cut) -> None:
    (clip,) = cut(media / "obama_statement.mp4", 4.0, 7.0, cut="smart")
    with av.open(str(tmp_path / str(clip.file))) as file:
        stream = file.streams.video[0]
        assert stream.codec_tag == "avc1"
        sets = parameter_sets(stream.codec_context.extradata or b"")
        units = [u for p in file.demux(stream) for u in nal_units(bytes(p), 4)]
    ours, theirs = (read_sps(s) for s in sets.sps[::-1])
    assert ours.id != theirs.id
    assert (ours.profile, ours.level, ours.max_refs) == (theirs.profile, theirs.level, theirs.max_refs)
    assert sorted(pps_id(p) for p in sets.pps) == [0, 1]
    assert not [u for u in units if u[0] & 31 in (7, 8)]  # avc1 forbids them among the pictures


def test_pieces_that_lie_between_frames_share_no_frame(media: Path, tmp_path: Path, cut: Cut) -> None:
    made = cut(media / "made_video_only.mp4", 1.01, 1.99, 3.013, cut="smart")
    files = [tmp_path / str(clip.file) for clip in made]
    assert [len(shown(f)) for f in files] == [23, 25]  # 1.042 .. 1.958 and 2.000 .. 3.000
    assert sum(len(shown(f)) for f in files) == len(shown(media / "made_video_only.mp4", 1.01, 3.013))
    assert made[1].video_s == pytest.approx(1.013, abs=1e-4)


@pytest.mark.parametrize("how", ["smart", "encode"])
def test_clips_far_apart_are_cut_in_one_pass(media: Path, tmp_path: Path, cut: Cut, how: str) -> None:
    film = media / "sintel_trailer_270p.mp4"
    found = cut(
        film, 1.0, 2.2, 2.7, 9.0, 9.5, 10.7, 10.9, 12.1, cut=how, min_s=1.0, max_s=5.0, short="drop", long="drop"
    )
    assert [(clip.start_s, clip.end_s) for clip in found] == [(1.0, 2.2), (9.5, 10.7), (10.9, 12.1)]
    for clip in found:
        same_frames(tmp_path / str(clip.file), shown(film, clip.start_s, clip.end_s))


def test_shots_may_overlap(media: Path, tmp_path: Path) -> None:
    film = media / "made_video_only.mp4"
    shots = [Shot(f"v_{i}", "v", 1.0 + i / 2, 2.5 + i / 2, "content", 0.0) for i in range(3)]
    rows = ClipsInput(Video("v", film.name, str(film), "0", 0), shots)
    with Clips(cut="smart", min_s=1.0).open(StepContext(tmp_path, {"": Path("media")})) as work:
        (found,) = work([rows])
    assert isinstance(found, list) and len(found) == 3
    for clip in (c for c in found if isinstance(c, Clip)):
        check(tmp_path / str(clip.file), clip)
        same_frames(tmp_path / str(clip.file), shown(film, clip.start_s, clip.end_s), 30)


def test_any_frame_of_a_smart_clip_can_be_sought(media: Path, tmp_path: Path, cut: Cut) -> None:
    (clip,) = cut(media / "made_mpegts.ts", 7.5, 10.9, cut="smart")
    path = tmp_path / str(clip.file)
    frames = shown(path)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.time_base is not None
        for wanted in [*frames[::9], *frames[-3:]]:
            file.seek(round(wanted.time_s / stream.time_base), stream=stream)
            found = next(f for f in file.decode(stream) if (f.time or 0) > wanted.time_s - 1e-3)
            assert isinstance(found, av.VideoFrame)
            assert np.array_equal(luma(found), wanted.luma)


# ---- copy: whole groups of frames, and the times that they really have


@pytest.mark.parametrize("name", ["sintel_trailer_270p.mp4", "made_mpegts.ts", "made_odd_size_321x181_444.mp4"])
def test_copies_begin_at_a_key_frame_and_say_so(media: Path, tmp_path: Path, cut: Cut, name: str) -> None:
    edges = (10.0, 13.0) if "odd" not in name else (0.2, 0.6)
    (clip,) = cut(media / name, *edges, cut="copy")
    assert clip.cut == "copy"
    assert clip.start_s < edges[0] < clip.end_s <= edges[1]
    assert clip.clip_id == f"v_{round(clip.start_s * 1000):09d}_{round(clip.end_s * 1000):09d}"
    assert all(same_frames(tmp_path / str(clip.file), shown(media / name, clip.start_s, clip.end_s)))
    assert clip.video_s == pytest.approx(clip.end_s - clip.start_s, abs=1e-4)


def test_copies_from_an_open_group_leave_out_what_cannot_be_shown(tmp_path: Path, cut: Cut) -> None:
    film = make(tmp_path / "film.mp4", "keyint=30:open-gop=1:bframes=3:b-adapt=0:scenecut=0")
    (clip,) = cut(film, 2.0, 3.0, cut="copy")
    assert 0.8 < clip.start_s <= 2.0
    assert all(same_frames(tmp_path / str(clip.file), shown(film, clip.start_s, clip.end_s)))


# ---- encode: what every player shows


@pytest.mark.parametrize("name", ["tears_of_steel_2s.webm", "nasa_13013.mp4"])
def test_encoded_clips_have_the_frames_at_their_times(media: Path, tmp_path: Path, cut: Cut, name: str) -> None:
    for clip in cut(media / name, 0.5, 1.0, 1.75, cut="encode"):
        assert clip.cut == "encode"
        same_frames(tmp_path / str(clip.file), shown(media / name, clip.start_s, clip.end_s))


def test_rotation_is_baked_in_when_encoding_and_kept_when_copying(tmp_path: Path, cut: Cut) -> None:
    film = make(tmp_path / "film.mp4", "keyint=30", rotate=90)
    source = shown(film, 0.0, 1.0)
    assert source[0].rotation == 90
    (encoded,) = cut(film, 0.0, 1.0, cut="encode")
    ours = shown(tmp_path / str(encoded.file))
    assert (ours[0].rotation, ours[0].luma.shape) == (0, (160, 96))
    assert psnr(ours[5].luma, np.rot90(source[5].luma)) > 36
    for how in ("copy", "smart"):
        (clip,) = cut(film, 0.0, 1.0, cut=how)
        assert clip.cut == how
        assert shown(tmp_path / str(clip.file))[0].rotation == 90


@pytest.mark.parametrize("how", ["smart", "encode", "copy"])
def test_clips_say_how_large_they_are_shown(tmp_path: Path, cut: Cut, how: str) -> None:
    film = make(tmp_path / "film.mp4", "keyint=30:sar=4/3", rotate=90)
    (clip,) = cut(film, 0.0, 1.0, cut=how)
    assert (clip.cut, clip.file_width_px, clip.file_height_px) == (how, 96, round(160 * 4 / 3))


@pytest.mark.parametrize("how", ["smart", "encode", "copy"])
def test_a_picture_that_is_refreshed_bit_by_bit_is_whole_from_the_first_frame_on(
    tmp_path: Path, cut: Cut, how: str
) -> None:
    film = make(tmp_path / "film.mp4", "keyint=20:intra-refresh=1:bframes=0")
    (clip,) = cut(film, 1.2, 2.4, cut=how)
    assert clip.start_s == (0.0 if how == "copy" else 1.2)
    path = tmp_path / str(clip.file)
    check(path, clip)
    same_frames(path, shown(film, clip.start_s, clip.end_s))


def test_copied_pictures_that_do_not_decode_from_the_first_on_are_found_out(
    tmp_path: Path, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "begins_anew", lambda units: True)
    film = make(tmp_path / "film.mp4", "keyint=20:intra-refresh=1:bframes=0")
    with pytest.raises(RowError, match="do not decode") as caught:
        cut(film, 1.2, 2.4, cut="copy")
    assert caught.value.kind == "av_sync"


def test_interlaced_video_is_encoded_as_whole_frames_and_copied_as_it_is(tmp_path: Path, cut: Cut) -> None:
    film = interlaced(tmp_path / "film.mp4")
    source = shown(film, 0.4, 1.2)
    assert min(comb(frame.luma) for frame in source) > 5
    for how, fields in (("encode", False), ("smart", False), ("copy", True)):
        (clip,) = cut(film, 0.4, 1.2, cut=how)
        assert clip.cut == ("copy" if fields else "encode")
        ours = pictures(tmp_path / str(clip.file))
        assert len(ours) == len(shown(film, clip.start_s, clip.end_s)) >= 20
        assert {bool(frame.interlaced_frame) for frame in ours} == {fields}
        assert (max(comb(luma(frame)) for frame in ours) < 1) == (not fields)


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [("film.mov", "qtrle", "argb"), ("film.webm", "libvpx-vp9", "yuva420p"), ("film.apng", "apng", "rgba")],
)
def test_transparency_is_shown_on_black(tmp_path: Path, cut: Cut, name: str, codec: str, form: str) -> None:
    film = transparent(tmp_path / name, codec, form)
    (clip,) = cut(film, 0.0, 1.0, cut="encode")
    found = pictures(tmp_path / str(clip.file))[5].to_ndarray(format="rgb24")
    assert found[24, 8].max() < 12 and found[24, 56, 1] > 230


def pictures(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


@pytest.mark.parametrize("name", ["made_odd_size_321x181_444.mp4", "made_ffv1_rgb.mkv"])
def test_odd_sizes_and_formats_become_what_players_know(media: Path, tmp_path: Path, cut: Cut, name: str) -> None:
    (clip,) = cut(media / name, 0.08, 0.4, cut="smart")
    assert clip.cut == "encode"
    ours = pictures(tmp_path / str(clip.file))
    theirs = [f for f in pictures(media / name) if 0.08 <= (f.time or 0) < 0.4 - 1e-6]
    assert ours[0].format.name == "yuv420p"
    assert (ours[0].width % 2, ours[0].height % 2) == (0, 0)
    for a, b in zip(ours, theirs, strict=True):
        wanted = b.to_ndarray(format="rgb24")[: a.height, : a.width]
        assert psnr(a.to_ndarray(format="rgb24"), wanted) > 24  # colours are halved, edges of them blur


def test_hdr_becomes_sdr(tmp_path: Path, cut: Cut) -> None:
    film = make(tmp_path / "film.mp4", pix_fmt="yuv420p10le")
    (clip,) = cut(film, 0.0, 0.4, cut="smart")
    assert clip.cut == "encode"
    first = pictures(tmp_path / str(clip.file))[0]
    assert first.format.name == "yuv420p"
    assert (first.color_trc, first.color_primaries, first.colorspace) == (1, 1, 1)
    assert luma(first).mean() > luma(pictures(film)[0]).mean()  # PQ codes without its curve look dark


def test_pictures_are_made_smaller_and_keep_their_shape(media: Path, tmp_path: Path, cut: Cut) -> None:
    (clip,) = cut(media / "made_video_only.mp4", 1.0, 2.0, cut="smart", max_px=201)
    assert clip.cut == "encode"
    with av.open(str(tmp_path / str(clip.file))) as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == (200, 112)


def test_pixels_that_are_not_square_stay_so(tmp_path: Path, cut: Cut) -> None:
    film = make(tmp_path / "film.mp4", "keyint=30:sar=4/3")
    for how in ("smart", "encode", "copy"):
        (clip,) = cut(film, 0.2, 2.0, cut=how)
        with av.open(str(tmp_path / str(clip.file))) as file:
            assert file.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_a_gap_in_the_pictures_is_held(media: Path, tmp_path: Path, cut: Cut) -> None:
    for clip in cut(media / "made_gap_10s.mkv", 0.4, 11.2, 12.0, cut="smart"):
        same_frames(tmp_path / str(clip.file), shown(media / "made_gap_10s.mkv", clip.start_s, clip.end_s))
        assert clip.video_s == pytest.approx(clip.end_s - clip.start_s, abs=1e-3)


# ---- sound


@pytest.mark.parametrize("how", ["smart", "encode", "copy"])
def test_sound_is_cut_to_the_sample(tmp_path: Path, cut: Cut, how: str) -> None:
    film = make(tmp_path / "film.mp4", "keyint=30:bframes=3")
    (clip,) = cut(film, 0.92, 2.84, cut=how)
    halves = [t - clip.start_s for t in np.arange(0, 3.6, 0.5) if clip.start_s <= t < clip.end_s]
    assert clicks(tmp_path / str(clip.file)) == pytest.approx(halves, abs=5e-4)
    assert clip.audio_s == pytest.approx(clip.video_s, abs=1e-4)


def test_sound_that_begins_late_or_ends_early_is_filled_up(tmp_path: Path, cut: Cut) -> None:
    film = make(tmp_path / "film.mp4", "keyint=30", clicks_s=(1.2, 2.2))
    first, second, third = cut(film, 0.0, 1.6, 2.4, 3.6, cut="smart")
    assert clicks(tmp_path / str(first.file)) == pytest.approx([1.5], abs=2e-3)
    assert clicks(tmp_path / str(second.file)) == pytest.approx([0.4], abs=2e-3)
    assert clicks(tmp_path / str(third.file)) == []
    assert third.audio_s == pytest.approx(1.2, abs=1e-4)


def test_sound_of_all_rates_becomes_one_that_players_know(media: Path, tmp_path: Path, cut: Cut) -> None:
    for name, rate in (
        ("nasa_13013.mp4", 48_000),
        ("obama_statement.mp4", 48_000),
        ("sintel_trailer_270p.mp4", 44_100),
    ):
        (clip,) = cut(media / name, 1.0, 2.0, cut="smart")
        assert sound(tmp_path / str(clip.file))[0] == rate


# ---- damage


def test_a_clip_of_a_file_that_was_cut_off_ends_with_it(media: Path, cut: Cut) -> None:
    whole, rest = cut(media / "made_truncated_moov_front.mp4", 15.0, 18.0, 50.0, cut="smart")
    assert whole.video_s == pytest.approx(3.0, abs=0.05)
    assert rest.video_s == pytest.approx(22.4 - 18, abs=0.05)
    assert rest.audio_s == pytest.approx(rest.video_s, abs=1e-4)


def test_a_clip_after_the_end_stays_virtual_and_the_others_are_cut(media: Path, cut: Cut) -> None:
    good, lost = cut(media / "made_video_only.mp4", 14.0, 15.1, 20.0, cut="smart")
    assert good.file is not None
    assert (lost.cut, lost.file, lost.video_s, lost.start_s, lost.end_s) == ("none", None, None, 15.1, 20.0)


def test_a_video_of_which_nothing_can_be_cut_fails(media: Path, cut: Cut) -> None:
    with pytest.raises(RowError, match="nothing decodes") as caught:
        cut(media / "made_one_frame.mp4", 5.0, 9.0, 12.0, cut="encode")
    assert caught.value.kind == "no_frames"


@pytest.mark.parametrize("name", ["made_bitflips.mp4", "made_ts_cut_in_packet.ts"])
@pytest.mark.parametrize("how", ["smart", "encode"])
def test_damaged_files_are_cut_all_the_same(media: Path, cut: Cut, name: str, how: str) -> None:
    assert [clip.file is not None for clip in cut(media / name, 2.0, 4.0, 6.0, cut=how)] == [True, True]


def test_sound_and_pictures_that_do_not_end_together_are_found_out(
    media: Path, cut: Cut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clipfile, "measure", lambda path, copied: measure(path, copied)._replace(end_gap_s=-0.09))
    with pytest.raises(RowError, match="after its pictures") as caught:
        cut(media / "made_mpegts.ts", 1.0, 2.0, cut="smart")
    assert caught.value.kind == "av_sync"
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_what_goes_wrong_in_writing_is_not_taken_for_damage_of_the_source(
    media: Path, cut: Cut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, copied: bool) -> StreamTimes:
        raise av.FFmpegError(28, "No space left on device")

    monkeypatch.setattr(clipfile, "measure", full)
    with pytest.raises(av.FFmpegError, match="No space left"):
        cut(media / "made_mpegts.ts", 1.0, 2.0, 3.0, cut="smart")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_measures() -> None:
    StreamTimes(1.0, 1.0, 0.0, 0.04).check("x", 0.04)
    StreamTimes(1.0, None, None, None).check("x", 0.04)
    for gaps in ((0.0, 0.06), (0.0, -0.06), (0.01, 0.0)):
        with pytest.raises(RowError, match="x: its sound"):
            StreamTimes(1.0, 1.0, *gaps).check("x", 0.04)


# ---- odd clocks


def test_times_that_cannot_be_trusted_are_found_by_decoding(tmp_path: Path) -> None:
    film = make(tmp_path / "film.avi", "keyint=30:bframes=3", clicks_s=None)
    index = read_index(str(film))
    assert index.packets is None
    assert [index.seconds(t) for t in index.frames] == pytest.approx([f.time_s for f in shown(film)], abs=1e-4)


def tones(path: Path) -> list[tuple[int, float, float]]:
    """The stretches in which a file is not silent: the pitch in Hz, the start and the end in seconds."""
    rate, samples = sound(path)
    size, found = rate // 50, list[tuple[int, float, float]]()
    for at in range(0, len(samples) - size, size):
        block = samples[at : at + size]
        if np.abs(block).mean() < 0.02:
            continue
        pitch_hz = round(int(np.argmax(np.abs(np.fft.rfft(block, 8 * size)))) * rate / (8 * size) / 440) * 440
        if found and found[-1][0] == pitch_hz and at / rate - found[-1][2] < 0.05:
            found[-1] = (pitch_hz, found[-1][1], (at + size) / rate)
        elif not found or at / rate - found[-1][2] > -1e-6:
            found.append((pitch_hz, at / rate, (at + size) / rate))
    return [one for one in found if one[2] - one[1] > 0.1]


@pytest.mark.parametrize(("suffix", "second_s"), [("ts", 0.0), ("vob", 0.0), ("ts", 5_000.0), ("ts", 90_000.0)])
def test_recordings_that_were_joined_keep_their_sound(tmp_path: Path, cut: Cut, suffix: str, second_s: float) -> None:
    first = recording(tmp_path / f"first.{suffix}", 440, sound_s=(0.0, 2.5))
    second = recording(tmp_path / f"second.{suffix}", 880, second_s, sound_s=(0.5, 3.0))
    film = joined(tmp_path / f"film.{suffix}", first, second)
    index = read_index(str(film))
    begin_s = index.seconds(int(index.frames[0]))
    assert len(index.frames) == 150 and index.seconds(index.end) - begin_s == pytest.approx(6.0, abs=0.05)
    for start_s, end_s, expected in (
        (1.0, 4.0, [(440, 0.0, 1.5), (880, 2.5, 3.0)]),
        (4.0, 6.0, [(880, 0.0, 2.0)]),
    ):
        (clip,) = cut(film, begin_s + start_s, begin_s + end_s, cut="encode")
        found = tones(tmp_path / str(clip.file))
        assert [pitch_hz for pitch_hz, *_ in found] == [pitch_hz for pitch_hz, *_ in expected]
        for one, other in zip(found, expected, strict=True):
            assert one[1:] == pytest.approx(other[1:], abs=0.12)
