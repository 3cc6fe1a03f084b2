"""Panda-70M's csv: what is read of it, what is refused, and that it comes back byte for byte."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import shutil
import string
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.annotation.desirability.labels import LABELS
from cliploom.builders.clips import Clips
from cliploom.builders.panda70m import Panda70mSource
from cliploom.builders.panda70m_clips import Panda70mClips
from cliploom.builders.sources import panda70m as reading
from cliploom.builders.sources.literals import read_list
from cliploom.builders.sources.panda70m import CsvRecord, clip_lines, read_cells, read_lists, read_records
from cliploom.builders.stitching.timecode import timecode
from cliploom.cards.formats import panda70m as writing
from cliploom.cards.panda70m import Panda70mExport as ToPanda70m
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.storage.sheets import Dialect
from cliploom.schemas import Caption, Clip, Score, Shot, Span, Video

MEDIA = Path(__file__).parents[1] / "media"
HEADER = "videoID,url,timestamp,caption,matching_score,desirable_filtering,shot_boundary_detection\n"
SAMPLE = (
    HEADER
    + "-a_B3xyz0-1,https://www.youtube.com/watch?v=-a_B3xyz0-1,"
    + "\"[['0:00:00.500', '0:00:02.000'], ['0:00:08.000', '0:00:12.838'], ['0:00:13.001', '0:00:14.999']]\","
    + "\"['A cell on a black background.', \"\"A chef's knife, on a board.\"\","
    + " 'He says: \"\"stop\"\", and – schön – leaves.']\","
    + '"[0.451416015625, 0.4990234375, 0.434814453125]",'
    + "\"['1_still_foreground_image', 'desirable', '4_computer_screen_recording']\","
    + "\"[[['0:00:00.000', '0:00:01.500']], [['0:00:00.000', '0:00:02.702'], ['0:00:02.736', '0:00:04.838']],"
    + " [['0:00:00.000', '0:00:01.998']]]\"\n"
    + "bbbbbbbbbbb,https://www.youtube.com/watch?v=bbbbbbbbbbb,"
    + "\"[['1 day, 0:00:00.000', '1 day, 1:02:03.004'], ['10:59:59.999', '11:00:00.000']]\","
    + "\"['Night.', 'Day\\\\nand \\\\\\\\ more \\\\x00, 日本語 🐼.']\","
    + "\"[0.43017578125, 1.0]\",\"['desirable', 'desirable']\","
    + "\"[[['0:00:00.000', '1:02:03.004']], [['0:00:00.000', '0:00:00.001']]]\"\n"
    + 'ccccccccccc,https://www.youtube.com/watch?v=ccccccccccc,[],[],[],[],[]\n'
)  # fmt: skip


def lines_of(file: Path) -> list[writing.Panda70mLine]:
    """A csv file, read as the source and the clips step do, as the writer takes it."""
    found = []
    for record, raw in read_records(str(file)):
        cells = read_cells(record, raw)
        clips = clip_lines(json.loads(json.dumps(read_lists(cells, "here"))), "here")
        found.append(writing.Panda70mLine(cells["videoID"], cells["url"], [writing.ClipCell(*clip) for clip in clips]))
    return found


def written(lines: Sequence[writing.Panda70mLine]) -> str:
    text = io.StringIO(newline="")
    writing.write_lines(text, lines)
    return text.getvalue()


def save(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def row(**cells: str) -> str:
    """A csv file of one row: a good one, but for the cells given."""
    said = {
        "videoID": "x", "url": "https://e.example/x", "timestamp": "[['0:00:01.000', '0:00:02.000']]",
        "caption": "['A dog.']", "matching_score": "[0.5]", "desirable_filtering": "['desirable']",
        "shot_boundary_detection": "[[['0:00:00.000', '0:00:01.000']]]", **cells,
    }  # fmt: skip
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([list(said), list(said.values())])
    return text.getvalue()


def answers(file: Path, videos: Path, tmp_path: Path, **options: Any) -> list[Any]:
    """What the source says of each row of the file."""
    step = Panda70mSource(csv=str(file), videos=str(videos), **options)
    items = list(step.find())
    with step.open(StepContext(tmp_path, {"": Path("media/x")})) as work:
        return [answer if isinstance(answer, RowError) else answer[0] for answer in work(items)]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder with two videos by their names."""
    folder = tmp_path / "videos"
    (folder / "deeper").mkdir(parents=True)
    shutil.copy(MEDIA / "bbb_480p_20s.mp4", folder / "-a_B3xyz0-1.mp4")
    shutil.copy(MEDIA / "tears_of_steel_2s.webm", folder / "deeper" / "x.webm")
    (folder / "deeper" / "x.info.json").write_text('{"title": "Tears", "id": "other"}')
    return folder


