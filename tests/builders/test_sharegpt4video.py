"""ShareGPT4Video's jsonl: what is read of it, what is refused, and that it comes back byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliploom.builders.clips import Clips
from cliploom.builders.sharegpt4video import Sharegpt4videoSource
from cliploom.builders.sharegpt4video_clips import Sharegpt4videoClips
from cliploom.builders.sources import sharegpt as reading
from cliploom.cards.formats import sharegpt as writing
from cliploom.cards.sharegpt4video import Sharegpt4videoExport as ToSharegpt4video
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Shot, Video

MEDIA = Path(__file__).parents[1] / "media"
FIRST = writing.Sharegpt4videoLine(
    "nasa", "space/nasa.mp4", "space_1.zip",
    [
        writing.SpanCaption(0.0, "A star – blue."), writing.SpanCaption(2.0, 'It "grows"\u2028fast.'),
        writing.SpanCaption(6.5, "夜."),
    ],
    "A star grows.",
)  # fmt: skip
SECOND = writing.Sharegpt4videoLine("gone", "space/gone.mp4", "space_1.zip", [], "Nothing is left.")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos" / "space"
    folder.mkdir(parents=True)
    shutil.copy(MEDIA / "nasa_13013.mp4", folder / "nasa.mp4")
    return folder.parent


def save(path: Path, *lines: writing.Sharegpt4videoLine | str | bytes) -> Path:
    texts = [writing.line(one) if isinstance(one, writing.Sharegpt4videoLine) else one for one in lines]
    path.write_bytes(b"".join((t.encode() if isinstance(t, str) else t) + b"\n" for t in texts))
    return path


def answers(file: Path, videos: Path, root: Path, **options: Any) -> list[Video | RowError]:
    source = Sharegpt4videoSource(str(file), str(videos), **options)
    items = list(source.find())
    assert len({item.video_id for item in items}) == len(items)
    with source.open(StepContext(root, {"": Path("media/x")})) as work:
        found = work(items)
    return [one if isinstance(one, RowError) else one[0] for one in found]  # type: ignore[misc]


def made_of(video: Video, **options: Any) -> dict[str, Any]:
    step = Sharegpt4videoClips(**options)
    with step.open(StepContext(Path(), {})) as work:
        return work([video], frozenset(part.name for part in step.parts()))[0]


@given(
    st.lists(
        st.tuples(st.floats(0, 1e5).map(lambda t: round(t, 3)), st.text(min_size=1).filter(str.strip)), max_size=6
    ),
    st.text(),
)
def test_whatever_is_written_is_read(moments: list[tuple[float, str]], caption: str) -> None:
    given_ = [writing.SpanCaption(t, s) for t, s in sorted(moments)]
    raw = writing.line(writing.Sharegpt4videoLine("v", "v.mp4", "", given_, caption)).encode("utf-8", "replace")
    told = reading.read_captions(reading.read_line(raw, "here"), "here")
    spoken = [m.text.encode("utf-8", "replace").decode().replace("\0", "").strip() for m in given_]
    assert [m.text for m in told.moments] == [s for s in spoken if s]
    if all(spoken):
        assert [m.end_s for m in told.moments] == [m.time_s for m in given_]


@pytest.mark.parametrize(
    ("idx", "timestamps", "spans"),
    [
        (["0", "1", "-1"], [0, 2.5], [(0.0, 0.0), (0.0, 2.5)]),
        ([0, 1, -1], ["0.00", "2.50"], [(0.0, 0.0), (0.0, 2.5)]),
        ([1.0, "02", "-1"], ["1s", "2.5s"], [(1.0, 1.0), (1.0, 2.5)]),
        (["-1", "7", "3"], ["0:00:01.000", "0:01:02.500"], [(1.0, 1.0), (1.0, 62.5)]),
        (["0", "1", "-1"], [[0, 1], ["1", "2.5"]], [(0.0, 1.0), (1.0, 2.5)]),
        (["0", "1", "-1"], [0], [(None, None)] * 2),
        (["0", "1", "-1"], [3, 2], [(None, None)] * 2),
        (["0", "1", "-1"], ["soon", None], [(None, None)] * 2),
        (["0", "1", "-1"], {"0": 1}, [(None, None)] * 2),
        (["0", "1", "-1"], None, [(None, None)] * 2),
    ],
)
def test_idx_and_timestamps_may_be_text_or_numbers(idx: list[Any], timestamps: Any, spans: list[Any]) -> None:
    captions = [{"idx": i, "content": f"says {i}"} for i in idx]
    told = reading.read_captions({"captions": captions, "timestamps": timestamps}, "here")
    assert told.caption in ("says -1", "says -1.0")
    assert [(m.start_s, m.end_s) for m in told.moments] == spans
    assert [m.number for m in told.moments] == sorted(m.number for m in told.moments)


BROKEN = {
    "{": "not JSON",
    "[1]": "JSON object",
    "[" * 5000: "not JSON",
    "\xff": "has no",
    '{"video_id": "x"}': "no list of captions",
    '{"captions": [{"idx": "-1", "content": "x"}]}': "no video_id and no video_path",
    '{"video_id": ["x"], "captions": [{"idx": "-1", "content": "x"}]}': "video_id is no text",
    '{"video_id": "x", "captions": []}': "no list of captions",
    '{"video_id": "x", "captions": ["x"]}': "caption 0: not an idx and a content",
    '{"video_id": "x", "captions": [{"idx": "0", "content": 5}]}': "caption 0",
    '{"video_id": "x", "captions": [{"idx": "first", "content": "x"}]}': "caption 0",
    '{"video_id": "x", "captions": [{"idx": true, "content": "x"}]}': "caption 0",
    '{"video_id": "x", "captions": [{"idx": 1.5, "content": "x"}]}': "caption 0",
    '{"video_id": "x", "captions": [{"idx": 0, "content": "x"}, {"idx": "0", "content": "y"}]}': "the idx 0",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_line_is_one_clear_error(tmp_path: Path, videos: Path, broken: str) -> None:
    raw = b'{"video_id": "\xff"}' if broken == "\xff" else broken.encode()
    file = save(tmp_path / "a.jsonl", raw, "", FIRST)
    error, good = answers(file, videos, tmp_path)
    assert isinstance(error, RowError) and error.kind == "bad_row" and error.message.startswith("a.jsonl:1")
    assert BROKEN[broken] in error.message or broken == "\xff"
    assert isinstance(good, Video)


def test_files_that_are_none(tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="cannot read"):
        list(Sharegpt4videoSource(str(tmp_path / "no.jsonl"), str(videos)).find())
    with pytest.raises(UserError, match="no such folder"):
        list(Sharegpt4videoSource(str(tmp_path), str(tmp_path / "nowhere")).find())
    monkeypatch.setattr(reading, "_LARGEST_BYTES", 30)
    with pytest.raises(UserError, match="a line of more than"):
        list(Sharegpt4videoSource(str(save(tmp_path / "a.jsonl", FIRST)), str(videos)).find())


def test_videos_are_found_by_path_by_file_name_and_by_id(tmp_path: Path, videos: Path) -> None:
    lines = [
        FIRST, FIRST._replace(video_path="elsewhere/nasa.mkv"), FIRST._replace(video_path=""),
        FIRST._replace(video_id="other"), FIRST._replace(video_id="../../etc/x", video_path="../../etc/passwd"),
    ]  # fmt: skip
    found = answers(save(tmp_path / "a.jsonl", *lines), videos, tmp_path)
    assert all(isinstance(one, Video) and one.uri == "space/nasa.mp4" for one in found[:4])
    assert isinstance(found[4], RowError) and found[4].kind == "not_local" and "space_1.zip" in found[4].message
    assert len(answers(tmp_path / "a.jsonl", videos, tmp_path, only_local=True)) == 4


def test_the_same_line_twice_is_two_videos(tmp_path: Path, videos: Path) -> None:
    assert len(answers(save(tmp_path / "a.jsonl", FIRST, FIRST), videos, tmp_path)) == 2


def test_clips_and_captions(tmp_path: Path, videos: Path) -> None:
    (video,) = answers(save(tmp_path / "a.jsonl", FIRST), videos, tmp_path)
    assert isinstance(video, Video)
    made = made_of(video)
    (clip,) = made["clips"]
    assert (clip.start_s, clip.end_s) == (0.0, video.duration_s) and clip.clip_id.endswith("_000000000_000013056")
    *parts, whole = made["captions"]
    assert [(c.kind, c.start_s, c.end_s) for c in parts] == [
        ("differential", 0.0, 0.0), ("differential", 0.0, 2.0), ("differential", 2.0, 6.5),
    ]  # fmt: skip
    assert (whole.kind, whole.start_s, whole.text) == ("teacher", None, "A star grows.")
    assert whole.parents == [c.caption_id for c in parts] and parts[2].parents == [parts[1].caption_id]
    shots = made_of(video, give="shots")
    assert [type(s) for s in shots["shots"]] == [Shot] and shots["shots"][0].id == clip.clip_id
    error = made_of(Video("v", "v", "v", "", 0, duration_s=1.0))["clips"]
    assert isinstance(error, RowError) and error.kind == "not_listed"
    error = made_of(Video("v", "v", "v", "", 0, metadata=video.metadata))["captions"]
    assert isinstance(error, RowError) and error.kind == "no_length"


def test_from_jsonl_to_jsonl_through_a_build(tmp_path: Path, videos: Path) -> None:
    """Lines of local videos come back byte for byte; a second build has nothing to do."""
    file = save(tmp_path / "a.jsonl", SECOND, FIRST)
    steps = (
        Sharegpt4videoSource(str(file), str(videos), only_local=True),
        Sharegpt4videoClips(),
        ToSharegpt4video("again"),
    )
    recipe = Recipe("again", steps, shards=2)
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    out = tmp_path / "b" / "sharegpt4video" / "again.jsonl"
    assert out.read_text("utf-8") == writing.line(FIRST) + "\n"
    stamp = out.stat().st_mtime_ns
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    assert out.stat().st_mtime_ns == stamp
    out.unlink()
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    assert out.read_text("utf-8") == writing.line(FIRST) + "\n"
    assert Build.read(tmp_path / "b").funnel()[0].failed == 0


def test_a_clip_with_a_file_keeps_its_captions(tmp_path: Path, videos: Path) -> None:
    file = save(tmp_path / "a.jsonl", FIRST)
    clips = Clips(short="keep", long="keep", cut="encode", max_px=64, preset="ultrafast")
    steps = (Sharegpt4videoSource(str(file), str(videos)), Sharegpt4videoClips(give="shots"), clips)
    run_build(Recipe("cut", steps, shards=1), tmp_path / "b", RunOptions(workers=1))
    with Build.read(tmp_path / "b").connect() as db:
        assert db.execute("SELECT count(*) FROM clips JOIN captions USING (clip_id)").fetchall() == [(4,)]
