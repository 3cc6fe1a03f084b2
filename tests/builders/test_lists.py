"""Lists of files and captions as datasets publish them, and the clips that are made of them."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cliploom.builders.folder import Folder
from cliploom.builders.source_clips import SourceClips
from cliploom.builders.sources.captions import SourceCaption, read_captions
from cliploom.builders.sources.manifests import match_lines, read_manifest
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Video, problem

MEDIA = Path(__file__).parents[1] / "media"
TINY = MEDIA / "made_tiny_16x16.mp4"  # 0.8 s


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TINY, folder / name)
    return folder


def answers(folder: Path, build: Path, **options: Any) -> dict[str, Any]:
    """What the source says of each file, by the file's path; failures by their messages."""
    step = Folder(str(folder), **options)
    items = list(step.find())
    assert len({item.video_id for item in items}) == len(items)
    with step.open(StepContext(build, {"": Path("media/folder")})) as work:
        said = work(items)
    found: dict[str, Any] = {}
    for item, answer in zip(items, said, strict=True):
        found[item.payload.found.relative] = answer if isinstance(answer, RowError) else answer[0]
        assert isinstance(answer, RowError) or isinstance(answer[0], Drop) or problem(answer[0]) is None
    return found


def texts(video: Video) -> list[str]:
    return [caption["text"] for caption in json.loads(video.metadata).get("captions", ())]


def manifest(folder: Path, name: str, content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return name


TWO = ["a dog runs", "a dog is running"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", "file_name,caption\na.mp4,a dog runs\na.mp4,a dog is running\n"),
        ("l.csv", 'video,captions\na,"[""a dog runs"", ""a dog is running""]"\n'),
        ("l.tsv", "Video_ID\tCaptions\na\t['a dog runs', 'a dog is running']\n"),
        ("l.csv", "file;caption_1;caption_2\na.mp4;a dog runs;a dog is running\n"),
        ("l.csv", "VideoID,Description,n\na,a dog runs,1\na,a dog is running,2\n"),  # MSVD
        ("l.jsonl", '{"path": "./a.mp4", "text": "a dog runs"}\n{"path": "a.mp4", "text": "a dog is running"}\n'),
        ("l.json", {"videos": [{"video_id": "a", "category": 9}], "sentences": [  # MSR-VTT
            {"video_id": "a", "caption": t, "sen_id": i} for i, t in enumerate(TWO)]}),
        ("l.json", [{"videoID": "a", "enCap": TWO}]),  # VATEX
        ("l.json", {"a": TWO}),
        ("l.json", {"a": {"duration": 0.8, "timestamps": [[0, 0.4], [0.4, 0.8]], "sentences": TWO}}),  # ActivityNet
        ("l.json", {"database": {"a": {"annotations": [{"segment": [0, 1], "sentence": t} for t in TWO]}}}),  # YouCook2
        ("l.json", {"images": [{"id": 7, "file_name": "a.mp4"}], "annotations": [
            {"image_id": 7, "caption": t} for t in TWO]}),  # COCO
        ("l.json", {"a.mp4": [{"caption": t} for t in TWO]}),
    ],
)  # fmt: skip
def test_several_captions_of_one_video_are_all_kept(tmp_path: Path, name: str, content: Any) -> None:
    folder = put(tmp_path / "in", "a.mp4", "b.mp4")
    found = answers(folder, tmp_path, manifest=manifest(folder, name, content))
    assert texts(found["a.mp4"]) == TWO and texts(found["b.mp4"]) == []


