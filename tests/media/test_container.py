"""Opening what nobody vouches for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cliploom.engine.contract.errors import RowError
from cliploom.media.container import best_audio, best_video, fraction, open_media, tags


def refusal(path: str | Path) -> RowError:
    with pytest.raises(RowError) as caught, open_media(path):
        pass
    return caught.value


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("made_zero_bytes.mp4", "empty"),
        ("made_html_error_page.mp4", "HTML page"),
        ("made_header_zeroed.mp4", "beginning is damaged"),
        ("made_random_bytes.mp4", "not a media file"),
        ("made_truncated_moov_missing.mp4", "without a usable index"),
        ("no_such_file.mp4", "no such file"),
        (".", "not a file"),
    ],
)
def test_unreadable_files_say_why(media: Path, name: str, reason: str) -> None:
    error = refusal(media / name)
    assert error.kind == "unreadable"
    assert reason in error.message


def test_only_local_files_and_nothing_that_a_file_names(tmp_path: Path, media: Path) -> None:
    film = media / "tears_of_steel_2s.webm"
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{film}\n#EXT-X-ENDLIST\n")
    concat = tmp_path / "list.ffconcat"
    concat.write_text(f"ffconcat version 1.0\nfile '{film}'\n")
    for path in (playlist, concat, "http://127.0.0.1:1/film.mp4", f"concat:{film}|{film}", "testsrc2"):
        assert refusal(path).kind == "unreadable"


@pytest.mark.parametrize(
    "name",
    ["data:1.mp4", "a%03d.mp4", "concat:a|b.mp4", "file:x.mp4", "subfile,,start,0,end,0,,:x.mp4", "-i.mp4", "*?[x].mp4"]
    + ["new\nline.mp4", "\N{CLAPPER BOARD} film.mp4", " a.mp4", "back\\slash.mp4", "'\".mp4", "#1?x=2.mp4"],
)
def test_names_are_taken_literally(tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes((media / "made_one_frame.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    with open_media(name) as container:
        assert best_video(container) is not None


@pytest.mark.parametrize(("width", "height"), [(20_000, 64), (64, 16_385), (12_000, 12_000)])
def test_a_header_cannot_claim_a_huge_picture(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "huge.y4m"
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420jpeg\nFRAME\n".encode() + bytes(6144))
    error = refusal(path)
    assert error.kind == "too_large"
    assert f"{width}x{height}" in error.message


def test_tags_that_are_no_utf8_lose_their_other_bytes_and_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tags.mkv"
    with av.open(str(path), "w") as output:
        output.metadata["title"] = "Caf1, 2 pm"
        stream = output.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 16
        output.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        output.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"Caf1", b"Caf\xe9"))
    with open_media(path) as container:
        assert tags(container.metadata)["title"] == "Caf, 2 pm"


def test_a_rational_number_is_a_fraction_or_unset(media: Path) -> None:
    with open_media(media / "sintel_trailer_270p.mp4") as container:
        stream = best_video(container)
        assert stream is not None
        assert fraction(stream.time_base) == Fraction(1, 12288)
        assert fraction(stream.sample_aspect_ratio) is None


def test_an_error_of_the_caller_stays_its_own(media: Path) -> None:
    with pytest.raises(ValueError, match="mine"), open_media(media / "made_one_frame.mp4"):
        raise ValueError("mine")


def test_the_streams_that_ffmpeg_picks(media: Path) -> None:
    with open_media(media / "nasa_13013.mp4") as container:
        video, audio = best_video(container), best_audio(container)
        assert video is not None and audio is not None
        assert (video.codec_context.width, video.codec_context.height) == (480, 270)
        assert video is not container.streams.video[0]
    with open_media(media / "made_audio_only.mp4") as container:
        assert best_video(container) is None and best_audio(container) is not None
    with open_media(media / "made_video_only.mp4") as container:
        assert best_video(container) is not None and best_audio(container) is None


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        sound = output.add_stream("aac", rate=16_000, layout="mono")
        cover = output.add_stream("mjpeg", rate=1, width=64, height=64, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame(64, 64, "yuvj420p")))
        for number in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, number * 1024
            output.mux(sound.encode(frame))
        output.mux(cover.encode(None))
        output.mux(sound.encode(None))
    with open_media(path) as container:
        assert len(container.streams.video) == 1
        assert best_video(container) is None
        assert best_audio(container) is not None