def test_the_released_format_comes_back_byte_for_byte(tmp_path: Path) -> None:
    assert written(lines_of(save(tmp_path / "a.csv", SAMPLE))) == SAMPLE


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
codes = st.integers(0, 3 * 86_400_000).map(lambda ms: timecode(ms / 1000))
halfs = st.floats(0, 1, width=16)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_python_writes_comes_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    rows = [["videoID", "url", *reading.LISTS]]
    for number in range(data.draw(st.integers(0, 3))):
        starts = data.draw(st.lists(st.integers(0, 2 * 86_400_000), unique=True, max_size=4))
        clips = [(s, s + data.draw(st.integers(1, 90_000))) for s in starts]
        count = len(clips)
        lists: list[list[Any]] = [
            [[timecode(one / 1000) for one in clip] for clip in clips],
            data.draw(st.lists(texts, min_size=count, max_size=count)),
            data.draw(st.lists(halfs, min_size=count, max_size=count)),
            data.draw(st.lists(st.sampled_from(reading.LABELS), min_size=count, max_size=count)),
            [[[timecode(0), timecode((end - start) / 1000)]] for start, end in clips],
        ]
        rows.append([f"v{number}", f"https://e.example/{number}", *(str(one) for one in lists)])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    file = save(tmp_path_factory.mktemp("csv") / "a.csv", text.getvalue())
    assert written(lines_of(file)) == text.getvalue()


def test_both_sides_spell_alike() -> None:
    assert reading.LABELS == writing.LABELS == LABELS
    assert set(writing.COLUMNS) == {"videoID", "url", *reading.LISTS}
    for seconds in (0.0, 8.001, 7.999999, 86399.9999, 86400.0, 2 * 86400 + 0.5):
        assert timecode(seconds) == writing.timecode(seconds)


def test_a_cell_longer_than_the_csv_module_likes(tmp_path: Path) -> None:
    long = "x" * (3 * 131_072)
    (line,) = lines_of(save(tmp_path / "a.csv", row(caption=repr([long]))))
    assert line.clips[0].caption == long


def test_other_tools_files(tmp_path: Path) -> None:
    """A byte order mark, carriage returns, columns in another order, more of them, fewer lists, a break in a cell."""
    head = '\ufeffurl,"videoID",caption,extra,timestamp\r\n'
    text = head + "https://e.example/x,x,\"[\r\n'A dog.']\",7,\"[['00:00:01','0:00:02.5']]\"\r\n\r\n"
    with pytest.raises(RowError, match=r"clip 0: .*0:00:02\.5"):
        lines_of(save(tmp_path / "a.csv", text))
    (line,) = lines_of(save(tmp_path / "a.csv", text.replace("2.5", "2.500")))
    assert line == writing.Panda70mLine(
        "x", "https://e.example/x", [writing.ClipCell(1.0, 2.5, "A dog.", None, "", [])]
    )


HOSTILE = {
    "a call": "__import__('os').system('touch hacked')",
    "a call in a list": "[__import__('os').system('touch hacked')]",
    "deep brackets": "[" * 100_000 + "]" * 100_000,
    "open brackets": "[" * 100_000,
    "many signs": "[" + "-" * 100_000 + "1]",
    "a sum": "[1+1]",
    "a tuple": "([],)",
    "a dictionary": "[{}]",
    "a set": "[{1}]",
    "bytes": "[b'A dog.']",
    "a format string": "[f'{1}']",
    "a raw string": "[r'A dog.']",
    "a long string": "['''A dog.''']",
    "a comment": "['A dog.'] # yes",
    "a number of many digits": "[" + "9" * 100_000 + "]",
    "a number out of all bounds": "[1e99999]",
    "a number that is none": "[nan]",
    "a leading zero": "[007]",
    "a name": "[A]",
    "true": "[True]",
    "an ellipsis": "[...]",
    "an unknown character name": r"['\N{NO SUCH NAME}']",
    "half an escape": r"['\x4']",
    "an open string": "['A dog.]",
    "an open list": "['A dog.'",
    "two strings": "['A' ' dog.']",
    "two lists": "[], []",
    "a string": "'A dog.'",
    "nothing": "",
    "an assignment": "[x:=1]",
    "a lambda": "[lambda: 1]",
    "a slice": "['A dog.'][0]",
}