def test_captions_keep_their_times_and_languages() -> None:
    said, rest = read_captions({"duration": 9, "timestamps": [[0, "0:00:02"], [2, 4.5]], "sentences": TWO})
    assert said == [SourceCaption(TWO[0], 0.0, 2.0), SourceCaption(TWO[1], 2.0, 4.5)] and rest["duration"] == 9
    said, _ = read_captions({"enCap": ["Hi"], "chCap": ["你好"]})
    assert said == [SourceCaption("Hi", language="en"), SourceCaption("你好", language="zh")]
    assert read_captions({"sentence": "Hi", "start": "1.5", "end": "4"})[0] == [SourceCaption("Hi", 1.5, 4.0)]
    assert read_captions({"caption": "Hi", "timestamps": [[0, 1], [1, 2]]})[0] == [SourceCaption("Hi")]
    assert read_captions({"caption": "[Music]", "text": "x"})[0] == [SourceCaption("[Music]")]
    assert read_captions({"contentUrl": "u", "name": "Waves"})[0] == [SourceCaption("Waves")]  # WebVid
    assert read_captions({"captions": {"en": 5}, "name": "x"}) == ([], {"captions": {"en": 5}, "name": "x"})


def test_a_row_that_is_wrong_fails_alone_and_names_its_line(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    rows = "file,title\na.mp4,A\nb.mp4,B,C\n,D\nc.mp4,C\nc.mp4,other\nd.mp4,D\nd.mp4,D,E\n"
    found = answers(folder, tmp_path, manifest=manifest(folder, "l.csv", rows))
    assert found["a.mp4"].title == "A" and found["d.mp4"].title == "D"
    failed = {name: str(error) for name, error in found.items() if isinstance(error, RowError)}
    assert failed == {
        "b.mp4": "l.csv:3: 3 cells, where the header has 2 columns",
        "l.csv:4": "l.csv:4: the column file is empty, it should name a video file",
        "c.mp4": "l.csv:6: c.mp4 was named before, at l.csv:5, with other values",
        "l.csv:8": "l.csv:8: 3 cells, where the header has 2 columns",
    }
    assert {error.kind for error in found.values() if isinstance(error, RowError)} == {"bad_row"}


def test_the_same_row_twice_is_no_matter_and_a_broken_line_of_jsonl_is_one_row(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "a.mp4")
    lines = '{"file": "a.mp4", "title": "A"}\n{"file": "a.mp4", "title": "A"}\n{"file":\n[1]\n{"title": "no file"}\n'
    found = answers(folder, tmp_path, manifest=manifest(folder, "l.jsonl", lines))
    assert found["a.mp4"].title == "A" and len(found) == 4
    assert "l.jsonl:3: this is not JSON" in str(found["l.jsonl:3"])
    assert str(found["l.jsonl:4"]) == "l.jsonl:4: a line must be a JSON object {…}"
    assert str(found["l.jsonl:5"]) == "l.jsonl:5: nothing in it names the file"


@pytest.mark.parametrize(
    "listed", ["clips\\a.mp4", "C:\\data\\clips\\a.mp4", "/old/place/clips/a.mp4", "a", "a.mp4", "a.avi", "./clips/a"]
)
def test_names_are_found_however_they_are_spelled(tmp_path: Path, listed: str) -> None:
    folder = put(tmp_path / "in", "clips/a.mp4", "clips/b.mp4")
    found = answers(folder, tmp_path, manifest=manifest(folder, "l.jsonl", json.dumps({"file": listed, "title": "A"})))
    assert {name: video.title for name, video in found.items()} == {"clips/a.mp4": "A", "clips/b.mp4": ""}


def test_a_name_that_may_mean_two_files_or_another_folders_file_is_missing(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "one/a.mp4", "two/a.mp4", "two/b.mp4")
    rows = "file,title\na,A\nthree/b.mp4,B\n"
    found = answers(folder, tmp_path, manifest=manifest(folder, "l.csv", rows))
    assert {name: video.title for name, video in found.items() if isinstance(video, Video)} == {
        "one/a.mp4": "", "two/a.mp4": "", "two/b.mp4": "",
    }  # fmt: skip
    assert {name for name, error in found.items() if isinstance(error, RowError)} == {"a", "three/b.mp4"}
    assert found["a"].kind == "missing" and str(found["a"]).startswith("l.csv:2 names a, which is not among")


def test_composed_and_decomposed_letters_are_the_same_name(tmp_path: Path) -> None:
    manifest(tmp_path, "l.csv", "file\ncafe\u0301.mp4\n")
    pairs = match_lines(read_manifest(str(tmp_path / "l.csv")), ["caf\u00e9.mp4"], "/x")
    assert [*pairs.by_file] == ["caf\u00e9.mp4"] and not pairs.rest


def test_headers_with_spaces_and_binary_columns_are_read(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(" File Name ,Caption\na.mp4,A bird\n")
    table = pa.table({"video": [b"a.mp4"], "caption": [b"A bird"], "thumbnail": [b"\xff\xd8\0"]})
    pq.write_table(table, tmp_path / "m.parquet")
    for name in ("m.csv", "m.parquet"):
        [line] = read_manifest(str(tmp_path / name))
        assert (line.file, [c.text for c in line.captions], "thumbnail" in line.told) == ("a.mp4", ["A bird"], False)


def test_long_cells_and_odd_characters_in_lists_are_kept_or_cleaned(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "a.mp4")
    long = "word " * 1_000_000
    row = {"file": "a.mp4", "title": "A\ud800", "\udfff\0key": 10**400, "transcript": long, "deep": [[[1]]]}
    found = answers(folder, tmp_path, manifest=manifest(folder, "l.jsonl", json.dumps(row)))
    assert found["a.mp4"].title == "A?"
    metadata = json.loads(found["a.mp4"].metadata)
    assert metadata["transcript"] == long and metadata["?key"] == 10**400 and found["a.mp4"].metadata.encode()
    with pytest.raises(UserError, match=r"x.xlsx is no manifest.*\n.*csv"):
        read_manifest(manifest(folder, "x.xlsx", ""))


@pytest.mark.parametrize("name", ["a.json", "a.info.json"])
def test_odd_sidecars_are_cleaned_or_a_failed_row(tmp_path: Path, name: str) -> None:
    folder = put(tmp_path / "in", "a.mp4")
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    odd = {
        "title": "A\ud800",
        "\udfff\0tags": 1,
        "tags": [10**400, deep],
        "duration": 10**400,
        "chapters": [{"start_time": 1}],
    }
    (folder / name).write_text(json.dumps(odd))
    video = answers(folder, tmp_path)["a.mp4"]
    assert video.title == "A?" and problem(video) is None and video.metadata.encode()
    (folder / name).write_text("[" * 100_000)
    assert answers(folder, tmp_path)["a.mp4"].kind == "bad_sidecar"
    (folder / "a.json").write_text(json.dumps({"caption": "x" * 5_000_000}))
    (folder / "a.info.json").unlink(missing_ok=True)
    (folder / "a.txt").write_text("y" * 5_000_000)
    video = answers(folder, tmp_path)["a.mp4"]
    assert texts(video) == ["x" * 5_000_000] and len(video.description) == 5_000_000


@pytest.mark.parametrize("encoding", ["cp1250", "utf-16", "utf-8-sig"])
def test_texts_beside_a_video_are_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    folder = put(tmp_path / "in", "a.mp4")
    (folder / "a.txt").write_bytes("Łódka płynie przez jezioro.".encode(encoding))
    assert texts(answers(folder, tmp_path)["a.mp4"]) == ["Łódka płynie przez jezioro."]


def test_the_streams_of_an_unmerged_download_belong_to_it(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "Lake [id].f137.mp4", "race.f1.mp4", "race.mp4", "done.f22.mp4", "done.mp4")
    shutil.copy(MEDIA / "made_audio_only.mp4", folder / "Lake [id].f251.webm")
    shutil.copy(MEDIA / "made_audio_only.mp4", folder / "done.f140.m4a")
    put(folder, "Lake [id].temp.mp4", "Lake [id].part.mp4", "Lake [id].f137.mp4.part")
    (folder / "Lake [id].info.json").write_text('{"title": "Lake", "license": "CC0"}')
    (folder / "Lake [id].en.vtt").write_text("WEBVTT\n")
    (folder / "race.json").write_text('{"title": "Race"}')
    found = answers(folder, tmp_path)
    assert sorted(found) == [
        "Lake [id].f137.mp4", "Lake [id].f251.webm", "done.f22.mp4", "done.mp4", "race.f1.mp4", "race.mp4",
    ]  # fmt: skip
    lake = found["Lake [id].f137.mp4"]
    assert (lake.title, lake.license, [s.language for s in lake.subtitles]) == ("Lake", "CC0", ["en"])
    assert json.loads(lake.metadata)["streams"] == ["Lake [id].f137.mp4", "Lake [id].f251.webm"]
    assert found["Lake [id].f251.webm"].reason == "only_sound" and found["done.f22.mp4"].reason == "merged"
    assert (found["race.mp4"].title, found["race.f1.mp4"].title) == ("Race", "")


def test_subtitles_that_nothing_reads_are_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "a.mp4")
    for name in ("a.en.sup", "a.idx", "a.en.dfxp", "b.sup"):
        (folder / name).touch()
    video = answers(folder, tmp_path)["a.mp4"]
    assert json.loads(video.metadata)["unread_subtitles"] == ["a.en.sup", "a.idx"]
    assert [s.format for s in video.subtitles] == ["ttml"]


V2D = {
    "url": "https://example.org/v.mp4", "caption": "A lake.", "videoid": 7, "key": "000000000", "status": "success",
    "error_message": None, "clips": [[3.0, 4.0]],
    "yt_meta_dict": {"info": {"title": "Lake", "license": "CC0", "formats": [{"url": "TOKEN"}]}, "subtitles": {}},
}  # fmt: skip


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("form", ["files", "webdataset"])
def test_what_video2dataset_writes_is_read(tmp_path: Path, form: str) -> None:
    folder, files = tmp_path / "out", dict[str, bytes]()
    for key in ("000000000", "000000001"):
        files |= {f"{key}.mp4": TINY.read_bytes(), f"{key}.txt": b"A lake.", f"{key}.json": json.dumps(V2D).encode()}
    del files["000000001.mp4"]  # one that could not be downloaded
    if form == "files":
        for name, content in files.items():
            (folder / "00000").mkdir(parents=True, exist_ok=True)
            (folder / "00000" / name).write_bytes(content)
    else:
        write_tar(folder / "00000.tar", files)
    (folder / "00000.parquet").write_bytes(b"")
    (folder / "00000_stats.json").write_text("{}")
    [(name, video)] = answers(folder, tmp_path / "build").items()
    assert name in ("00000/000000000.mp4", "00000.tar/000000000.mp4")
    assert (video.title, video.license, video.uri) == ("Lake", "CC0", "https://example.org/v.mp4")
    assert texts(video) == ["A lake."] and "TOKEN" not in video.metadata
    assert Path(video.path).read_bytes() == TINY.read_bytes()


def test_an_archive_gives_what_is_whole_in_it_and_says_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    names = ("../../evil.mp4", "/abs/b.mp4", "deep/c.v2.mp4", "deep/._c.mp4", "z.mp4")
    write_tar(folder / "x.tar", {name: TINY.read_bytes() for name in names} | {"deep/c.v2.en.srt": b"1\n"})
    found = answers(folder, tmp_path / "build")
    assert sorted(found) == ["x.tar/../../evil.mp4", "x.tar//abs/b.mp4", "x.tar/deep/c.v2.mp4", "x.tar/z.mp4"]
    made = {path.parent for path in (tmp_path / "build").rglob("*") if path.is_file()}
    assert made == {tmp_path / "build/media/folder"}
    assert [s.language for s in found["x.tar/deep/c.v2.mp4"].subtitles] == ["en"]
    raw = (folder / "x.tar").read_bytes()
    (folder / "x.tar").write_bytes(raw[: raw.index(b"z.mp4") + 600])
    (folder / "y.tar").write_bytes(b"no archive at all" * 100)
    found = answers(folder, tmp_path / "build")
    assert "it ends in the middle of z.mp4" in str(found["x.tar"]) and "x.tar/deep/c.v2.mp4" in found
    assert found["y.tar"].kind == "unreadable" and "cannot be read as a tar archive" in str(found["y.tar"])


def video_of(captions: list[dict[str, Any]], duration_s: float | None = 10.0) -> Video:
    return Video("v", "v.mp4", "v.mp4", "0" * 64, 1, duration_s=duration_s, metadata=json.dumps({"captions": captions}))


def made(video: Video, **options: Any) -> dict[str, Any]:
    step = SourceClips(**options)
    with step.open(StepContext(Path(), {})) as work:
        return work([video], frozenset(part.name for part in step.parts()))[0]


def test_captions_without_times_are_about_the_whole_video() -> None:
    found = made(video_of([{"text": "one"}, {"text": "two", "language": "en"}]))
    assert [(c.clip_id, c.start_s, c.end_s) for c in found["clips"]] == [("v_000000000_000010000", 0.0, 10.0)]
    assert [(c.text, c.kind, c.teacher, c.language) for c in found["captions"]] == [
        ("one", "source", "source", ""), ("two", "source", "source", "en"),
    ]  # fmt: skip
    assert made(video_of([])) == {"clips": [], "captions": []}
    assert {str(e) for e in made(video_of([{"text": "x"}], None)).values()} == {"v: its container declares no length"}
    assert [s.detector for s in made(video_of([{"text": "one"}]), give="shots")["shots"]] == ["source"]


def test_captions_with_times_make_a_clip_for_each_span() -> None:
    spans = [(0, 4.0), (3.0, 12.0), (3.0, 12.0), (11.0, 12.0)]
    found = made(video_of([{"text": f"t{i}", "start_s": s, "end_s": e} for i, (s, e) in enumerate(spans)]))
    assert [(c.start_s, c.end_s) for c in found["clips"][:2]] == [(0, 4), (3, 10)]
    assert [(d.reason, d.detail) for d in found["clips"][2:]] == [("past_end", "11.000 s; the file ends at 10.000 s")]
    assert [c.text for c in found["captions"]] == ["t0", "t1", "t2"]
    assert len({c.caption_id for c in found["captions"]}) == 3


def test_a_file_that_is_the_span_already_is_one_clip() -> None:
    captions = [{"text": t, "start_s": 137.7, "end_s": 147.9} for t in TWO]
    [clip] = made(video_of(captions))["clips"]
    assert (clip.start_s, clip.end_s) == (0.0, 10.0)


def test_a_text_that_is_no_caption_by_its_length_leaves() -> None:
    found = made(video_of([{"text": "x" * 5_000_000}, {"text": "short"}]))
    assert [c.text for c in found["captions"][:1]] == ["short"] and found["captions"][1].reason == "too_long"
    only = made(video_of([{"text": "x" * 5_000_000}]))
    assert only["clips"] == [] and only["captions"][0].detail == "5000000 characters"


def test_a_list_of_captions_becomes_clips_and_captions_in_a_build(tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "a.mp4", "b.mp4")
    manifest(folder, "l.csv", "file_name,caption\na.mp4,a dog runs\na.mp4,a dog is running\n")
    run_build(
        Recipe("x", (Folder(str(folder), manifest="l.csv"), SourceClips())), tmp_path / "b", RunOptions(workers=1)
    )
    with Build.read(tmp_path / "b").connect() as db:
        rows = db.execute("SELECT kind, text FROM captions ORDER BY caption_id").fetchall()
    assert rows == [("source", text) for text in TWO]
