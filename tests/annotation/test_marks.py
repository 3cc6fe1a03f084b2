"""What people mark while they look takes effect in the next build."""

from __future__ import annotations

from pathlib import Path

import told

from cliploom.annotation.marks import Marks
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.engine.marks import ClipMark, add_mark
from cliploom.schemas import Caption, Review, problem

ONE, TWO = told.clip("v", 0, 2), told.clip("v", 2, 4)
SAYS = Caption(f"{ONE.clip_id}_a_1", "v", ONE.clip_id, "a", "teacher", "A dog.", [], "m", "1")


def outcome(root: Path, *marks: ClipMark) -> tuple[list[Review], dict[str, str]]:
    for mark in marks:
        add_mark(root, mark)
    rows = list(Marks().rows(told.database([ONE, TWO, SAYS]), StepContext(root, {"": root})))
    reviews = [row for row in rows if isinstance(row, Review)]
    assert [problem(row) for row in reviews] == [None] * len(reviews)
    return reviews, {row.id: row.reason for row in rows if isinstance(row, Drop)}


def test_without_marks_all_stays(tmp_path: Path) -> None:
    assert outcome(tmp_path) == ([], {})
    assert Marks().external_digest(StepContext(tmp_path, {"": tmp_path})) == ""


def test_a_clip_leaves_that_more_people_drop_than_keep(tmp_path: Path) -> None:
    marks = [ClipMark(clip_id=clip.clip_id, mark="drop", person="a") for clip in (ONE, TWO)]
    rows, dropped = outcome(tmp_path, *marks, ClipMark(clip_id=TWO.clip_id, mark="keep", person="b"))
    assert dropped == {ONE.clip_id: "marked"}
    assert [(row.clip_id, row.verdict) for row in rows] == [
        (ONE.clip_id, "reject"), (TWO.clip_id, "reject"), (TWO.clip_id, "accept"),
    ]  # fmt: skip


def test_a_better_caption_is_an_edit_of_the_one_it_was_written_for(tmp_path: Path) -> None:
    better = ClipMark(clip_id=ONE.clip_id, caption="A red dog.", note="colour", caption_id=SAYS.caption_id)
    [row], dropped = outcome(tmp_path, better)
    assert (row.verdict, row.text, row.caption_id, dropped) == ("edit", "A red dog.", SAYS.caption_id, {})
    assert [(mark.name, mark.text) for mark in row.marks] == [("note", "colour")]
    [row], _ = outcome(tmp_path, better.model_copy(update={"caption_id": "gone"}))  # the caption has changed since
    assert (row.verdict, row.caption_id, row.text) == ("mark", None, "colour")


def test_marks_on_clips_that_are_gone_are_left_out_and_a_change_is_seen(tmp_path: Path) -> None:
    before = Marks().external_digest(StepContext(tmp_path, {"": tmp_path}))
    assert outcome(tmp_path, ClipMark(clip_id="gone", mark="drop")) == ([], {})
    assert Marks().external_digest(StepContext(tmp_path, {"": tmp_path})) != before