@pytest.mark.parametrize("cell", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("column", ["timestamp", "caption"])
def test_a_hostile_cell_is_one_clear_error_of_its_row(
    tmp_path: Path, videos: Path, column: str, cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = row().split("\n", 1)[1]
    bad, fine = answers(save(tmp_path / "a.csv", row(videoID="bad", **{column: cell}) + good), videos, tmp_path)
    assert isinstance(bad, RowError) and bad.kind == "bad_row"
    assert f"a.csv:2, {column}: " in bad.message or "a.csv:2, clip 0: " in bad.message
    assert len(bad.message) < 300
    assert isinstance(fine, Video)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    "cells, said",
    [
        ({"caption": "['A.', 'B.']"}, "caption: 2 entries for 1 clip"),
        ({"matching_score": "[]"}, "matching_score: 0 entries for 1 clip"),
        ({"timestamp": "[]"}, "1 entry for 0 clips"),
        ({"timestamp": "[['0:00:02.000', '0:00:01.000']]"}, "clip 0: it ends at 0:00:01.000"),
        ({"timestamp": "[['0:00:02.000']]"}, "clip 0: a span is two times"),
        ({"timestamp": "[[1, 2]]"}, "clip 0: a span is two times"),
        ({"timestamp": "['0:00:01.000']"}, "clip 0: a span is two times"),
        ({"caption": "[['A dog.']]"}, "clip 0: its caption is no text"),
        ({"matching_score": "['0.5']"}, "clip 0: its matching_score is no number"),
        ({"matching_score": "[1e999]"}, "clip 0: its matching_score is no number"),
        ({"desirable_filtering": "['desireable']"}, "did you mean desirable?"),
        ({"desirable_filtering": "[0]"}, "there is no label 0"),
        ({"shot_boundary_detection": "[None]"}, "clip 0: its shots are no list"),
        ({"shot_boundary_detection": "[['0:00:00.000', '0:00:01.000']]"}, "clip 0: a span is two times"),
        ({"videoID": " "}, "no videoID"),
    ],
)  # fmt: skip
def test_what_makes_no_clip(tmp_path: Path, videos: Path, cells: dict[str, str], said: str) -> None:
    (error,) = answers(save(tmp_path / "a.csv", row(**cells)), videos, tmp_path)
    assert isinstance(error, RowError) and error.kind == "bad_row" and said in error.message


def test_a_last_shot_of_one_frame_has_one_time_for_both_ends(tmp_path: Path) -> None:
    text = row(shot_boundary_detection="[[['0:00:00.000', '0:00:00.967'], ['0:00:01.000', '0:00:01.000']]]")
    (line,) = lines_of(save(tmp_path / "a.csv", text))
    assert line.clips[0].shots == [(0.0, 0.967), (1.0, 1.0)]
    with pytest.raises(RowError, match="it ends at 0:00:00.000"):
        lines_of(save(tmp_path / "b.csv", row(shot_boundary_detection="[[['0:00:01.000', '0:00:00.000']]]")))


def test_two_clips_of_the_same_times(tmp_path: Path) -> None:
    twice = row(timestamp="[['0:00:01.000', '0:00:02.000'], ['00:00:01.000', '0:00:02']]", caption="['A.', 'B.']",
                matching_score="[1, 2]", desirable_filtering="['', '']",
                shot_boundary_detection="[[], []]")  # fmt: skip
    with pytest.raises(RowError, match="the same times"):
        lines_of(save(tmp_path / "a.csv", twice))


@pytest.mark.parametrize(
    "broken", [b"x,y\n", b'w,"a"b,c,d,e,f,g\n', b"\xff,b,c,d,e,f,g\n"], ids=["few", "quotes", "utf8"]
)
def test_a_row_that_is_no_row(tmp_path: Path, videos: Path, broken: bytes) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(HEADER.encode() + broken + row().split("\n", 1)[1].encode())
    bad, fine = answers(file, videos, tmp_path)
    assert isinstance(bad, RowError) and bad.kind == "bad_row" and re.search(r"(line |a\.csv:)2\b", bad.message)
    assert isinstance(fine, Video)


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is empty"), ("a,b\n", "no column videoID"), ("videoIDs,url,timestamp\n", "did you mean videoIDs?"),
    ],
)  # fmt: skip
def test_files_that_are_none(tmp_path: Path, videos: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        list(Panda70mSource(csv=str(save(tmp_path / "a.csv", text)), videos=str(videos)).find())
    assert said in caught.value.message


def test_a_quote_too_many_costs_its_own_row_alone(tmp_path: Path, videos: Path) -> None:
    good = row().split("\n", 1)[1]
    for broken in ('y,https://e.example/"y,[],[],[],[],[]\n', 'y,"https://e.example/y,[],[],[],[],[]\n'):
        found = answers(save(tmp_path / "a.csv", HEADER + broken + good), videos, tmp_path)
        assert [one.kind if isinstance(one, RowError) else "" for one in found] == ["not_local", ""]
    lone = answers(save(tmp_path / "a.csv", HEADER + 'y,u,"[]\n' + good), videos, tmp_path)
    assert [one.kind if isinstance(one, RowError) else "" for one in lone] == ["bad_row", ""]


def test_lines_may_end_as_on_old_macs_and_utf_16_is_named(tmp_path: Path, videos: Path) -> None:
    (video,) = answers(save(tmp_path / "a.csv", row().replace("\n", "\r")), videos, tmp_path)
    assert isinstance(video, Video)
    (tmp_path / "a.csv").write_bytes(row().encode("utf-16"))
    with pytest.raises(UserError, match="a.csv is UTF-16"):
        answers(tmp_path / "a.csv", videos, tmp_path)


def test_two_files_of_one_name_are_named_and_neither_is_taken(tmp_path: Path, videos: Path) -> None:
    shutil.copy(MEDIA / "tears_of_steel_2s.webm", videos / "x.webm")
    (error,) = answers(save(tmp_path / "a.csv", row()), videos, tmp_path)
    assert isinstance(error, RowError) and error.kind == "ambiguous"
    assert error.message == "x.webm: deeper/x.webm has the same name"


def test_two_rows_of_one_id_name_both_lines_and_cost_the_second(tmp_path: Path, videos: Path) -> None:
    again = row(url="https://e.example/other").split("\n", 1)[1]
    video, second, third = answers(save(tmp_path / "a.csv", row() + again + again), videos, tmp_path)
    assert isinstance(video, Video) and isinstance(second, RowError) and second.kind == "bad_row"
    assert second.message == "a.csv:3: x was listed before, in line 2"
    assert third.message == "a.csv:4: x was listed before, in line 2"


@pytest.mark.parametrize("score", [str(2**53 + 1), "9" * 20, "1e300"])
def test_a_score_is_a_float_however_it_is_written(tmp_path: Path, score: str) -> None:
    (line,) = lines_of(save(tmp_path / "a.csv", row(matching_score=f"[{score}]")))
    assert line.clips[0].score == float(score) and type(line.clips[0].score) is float


def test_a_row_of_too_many_bytes_is_a_bad_row(tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LARGEST_BYTES", 1000)
    long, fine = answers(
        save(tmp_path / "a.csv", HEADER + "y" * 2000 + "\n" + row().split("\n", 1)[1]), videos, tmp_path
    )
    assert isinstance(long, RowError) and "a row of more than" in long.message and isinstance(fine, Video)


def test_a_list_takes_memory_in_proportion_to_its_text() -> None:
    text = str([["0:00:01.000", 'it\'s "5"'] * 3] * 5000)
    tracemalloc.start()
    assert len(read_list(text)) == 5000
    assert tracemalloc.get_traced_memory()[1] < 12 * len(text)
    tracemalloc.stop()


@pytest.mark.parametrize("text", ["", "1", "[1", "1]", "[1 2]", "[,]", "[1,,2]", "[],[]", "['a' 'b']", "[1]2", ",[1]"])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match="list"):
        read_list(text)
    assert read_list("[1, [], None, -2.5e1, '\\u00e9', ]") == [1, [], None, -25.0, "é"]


def test_no_file_and_no_folder(tmp_path: Path, videos: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        list(Panda70mSource(csv=str(tmp_path / "no.csv"), videos=str(videos)).find())
    with pytest.raises(UserError, match="no such folder"):
        list(Panda70mSource(csv="", videos=str(tmp_path / "no")).find())
    with pytest.raises(RowError, match="again"):
        reading.reread(CsvRecord(str(tmp_path / "no.csv"), Dialect(b",", ()), 2, 0, 9))


def test_videos_are_found_by_name_and_read_as_those_of_a_folder(tmp_path: Path, videos: Path) -> None:
    file = save(tmp_path / "a.csv", row() + row(videoID="../x", url="").split("\n", 1)[1])
    video, other = answers(file, videos, tmp_path)
    assert isinstance(video, Video)
    assert video.path.endswith("deeper/x.webm") and video.title == "Tears" and video.uri == "https://e.example/x"
    assert video.video_id.startswith("x-") and video.duration_s == pytest.approx(2, abs=0.5)
    said = json.loads(video.metadata)
    assert said["id"] == "x" and said["panda70m"]["caption"] == ["A dog."]
    assert isinstance(other, RowError) and other.kind == "not_local" and "no known address" in other.message


def test_what_is_not_local_names_its_address(tmp_path: Path, videos: Path) -> None:
    file = save(tmp_path / "a.csv", SAMPLE)
    first, *others = answers(file, videos, tmp_path)
    assert isinstance(first, Video)
    assert [error.kind for error in others] == ["not_local", "not_local"]
    assert "the video bbbbbbbbbbb is not in the folder; it is at https://www.youtube.com/watch?v=b" in others[0].message
    assert len(answers(file, videos, tmp_path, only_local=True)) == 1


def test_an_item_changes_with_its_row_or_its_video_alone(tmp_path: Path, videos: Path) -> None:
    def digests(text: str, name: str = "a.csv") -> list[str]:
        return [item.digest for item in Panda70mSource(str(save(tmp_path / name, text)), str(videos)).find()]

    before = digests(SAMPLE)
    assert digests(SAMPLE, "b.csv") == before
    changed = digests(SAMPLE.replace("0.4990234375", "0.5"))
    assert changed[0] != before[0] and changed[1:] == before[1:]
    shutil.copy(MEDIA / "nasa_13013.mp4", videos / "bbbbbbbbbbb.mp4")
    after = digests(SAMPLE)
    assert after[1] != before[1] and [after[0], after[2]] == [before[0], before[2]]


def told(tmp_path: Path, videos: Path, text: str = SAMPLE, **options: Any) -> dict[str, Any]:
    """The clips step's answer for the first video of a file."""
    video = answers(save(tmp_path / "a.csv", text), videos, tmp_path, only_local=True)[0]
    step = Panda70mClips(**options)
    with step.open(StepContext(tmp_path, {})) as work:
        return work([video], frozenset(part.name for part in step.parts()))[0]


def test_clips_captions_and_scores(tmp_path: Path, videos: Path) -> None:
    made = told(tmp_path, videos)
    assert set(made) == {"clips", "captions", "scores"}
    clips: list[Clip] = made["clips"]
    assert [(c.start_s, c.end_s) for c in clips] == [(0.5, 2.0), (8.0, 12.838), (13.001, 14.999)]
    assert clips[1].clip_id.endswith("_000008000_000012838")
    assert clips[0].shots == [Span(0.5, 2.0)]
    assert [t for shot in clips[1].shots for t in (shot.start_s, shot.end_s)] == pytest.approx(
        [8.0, 10.702, 10.736, 12.838]
    )
    captions: list[Caption] = made["captions"]
    assert [c.text for c in captions][1] == "A chef's knife, on a board."
    assert {(c.teacher, c.kind) for c in captions} == {("panda70m", "teacher")}
    assert [c.clip_id for c in captions] == [c.clip_id for c in clips]
    scores: list[Score] = made["scores"]
    assert [(s.name, s.value) for s in scores if s.clip_id == clips[0].clip_id] == [
        ("matching_score", 0.451416015625), ("undesirable", 2.0),
    ]  # fmt: skip
    assert [s.value for s in scores if s.name == "undesirable"] == [2, 0, 5]
    assert {s.caption_id for s in scores if s.name == "matching_score"} == {c.caption_id for c in captions}


def test_shots_for_the_clips_step(tmp_path: Path, videos: Path) -> None:
    made = told(tmp_path, videos, give="shots")
    assert all(isinstance(one, Shot) for one in made["shots"]) and set(made) == {"shots", "captions", "scores"}
    assert [s.id for s in made["shots"]] == [c.clip_id for c in told(tmp_path, videos)["clips"]]


def test_a_clip_past_the_end_of_the_local_file_leaves(tmp_path: Path, videos: Path) -> None:
    made = told(tmp_path, videos, SAMPLE.replace("0:00:13.001", "0:00:20.501").replace("0:00:14.999", "0:00:22.499"))
    *clips, gone = made["clips"]
    assert len(clips) == 2 and isinstance(gone, Drop) and gone.reason == "past_end"
    assert len(made["captions"]) == 2 and len(made["scores"]) == 4


def test_a_video_of_another_source(tmp_path: Path) -> None:
    video = Video("v", "v.mp4", "/v.mp4", "0", 1)
    with Panda70mClips().open(StepContext(tmp_path, {})) as work:
        (made,) = work([video], frozenset(["clips", "scores"]))
    assert all(isinstance(error, RowError) and error.kind == "not_listed" for error in made.values())


@given(
    st.recursive(st.none() | texts | st.integers(-(10**9), 10**9) | halfs, lambda inner: st.lists(inner, max_size=3))
)
def test_lists_are_read_as_python_writes_them(value: Any) -> None:
    depth, found = 0, [value]
    while any(isinstance(one, list) for one in found):
        depth, found = depth + 1, [inner for one in found if isinstance(one, list) for inner in one]
    if depth < 4:
        assert read_list(str([value])) == [value]
    else:
        with pytest.raises(ValueError, match="deep"):
            read_list(str([value]))


@given(st.text(string.printable, max_size=40))
def test_no_text_does_anything_else_than_a_list_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(read_list(text), list)


def test_from_csv_to_csv_through_a_build(tmp_path: Path, videos: Path) -> None:
    """The released rows of local videos come back byte for byte; a second build has nothing to do."""
    file = save(tmp_path / "a.csv", SAMPLE)
    source = Panda70mSource(str(file), str(videos), only_local=True)
    recipe = Recipe("again", (source, Panda70mClips(), ToPanda70m(name="released")), shards=2)
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    out = tmp_path / "b" / "panda70m" / "released.csv"
    expected = HEADER + SAMPLE[len(HEADER) :].split("\n", 1)[0] + "\n"
    assert out.read_bytes().decode() == expected
    stamp = out.stat().st_mtime_ns
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    assert out.stat().st_mtime_ns == stamp
    out.unlink()
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    assert out.read_bytes().decode() == expected


def test_files_of_the_clips_of_a_csv(tmp_path: Path, videos: Path) -> None:
    """Given as shots, builders.clips cuts them, and the captions find their clips."""
    file = save(tmp_path / "a.csv", SAMPLE)
    clips = Clips(short="keep", long="keep", cut="encode", max_px=160, preset="ultrafast")
    steps = (Panda70mSource(str(file), str(videos), only_local=True), Panda70mClips(give="shots"), clips)
    run_build(Recipe("cut", steps, shards=1), tmp_path / "b", RunOptions(workers=1))
    db = Build.read(tmp_path / "b").connect()
    found = db.execute("SELECT file, text FROM clips JOIN captions USING (clip_id) ORDER BY clips.start_s").fetchall()
    assert len(found) == 3 and all((tmp_path / "b" / name).stat().st_size > 1000 for name, _ in found)
    assert found[1][1] == "A chef's knife, on a board."
