"""Videos of a folder: which are found, what is read of each, and what belongs to them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cliploom.builders.folder import Folder
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.options import make_step, plain_options
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Chapter, Video, from_arrow, problem, to_arrow


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    return folder


def put(media: Path, target: Path, source: str = "made_tiny_16x16.mp4") -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(media / source, target))


def names(step: Folder) -> list[str]:
    return [item.payload.found.relative for item in step.find()]


def answers(step: Folder, tmp_path: Path) -> list[Any]:
    with step.open(StepContext(tmp_path / "build", {"": Path("media/folder")})) as work:
        return list(work(list(step.find())))


def read(step: Folder, tmp_path: Path) -> list[Video]:
    found = []
    for answer in answers(step, tmp_path):
        assert not isinstance(answer, RowError), answer
        [video] = answer
        assert problem(video) is None
        found.append(video)
    return found


def digests(step: Folder) -> dict[str, str]:
    return {item.video_id: item.digest for item in step.find()}


def test_finds_videos_of_any_case_in_order_and_nothing_else(media: Path, videos: Path) -> None:
    for name in ("b.MP4", "a.mkv", "sub/c.webm", "sub/deep/d.Mov"):
        put(media, videos / name)
    for name in ("notes.txt", "x.mp4.part", "x.part.mp4", "x.temp.mp4", ".hidden.mp4", ".cache/e.mp4", "song.mp3"):
        put(media, videos / name)
    put(media, videos / "builds/first/media/clip.mp4")
    (videos / "builds/first/build.lock").touch()
    assert names(Folder(str(videos))) == ["a.mkv", "b.MP4", "sub/c.webm", "sub/deep/d.Mov"]
    assert names(Folder(str(videos), recursive=False)) == ["a.mkv", "b.MP4"]
    assert names(Folder(str(videos), pattern="?.m*")) == ["a.mkv"]
    assert names(Folder(str(videos), pattern="sub/*")) == ["sub/c.webm", "sub/deep/d.Mov"]
    assert names(Folder(str(videos), extensions=("MOV", ".mp3"))) == ["song.mp3", "sub/deep/d.Mov"]


def test_links_are_followed_once_and_never_in_circles(media: Path, videos: Path, tmp_path: Path) -> None:
    put(media, videos / "in/a.mp4")
    put(media, tmp_path / "elsewhere/b.mp4")
    (videos / "far").symlink_to(tmp_path / "elsewhere")
    (videos / "far_again").symlink_to(tmp_path / "elsewhere")
    (videos / "in/up").symlink_to(videos)
    (videos / "above").symlink_to(tmp_path)
    (videos / "same").symlink_to(videos / "in")
    (videos / "linked.mp4").symlink_to(videos / "in/a.mp4")
    assert names(Folder(str(videos))) == ["far/b.mp4", "in/a.mp4", "linked.mp4"]


def test_a_broken_link_and_a_pipe_are_failed_rows(media: Path, videos: Path, tmp_path: Path) -> None:
    (videos / "gone.mp4").symlink_to(videos / "nowhere.mp4")
    os.mkfifo(videos / "pipe.mp4")
    found = answers(Folder(str(videos)), tmp_path)
    assert [(type(a), a.kind) for a in found] == [(RowError, "unreadable")] * 2


def test_a_missing_or_empty_folder_is_the_users_error(videos: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder") as missing:
        list(Folder(str(videos / "nope")).find())
    assert str(videos / "nope") in missing.value.hint
    with pytest.raises(UserError, match="no videos in") as empty:
        list(Folder(str(videos), pattern="*.x").find())
    assert "mp4, mkv" in empty.value.hint and "*.x" in empty.value.hint
    (videos / "file").touch()
    with pytest.raises(UserError, match="it is a file"):
        list(Folder(str(videos / "file")).find())


def test_ids_are_readable_ascii_and_depend_on_the_place_inside_the_folder(media: Path, tmp_path: Path) -> None:
    for root in ("one", "two"):
        put(media, tmp_path / root / "Crème brûlée – how to?.mp4")
        put(media, tmp_path / root / "deep/Crème brûlée – how to?.mp4")
        put(media, tmp_path / root / f"{'long ' * 40}.mp4")
        put(media, tmp_path / root / "日本語.mp4")
    one, two = ([i.video_id for i in Folder(str(tmp_path / root)).find()] for root in ("one", "two"))
    assert one == two
    assert len(set(one)) == 4
    assert all(len(i) <= 51 and i.isascii() for i in one)
    stems = sorted(i.rpartition("-")[0] for i in one)
    assert stems == ["Creme-brulee-how-to", "Creme-brulee-how-to", "long-long-long-long-long-long-long-long", "video"]


def test_odd_names_are_right(media: Path, videos: Path, tmp_path: Path) -> None:
    odd = [b'it\'s "a" dog, 100%.mp4', "日本語 🎬.mp4".encode(), b"caf\xe9.mp4", b"-dash.mp4", b"new\nline.mp4"]
    for name in odd:
        path = os.path.join(os.fsencode(videos), name)
        shutil.copy(os.fsencode(media / "made_tiny_16x16.mp4"), path)
    shutil.copy(os.fsencode(media / "sintel_trailer.en.srt"), os.path.join(os.fsencode(videos), b"caf\xe9.en.srt"))
    found = {v.uri: v for v in read(Folder(str(videos)), tmp_path)}
    assert set(found) == {'it\'s "a" dog, 100%.mp4', "日本語 🎬.mp4", "caf\\xe9.mp4", "-dash.mp4", "new\nline.mp4"}
    assert all(Path(v.path).read_bytes() == (media / "made_tiny_16x16.mp4").read_bytes() for v in found.values())
    [subtitle] = found["caf\\xe9.mp4"].subtitles
    assert subtitle.language == "en" and Path(subtitle.path).read_bytes().startswith(b"1\n")
    assert list(from_arrow(Video, to_arrow(Video, list(found.values())))) == list(found.values())


def test_the_digest_follows_the_file_its_sidecars_and_its_manifest_row(media: Path, videos: Path) -> None:
    a, b = put(media, videos / "a.mp4"), put(media, videos / "b.mp4")
    manifest = videos / "list.csv"
    manifest.write_text("file,title\na.mp4,A\nb.mp4,B\n")
    step = Folder(str(videos), manifest="list.csv")
    a_id, b_id = (i.video_id for i in step.find())

    def changed_by(change: Any) -> set[str]:
        before = digests(step)
        change()
        return {i for i, digest in digests(step).items() if digest != before[i]}

    assert changed_by(lambda: None) == set()
    assert changed_by(lambda: os.utime(a, ns=(1, 1))) == {a_id}
    assert changed_by(lambda: b.write_bytes(b"x" * 10)) == {b_id}
    assert changed_by(lambda: (videos / "a.en.srt").write_text("")) == {a_id}
    assert changed_by(lambda: (videos / "b.json").write_text("{}")) == {b_id}
    assert changed_by(lambda: manifest.write_text("file,title\nb.mp4,B\na.mp4,new\n")) == {a_id}


def test_the_container_is_described(media: Path, tmp_path: Path) -> None:
    found = {v.uri: v for v in read(Folder(str(media), pattern="[nst]*"), tmp_path)}
    nasa = found["nasa_13013.mp4"]
    assert (nasa.width_px, nasa.height_px, nasa.video_codec, nasa.audio_codec) == (480, 270, "h264", "aac")
    assert nasa.fps == pytest.approx(30000 / 1001) and nasa.duration_s == pytest.approx(13.056)
    assert (nasa.pixel_format, nasa.rotation_deg, nasa.hdr) == ("yuv420p", 0, False)
    assert [(s.format, s.language, s.stream, s.path) for s in nasa.subtitles] == [
        ("stream", "en", 2, nasa.path),
        ("stream", "en", 5, nasa.path),
    ]
    assert nasa.size_bytes == (media / "nasa_13013.mp4").stat().st_size
    sintel = found["sintel_trailer_chapters_subs.mkv"]
    assert sintel.chapters[0] == Chapter(0.0, 9.3, "The mountain") and len(sintel.chapters) == 5
    assert [(s.format, s.language, s.stream) for s in sintel.subtitles] == [("stream", "", 2)]
    webm = found["tears_of_steel_2s.webm"]
    assert (webm.video_codec, webm.audio_codec, webm.width_px) == ("vp8", "vorbis", 960)
    assert nasa.sha256 == hashlib.sha256((media / "nasa_13013.mp4").read_bytes()).hexdigest()


def test_sound_alone_is_a_video_without_pictures(media: Path, videos: Path, tmp_path: Path) -> None:
    put(media, videos / "talk.mp4", "made_audio_only.mp4")
    [video] = read(Folder(str(videos)), tmp_path)
    assert (video.video_codec, video.audio_codec, video.width_px, video.fps) == ("", "aac", None, None)


def test_hdr_rotation_and_title_come_from_the_container(videos: Path, tmp_path: Path) -> None:
    with av.open(str(videos / "hlg.mkv"), "w") as out:
        out.metadata["title"] = "A test card"
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.color_trc = 18
        frame = av.VideoFrame.from_ndarray(np.zeros((72, 64), np.uint8), "yuv420p")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)
    [video] = read(Folder(str(videos)), tmp_path)
    assert (video.hdr, video.title, video.video_codec) == (True, "A test card", "ffv1")


@pytest.mark.parametrize(
    ("name", "length_s"),
    [("made_truncated_moov_front.mp4", 22.4), ("made_mpegts.ts", 20.04), ("sintel_trailer_270p.mp4", 52.21)],
)
def test_the_length_is_measured_where_the_container_lies(
    media: Path, videos: Path, tmp_path: Path, name: str, length_s: float
) -> None:
    put(media, videos / name, name)
    [video] = read(Folder(str(videos)), tmp_path)
    assert video.duration_s == pytest.approx(length_s, abs=0.03)


def test_the_length_of_joined_recordings_is_that_of_all(media: Path, videos: Path, tmp_path: Path) -> None:
    data = (media / "made_mpegts.ts").read_bytes()
    (videos / "joined.ts").write_bytes(data + data)
    [video] = read(Folder(str(videos)), tmp_path)
    assert video.duration_s == pytest.approx(40.1, abs=0.1)


def test_a_container_without_a_length_is_measured(videos: Path, tmp_path: Path) -> None:
    with av.open(str(videos / "live.mkv"), "w", options={"live": "1"}) as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        for packet in (p for _ in range(25) for p in stream.encode(av.VideoFrame(64, 48, "yuv420p"))):
            out.mux(packet)
    [video] = read(Folder(str(videos)), tmp_path)
    assert video.duration_s == pytest.approx(2.5, abs=0.11)


def test_sizes_are_those_shown_and_those_stored(videos: Path, tmp_path: Path) -> None:
    with av.open(str(videos / "portrait.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"x264-params": "tff=1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        stream.set_display_rotation(-90)
        for packet in (*stream.encode(av.VideoFrame(64, 48, "yuv420p")), *stream.encode(None)):
            out.mux(packet)
    [video] = read(Folder(str(videos)), tmp_path)
    assert (video.width_px, video.height_px) == (48, 96)
    assert (video.coded_width_px, video.coded_height_px) == (64, 48)
    assert (video.rotation_deg, video.mirrored, video.interlaced) == (90, False, True)


def test_what_cannot_be_read_fails_its_row_only(media: Path, tmp_path: Path) -> None:
    step = Folder(str(media), pattern="made_*.mp4")
    found = dict(zip(names(step), answers(step, tmp_path), strict=True))
    bad = {name: str(a) for name, a in found.items() if isinstance(a, RowError)}
    assert all(a.kind == "unreadable" for a in found.values() if isinstance(a, RowError))
    assert {"made_zero_bytes.mp4", "made_header_zeroed.mp4", "made_random_bytes.mp4"} <= {*bad}
    assert "made_one_frame.mp4" in found and "made_one_frame.mp4" not in bad
    assert "0 bytes" in bad["made_zero_bytes.mp4"]


INFO = {
    "id": "abc",
    "title": "How to fold a crane",
    "description": "Paper.",
    "uploader": "Mika",
    "channel": "Mika folds",
    "license": "Creative Commons Attribution",
    "webpage_url": "https://user:secret@example.org/watch?v=abc",
    "url": "https://cdn.example.org/x?sig=TOKEN",
    "duration": 664,
    "chapters": [
        {"start_time": 69.0, "end_time": 80.0, "title": "Fold"},
        {"start_time": 0, "title": "Start"},
        {"title": "lost"},
    ],
    "formats": [{"url": "https://cdn.example.org/y?sig=TOKEN"}],
    "http_headers": {"Cookie": "TOKEN"},
    "_filename": "/home/mika/x.mp4",
    "automatic_captions": {"en": [{"url": "https://example.org/?TOKEN"}]},
    "view_count": 12,
    "tags": ["paper", "\ud800"],
    "like_count": None,
}


def test_an_info_json_is_read_without_its_secrets(media: Path, videos: Path, tmp_path: Path) -> None:
    put(media, videos / "crane.mp4")
    (videos / "crane.info.json").write_text(json.dumps(INFO))
    for name in ("crane.en.vtt", "crane.pt-BR.json3", "crane.SRT", "crane.en-orig.srt", "crane.fr.forced.srt"):
        (videos / name).write_text("")
    (videos / "crane.live_chat.json").write_text("[]")
    [video] = read(Folder(str(videos)), tmp_path)
    assert (video.title, video.uploader, video.license) == (INFO["title"], "Mika", INFO["license"])
    assert video.uri == "https://example.org/watch?v=abc"
    assert video.chapters == [Chapter(0.0, 69.0, "Start"), Chapter(69.0, 80.0, "Fold")]
    assert video.duration_s == pytest.approx(0.8)  # the container's own
    metadata = json.loads(video.metadata)
    assert metadata["view_count"] == 12 and metadata["channel"] == "Mika folds" and metadata["tags"] == ["paper", "?"]
    assert not {"formats", "url", "_filename", "automatic_captions", "like_count"} & metadata.keys()
    assert "TOKEN" not in video.metadata and "secret" not in repr(video) and "/home/" not in video.metadata
    assert [(s.format, s.language) for s in video.subtitles] == [
        ("srt", ""),
        ("srt", "en"),
        ("vtt", "en"),
        ("srt", "fr"),
        ("json3", "pt-BR"),
    ]


def test_who_says_more_of_a_video_counts_in_order(media: Path, videos: Path, tmp_path: Path) -> None:
    put(media, videos / "a.mp4")
    (videos / "a.txt").write_text("from txt")
    (videos / "a.info.json").write_text(json.dumps({"title": "from info", "uploader": "info", "age_limit": 0}))
    (videos / "a.json").write_text(
        json.dumps({"title": "from json", "caption": "a crane", "licence": "CC0", "url": "https://example.org/a"})
    )
    (videos / "list.jsonl").write_text(json.dumps({"file_name": "a.mp4", "title": "from list", "split": "train"}))
    [plain] = read(Folder(str(videos)), tmp_path)
    assert (plain.title, plain.uploader, plain.description) == ("from json", "info", "from txt")
    assert (plain.license, plain.uri) == ("CC0", "https://example.org/a")
    [listed] = read(Folder(str(videos), manifest=str(videos / "list.jsonl")), tmp_path)
    assert (listed.title, listed.uri) == ("from list", "https://example.org/a")
    metadata = json.loads(listed.metadata)
    assert (metadata["split"], metadata["age_limit"]) == ("train", 0)
    assert metadata["captions"] == [{"text": "a crane"}, {"text": "from txt"}]
    (videos / "a.description").write_text("from description\n")
    assert read(Folder(str(videos)), tmp_path)[0].description == "from description"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b'{"title": "x",\n "y": }', "a.json:2: this is not JSON"),
        ("a.info.json", b'["x"]', "a.info.json:1: this is a JSON list"),
        ("a.txt", b"fine\n" + bytes(range(256)) * 3, "a.txt:3: this is in no encoding"),
        ("a.json", b"[" * 100_000, "a.json:1: "),
    ],
)
def test_a_broken_sidecar_fails_its_row_and_names_the_line(
    media: Path, videos: Path, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    put(media, videos / "a.mp4")
    put(media, videos / "b.mp4")
    (videos / name).write_bytes(content)
    broken, whole = answers(Folder(str(videos)), tmp_path)
    assert isinstance(broken, RowError) and broken.kind == "bad_sidecar" and str(broken).startswith(said)
    assert whole[0].uri == "b.mp4"


def test_a_changed_subtitle_file_makes_a_changed_row(media: Path, videos: Path, tmp_path: Path) -> None:
    put(media, videos / "a.mp4")
    (videos / "a.en.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nOne.\n")
    [before] = read(Folder(str(videos)), tmp_path)
    (videos / "a.en.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nTwo.\n")
    [after] = read(Folder(str(videos)), tmp_path)
    assert before.subtitles[0].sha256 != after.subtitles[0].sha256
    assert before.sha256 == after.sha256


def manifest_of(kind: str, folder: Path) -> str:
    rows = [{"video": "sub/a.mp4", "title": "A", "views": 3}, {"video": "b", "title": "", "views": 4}]
    path = folder / f"list.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    else:
        mark = "," if kind == "csv" else "\t"
        lines = [mark.join(rows[0]), *(mark.join(map(str, row.values())) for row in rows)]
        path.write_text("\ufeff" + "\r\n".join(lines))
    return path.name


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_manifest_of_any_kind_says_more_of_its_files(media: Path, videos: Path, tmp_path: Path, kind: str) -> None:
    for name in ("sub/a.mp4", "b.mp4", "c.mp4"):
        put(media, videos / name)
    step = Folder(str(videos), manifest=manifest_of(kind, videos))
    found = {v.uri: (v.title, json.loads(v.metadata).get("views")) for v in read(step, tmp_path)}
    three, four = (3, 4) if kind in ("jsonl", "parquet") else ("3", "4")
    assert found == {"b.mp4": ("", four), "c.mp4": ("", None), "sub/a.mp4": ("A", three)}
    listed = Folder(str(videos), manifest=f"list.{kind}", only_listed=True)
    assert names(listed) == ["b.mp4", "sub/a.mp4"]


def test_a_file_that_only_the_manifest_knows_is_a_failed_row(media: Path, videos: Path, tmp_path: Path) -> None:
    put(media, videos / "a.mp4")
    (videos / "list.csv").write_text("path,title\na.mp4,A\n../../etc/passwd,P\nz.mp4,Z\n")
    outside, good, missing = answers(Folder(str(videos), manifest="list.csv"), tmp_path)
    assert good[0].title == "A"
    assert {outside.kind, missing.kind} == {"missing"} and str(missing).startswith("list.csv:4 names z.mp4")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("l.csv", "name,title\na.mp4,A\n", "l.csv:2: no column names the file"),
        ("l.csv", "file,title\na.mp4,A,B\n", "l.csv:2: 3 cells, where the header has 2 columns"),
        ("l.csv", "file,title\n,A\n", "l.csv:2: the column file is empty"),
        ("l.jsonl", '{"file": \n', "l.jsonl:1: this is not JSON"),
        ("l.json", '{"file": \n', "l.json: this is not JSON in UTF-8: .* line 2"),
        ("l.json", "[1]", "l.json, entry 1: it is no object"),
        ("l.jsonl", "[1]\n", "l.jsonl:1: a line must be a JSON object"),
        ("l.parquet", "nothing", "l.parquet: this is not Parquet"),
        ("l.xlsx", "nothing", "l.xlsx is no manifest"),
    ],
)
def test_a_broken_manifest_is_the_users_error(media: Path, videos: Path, name: str, content: str, said: str) -> None:
    put(media, videos / "a.mp4")
    (videos / name).write_text(content)
    with pytest.raises(UserError, match=said):
        list(Folder(str(videos), manifest=name).find())


def test_manifest_options_that_make_no_sense(media: Path, videos: Path) -> None:
    put(media, videos / "a.mp4")
    (videos / "l.csv").write_text("file,title\na.mp4,A\n")
    with pytest.raises(UserError, match="no column fle; did you mean file"):
        list(Folder(str(videos), manifest="l.csv", manifest_column="fle").find())
    with pytest.raises(UserError, match="only_listed needs a manifest"):
        list(Folder(str(videos), only_listed=True).find())
    with pytest.raises(UserError, match="cannot read .*nope.csv: No such file"):
        list(Folder(str(videos), manifest="nope.csv").find())


def test_options_come_as_a_recipe_writes_them(videos: Path) -> None:
    step = make_step("builders.folder", Folder, {"path": str(videos), "extensions": ["mp4", "mkv"]})
    assert step.extensions == ("mp4", "mkv")
    moved = make_step("builders.folder", Folder, {"path": "elsewhere", "extensions": ["mp4", "mkv"]})
    assert plain_options(step, hashed=True) == plain_options(moved, hashed=True)
