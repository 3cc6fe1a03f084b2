"""Reviews by csv: tasks out, answers in, and every slip of the pen in between."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.annotation.backends.sheets.cells import escape_cell, read_answers, sheet, unescape_cell
from cliploom.annotation.review import ReviewStep
from cliploom.engine.contract.errors import UserError, Waiting
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import Caption, Clip, Row, Tags, Video, problem, to_arrow
from cliploom.schemas import Review as ReviewRow

CLIPS = [Clip(f"v{i % 3}_{i:09d}_{i + 2:09d}", f"v{i % 3}", i / 1, i + 2.5, shots=[]) for i in range(12)]


def _caption(clip: Clip, teacher: str = "speech", text: str = "") -> Caption:
    said = text or f"{teacher} says {clip.clip_id}"
    return Caption(f"{clip.clip_id}_{teacher}_1", clip.video_id, clip.clip_id, teacher, "teacher", said, [], "m", "1")


CAPTIONS = [_caption(clip) for clip in CLIPS]


def _database(clips: Sequence[Clip], captions: Sequence[Caption]) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect()
    videos = [
        Video(v, v, f"films/{v}.mp4", "0", 1, title=f"Film {v}") for v in sorted({clip.video_id for clip in clips})
    ]
    tables: list[tuple[type[Row], Sequence[Row]]] = [(Clip, clips), (Caption, captions), (Video, videos)]
    tables += [(Tags, []), (ReviewRow, [])]
    for row, rows in tables:
        db.register(row.table, to_arrow(row, rows))
    return db


class Desk:
    """A build folder with a review in it, and someone who fills in sheets."""

    def __init__(self, root: Path, step: ReviewStep | None = None) -> None:
        self.site, self.step = StepContext(root, {"": Path("media/review")}), step or ReviewStep()
        self.folder = root / self.step.sheet

    def build(
        self, clips: Sequence[Clip] = tuple(CLIPS), captions: Sequence[Caption] = tuple(CAPTIONS)
    ) -> tuple[list[ReviewRow], str]:
        """The rows, and what the build waits for."""
        rows: list[ReviewRow] = []
        self.dropped = dict[str, str]()
        with _database(clips, captions) as db:
            try:
                for made in self.step.rows(db, self.site):
                    if isinstance(made, Drop):
                        self.dropped[made.id] = made.reason
                    else:
                        rows.append(made)
            except Waiting as waiting:
                return rows, str(waiting)
        return rows, ""

    def tasks(self) -> list[dict[str, str]]:
        """The lines of tasks.csv, as a program sees them."""
        with (self.folder / "tasks.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def answer(self, filled: Iterable[dict[str, str]], name: str = "answers.csv") -> Path:
        """Fill in a copy of the first tasks."""
        tasks = self.tasks()
        for task, cells in zip(tasks, filled, strict=False):
            task.update(cells)
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(tasks[0]))
            writer.writeheader()
            writer.writerows(tasks)
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_first_build_asks_and_waits(desk: Desk) -> None:
    rows, waiting = desk.build()
    assert rows == []
    assert waiting == f"12 of 12 reviews are open: fill in {desk.folder / 'answers.csv'}, a copy of tasks.csv"
    tasks = {task["clip_id"]: task for task in desk.tasks()}
    one = tasks[CLIPS[4].clip_id]
    assert (one["video"], one["start_s"], one["end_s"], one["file"]) == ("Film v1", "4.000", "6.500", "films/v1.mp4")
    assert one["caption"] == CAPTIONS[4].text
    assert [one[c] for c in ("verdict", "text", "person", "seconds")] == ["", "", "", ""]
    assert "answers.csv" in (desk.folder / "README.md").read_text()


def test_a_build_without_news_touches_no_file(desk: Desk) -> None:
    desk.build()
    answers = desk.answer([{"verdict": "accept"}])
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in desk.folder.iterdir()}
    desk.build(CLIPS[::-1], CAPTIONS[::-1])
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in desk.folder.iterdir()} == before
    assert answers in before


def test_answers_become_rows(desk: Desk) -> None:
    desk.build()
    tasks = desk.tasks()
    desk.answer([
        {"verdict": "accept", "person": "Ann  B", "seconds": "12.5"},
        {"verdict": " Reject ", "text": "wrong film"},
        {"verdict": "edit", "text": "a dog, \"running\"\nin the snow"},
    ])  # fmt: skip
    rows, waiting = desk.build()
    assert waiting.startswith("9 of 12 reviews are open") and desk.dropped == {tasks[1]["clip_id"]: "rejected"}
    assert [problem(row) for row in rows] == [None] * 3
    assert [(r.person, r.verdict, r.text, r.seconds) for r in rows] == [
        ("Ann B", "accept", "", 12.5),
        ("reviewer", "reject", "wrong film", None),
        ("reviewer", "edit", 'a dog, "running"\nin the snow', None),
    ]
    by_clip = {caption.clip_id: caption for caption in CAPTIONS}
    for row, task in zip(rows, tasks, strict=False):
        assert (row.clip_id, row.video_id) == (task["clip_id"], by_clip[task["clip_id"]].video_id)
        assert row.caption_id == by_clip[task["clip_id"]].caption_id
        assert row.review_id == f"{task['task_id']}_{row.person}"


def test_without_apply_nothing_is_dropped(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ReviewStep(apply=False))
    desk.build()
    desk.answer([{"verdict": "reject"}] * 12)
    assert len(desk.build()[0]) == 12 and desk.dropped == {}


def test_several_people_answer_the_same_task(desk: Desk) -> None:
    desk.build()
    everyone = [{"verdict": "accept"}] * 12
    desk.answer(everyone, "answers_bo.csv")
    desk.answer([{"verdict": "reject"}] * 2, "answers_ann.csv")
    rows, waiting = desk.build()
    assert waiting == ""
    assert [(r.person, r.verdict) for r in rows[:3]] == [("ann", "reject"), ("bo", "accept"), ("ann", "reject")]
    assert len(rows) == 14 == len({row.review_id for row in rows})


def test_the_same_line_twice_is_one_answer_and_another_is_a_mistake(desk: Desk) -> None:
    desk.build()
    desk.answer([{"verdict": "accept", "person": "ann"}])
    desk.answer([{"verdict": "accept", "person": "ann"}], "answers_copy.csv")
    assert len(desk.build()[0]) == 1
    desk.answer([{"verdict": "accept", "person": "Ann"}], "answers_copy.csv")
    assert len(desk.build()[0]) == 1  # the same person
    path = desk.answer([{"verdict": "reject", "person": "ann"}], "answers_copy.csv")
    with pytest.raises(UserError) as caught:
        desk.build()
    assert caught.value.message.startswith(f"{path}:2: ann has answered ")
    assert caught.value.message.endswith(f"before, at {desk.folder / 'answers.csv'}:2")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"verdict": "acept"}, "verdict is 'acept'; did you mean accept?"),
        ({"verdict": "yes"}, "verdict is 'yes'"),
        ({"text": "a dog"}, "there is no verdict"),
        ({"verdict": "edit"}, "the verdict is edit, and there is no text"),
        ({"verdict": "edit", "text": "  "}, "the verdict is edit, and there is no text"),
        ({"verdict": "edit", "text": "\u200b\u2060 \xad"}, "the verdict is edit, and there is no text"),
        ({"verdict": "can't tell"}, 'verdict is "can\'t_tell"; did you mean cannot_tell?'),
        ({"verdict": "accept", "seconds": "long"}, "seconds is 'long'"),
        ({"verdict": "accept", "seconds": "-1"}, "seconds is '-1'"),
        ({"verdict": "accept", "seconds": "inf"}, "seconds is 'inf'"),
        ({"verdict": "accept", "task_id": "v0_nothing"}, "there is no task 'v0_nothing'"),
    ],
)
def test_an_answer_that_cannot_be_meant_names_its_line(desk: Desk, cells: dict[str, str], said: str) -> None:
    desk.build()
    path = desk.answer([{"verdict": "edit", "text": "two\nlines"}, cells])
    with pytest.raises(UserError) as caught:
        desk.build()
    assert caught.value.message.startswith(f"{path}:4: {said}")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ":1: there is no column task_id"),
        (b"task_id,text\n", ":1: there is no column verdict"),
        (b"task_id,verdict,text\nx,accept,a,b\n", ":2: 4 cells, where the header has 3 columns"),
        ("task_id,verdict,text\nx,edit,caf\xe9\n".encode("latin-1"), ":2: this is not UTF-8"),
    ],
)
def test_a_file_that_is_no_sheet_is_named(desk: Desk, content: bytes, said: str) -> None:
    desk.build()
    path = desk.folder / "answers_x.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        desk.build()
    assert caught.value.message.startswith(f"{path}{said}")


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-8"), (",", "utf-8-sig")])
def test_sheets_of_other_spreadsheets_are_read(desk: Desk, delimiter: str, encoding: str) -> None:
    desk.build()
    task_id = desk.tasks()[0]["task_id"]
    with (desk.folder / "answers.csv").open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows(
            [["Task_ID", "Verdict", "Text", "Seconds"], [task_id, "edit", "größer; kleiner, ja", "1,5"], []]
        )
    [row], _ = desk.build()
    assert (row.text, row.seconds) == ("größer; kleiner, ja", 1.5)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@cmd",
        "\tx",
        "\rx",
        "\n=1",
        "'=1",
        "'",
        "''=",
        "'tis",
        "x=1",
        "",
        " =1+1",
        "' =1",
        "＝1",
        "－1",
    ],
)
def test_no_cell_is_a_formula_and_text_comes_back(text: str, tmp_path: Path) -> None:
    assert not escape_cell(text).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "－"))
    assert unescape_cell(escape_cell(text)) == text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=4))
def test_any_text_comes_back_from_a_sheet(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("sheet") / "x.csv"
    path.write_text(sheet(["a", "b"], [[text, "."] for text in texts]), encoding="utf-8", newline="")
    assert [line.cells["a"] for line in read_answers(path, ["a"])] == texts


def test_hostile_text_is_shown_and_not_run(tmp_path: Path) -> None:
    clip = Clip("-film_000000000_000002000", "-film", 0.0, 2.0, shots=[])
    evil = '=HYPERLINK("http://x","y")'
    desk = Desk(tmp_path)
    desk.build([clip], [_caption(clip, text=evil)])
    [task] = desk.tasks()
    assert task["caption"] == f"'{evil}"
    assert task["task_id"].startswith("'-film") and task["clip_id"].startswith("'-film")
    desk.answer([{"verdict": "edit", "text": "'=1+1 stays text"}])
    [row], waiting = desk.build([clip], [_caption(clip, text=evil)])
    assert (row.clip_id, row.text, waiting) == (clip.clip_id, "=1+1 stays text", "")


def test_a_sample_is_the_same_every_time_and_hardly_moves(tmp_path: Path) -> None:
    clips = [Clip(f"v_{i:09d}_{i + 1:09d}", "v", float(i), i + 1.0, shots=[]) for i in range(220)]
    desk = Desk(tmp_path, ReviewStep(sample=20))
    desk.build(clips[:200], [_caption(clip) for clip in clips[:200]])
    before = {task["clip_id"] for task in desk.tasks()}
    desk.build(clips, [_caption(clip) for clip in clips])
    after = {task["clip_id"] for task in desk.tasks()}
    assert len(before) == len(after) == 20
    added = {clip.clip_id for clip in clips[200:]}
    assert after - before <= added
    other = Desk(tmp_path / "other", ReviewStep(sample=20, seed=1))
    other.build(clips, [_caption(clip) for clip in clips])
    assert {task["clip_id"] for task in other.tasks()} != after


def test_an_answer_outlives_its_place_in_the_sample(tmp_path: Path) -> None:
    Desk(tmp_path).build()
    everything = Desk(tmp_path)
    everything.answer([{"verdict": "accept"}] * 12)
    rows, waiting = Desk(tmp_path, ReviewStep(sample=3)).build()
    assert (len(rows), waiting) == (12, "")


def test_an_answer_to_a_caption_that_changed_is_left_out_and_told(desk: Desk) -> None:
    desk.build()
    desk.answer([{"verdict": "accept"}] * 12)
    changed = [_caption(clip, text="something else") if clip is CLIPS[0] else _caption(clip) for clip in CLIPS]
    rows, waiting = desk.build(captions=changed)
    assert len(rows) == 11
    assert waiting.startswith("1 of 12 reviews is open")
    assert waiting.endswith("(1 answer is to captions that have changed since)")


def test_a_quorum_is_enough(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ReviewStep(quorum=0.25))
    desk.build()
    desk.answer([{"verdict": "accept"}] * 2)
    assert desk.build()[1].startswith("10 of 12")
    desk.answer([{"verdict": "accept"}] * 3)
    assert desk.build()[1] == ""


def test_nothing_to_ask_is_nothing_to_wait_for(desk: Desk) -> None:
    assert desk.build([], []) == ([], "")


def test_outside_is_what_the_answers_say(desk: Desk) -> None:
    assert desk.step.external_digest(desk.site) == ""
    desk.build()
    assert desk.step.external_digest(desk.site) == ""
    desk.answer([{"verdict": "accept"}])
    once = desk.step.external_digest(desk.site)
    assert once == desk.step.external_digest(desk.site) != ""
    desk.answer([{"verdict": "reject"}])
    assert desk.step.external_digest(desk.site) != once


CHOICES = [_caption(clip, teacher) for clip in CLIPS[:3] for teacher in ("a", "b", "c")]


def test_choosing_among_the_captions_of_a_clip(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ReviewStep(kind="choose"))
    desk.build(CLIPS[:3], CHOICES)
    tasks = desk.tasks()
    assert len(tasks) == 3
    orders = {"".join(line[3] for line in task["candidates"].split("\n")) for task in tasks}
    assert {"".join(sorted(order)) for order in orders} == {"abc"}
    assert len(orders) > 1  # the place does not tell the teacher
    desk.answer([
        {"choice": "2.0", "verdict": "accept"}, {"verdict": "reject"}, {"verdict": "edit", "text": "better"},
    ])  # fmt: skip
    rows, waiting = desk.build(CLIPS[:3], CHOICES)
    assert waiting == ""
    second = tasks[0]["candidates"].split("\n")[1].removeprefix("2. ")
    assert [row.caption_id for row in rows] == [next(c.caption_id for c in CHOICES if c.text == second), None, None]
    # A fourth candidate is another question: the numbers of the old answer mean nothing any more.
    rows, waiting = desk.build(CLIPS[:3], [*CHOICES, _caption(CLIPS[0], "d")])
    assert len(rows) == 2 and waiting.startswith("1 of 3")


def test_no_caption_can_look_like_another_candidate(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ReviewStep(kind="choose"))
    desk.build(CLIPS[:1], [_caption(CLIPS[0], "a", "Good.\n2. Bad.\r3."), _caption(CLIPS[0], "b")])
    lines = desk.tasks()[0]["candidates"].splitlines()
    assert sorted(line[:3] for line in lines) == ["1. ", "2. "] and any("Good. 2. Bad. 3." in line for line in lines)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"verdict": "accept"}, "the verdict is accept, and there is no choice"),
        ({"verdict": "accept", "choice": "4"}, "choice is '4'"),
        ({"verdict": "accept", "choice": "0"}, "choice is '0'"),
        ({"verdict": "edit", "text": "x", "choice": "b"}, "choice is 'b'"),
        ({"choice": "1"}, "there is no verdict"),
    ],
)
def test_a_choice_that_is_none_names_its_line(tmp_path: Path, cells: dict[str, str], said: str) -> None:
    desk = Desk(tmp_path, ReviewStep(kind="choose"))
    desk.build(CLIPS[:3], CHOICES)
    path = desk.answer([cells])
    with pytest.raises(UserError) as caught:
        desk.build(CLIPS[:3], CHOICES)
    assert caught.value.message.startswith(f"{path}:2: {said}")


def test_a_sheet_is_a_plain_folder_of_its_own() -> None:
    ReviewStep(sheet="second").check([ReviewStep()])
    for name in ("../x", "a/b", "", ".hidden"):
        with pytest.raises(UserError, match="must be a plain folder name"):
            ReviewStep(sheet=name).check([])
    with pytest.raises(UserError, match="used twice with the folder review"):
        ReviewStep().check([ReviewStep()])
