"""Every kind of task: what it asks, what people may answer in a sheet, and what rows come of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cliploom.annotation.review import ReviewStep
from cliploom.annotation.tasks.task import read_task_file
from cliploom.engine.contract.errors import UserError, Waiting
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Caption, Clip, Review, ReviewMark, Row, Span, Tags, Video, problem, to_arrow

CLIP = Clip("v_c", "v", 10.0, 22.0, shots=[Span(10.0, 14.0), Span(14.0, 22.0)])
QUERY = Caption("v_c_a", "v", "v_c", "a", "teacher", "A dog runs.", [], "m", "1")
PARTS = [
    Caption(f"v_c_d{i}", "v", "v_c", "d", "differential", f"Part {i}.", [], "m", "1", start_s=s, end_s=e)
    for i, (s, e) in enumerate([(10.0, 15.0), (15.0, 22.0)], 1)
]
MOMENTS = Review(
    "r", "v", "v_c", "v_c_a", "ann", "mark", kind="moments", marks=[ReviewMark("moment", "", None, 10.0, 14.0)]
)
TABLES: Sequence[tuple[type[Row], Sequence[Row]]] = (
    (Clip, [CLIP]),
    (Caption, [QUERY, *PARTS]),
    (Video, [Video("v", "v", "v.mp4", "0", 1)]),
    (Tags, [Tags("v_c_a", "v", "v_c", "v_c_a", ["dog", "snow"], ["red"], [], "p")]),
    (Review, [MOMENTS]),
)
AXES = {"truth": "Is it true?", "law": {"question": "Is it possible?", "low": 0, "high": 1, "labels": ["no", "yes"]}}
SLOTS = {"caption": "One sentence", "sound": {"question": "What is heard", "least": 1, "most": 2}}


def review(root: Path, **options: Any) -> tuple[list[Review], str]:
    """The rows, and what is waited for."""
    step, rows = make_step("annotation.review", ReviewStep, options), list[Review]()
    with duckdb.connect() as db:
        for row, held in TABLES:
            db.register(row.table, to_arrow(row, held))
        try:
            rows.extend(row for row in step.rows(db, StepContext(root, {"": Path("m")})) if isinstance(row, Review))
        except Waiting as waiting:
            return rows, str(waiting)
    return rows, ""


def answer(root: Path, **cells: str) -> None:
    """Fill in the first line of the sheet."""
    with (root / "review" / "tasks.csv").open(newline="", encoding="utf-8") as file:
        task = next(iter(csv.DictReader(file)))
    with (root / "review" / "answers_ann.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(task))
        writer.writeheader()
        writer.writerow({**task, **cells})


def span(name: str, start_s: float, end_s: float, value: float | None = None, text: str = "") -> ReviewMark:
    return ReviewMark(name, text, value, start_s, end_s)


RIGHT: list[tuple[str, dict[str, Any], dict[str, str], list[ReviewMark]]] = [
    ("rate", {"axes": AXES}, {"truth": "4", "law": "cannot tell"}, [ReviewMark("truth", value=4), ReviewMark("law")]),
    ("moments", {}, {"spans": "0-2; 4 to 8"}, [span("moment", 10, 12), span("moment", 14, 18)]),
    ("moments", {"grid_s": 0, "labels": ["a", "b"]}, {"spans": "b 1,5-2.25"}, [span("b", 11.5, 12.25)]),
    ("saliency", {}, {"grades": "4 0"}, [span("1", 10, 12, 4), span("2", 12, 14, 0)]),
    ("spans", {"budget": 0.15}, {"spans": "1 1-2; 2 5-5.8"}, [span("1", 11, 12), span("2", 15, 15.8)]),
    ("tags", {}, {"tags": "dog; sledge"}, [ReviewMark("dog"), ReviewMark("sledge")]),
    ("cuts", {}, {"spans": "4.04; 7"}, [ReviewMark("cut", start_s=14.04), ReviewMark("cut", start_s=17)]),
    ("slots", {"slots": SLOTS}, {"caption": "A dog.", "sound": "Barks.\nWind."},
     [ReviewMark("caption", "A dog."), ReviewMark("sound", "Barks."), ReviewMark("sound", "Wind.")]),
    ("events", {}, {"spans": "0-3: A dog: it runs.\n3-4.5: It stops."},
     [span("event", 10, 13, text="A dog: it runs."), span("event", 13, 14.5, text="It stops.")]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "cells", "marks"), RIGHT)
def test_an_answer_becomes_marks_in_the_time_of_the_video(
    kind: str, options: dict[str, Any], cells: dict[str, str], marks: list[ReviewMark], tmp_path: Path
) -> None:
    rows, waiting = review(tmp_path, kind=kind, quorum=0.01, **options)
    assert rows == [] and " open: " in waiting
    answer(tmp_path, **cells)
    [row], waiting = review(tmp_path, kind=kind, quorum=0.01, **options)
    assert waiting == "" and problem(row) is None
    assert (row.kind, row.verdict, row.clip_id, row.marks) == (kind, "mark", "v_c", marks)
    assert row.review_id == f"{row.task_id}_ann"


WRONG: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    ("rate", {"axes": AXES}, {"truth": "4"}, "law has no grade"),
    ("rate", {"axes": AXES}, {"truth": "6", "law": "1"}, "truth is 6: a grade is a whole number, 1 to 5"),
    ("rate", {"axes": AXES}, {"truth": "good", "law": "1"}, "truth is 'good': it is a grade or cannot_tell"),
    ("moments", {}, {"spans": "0-3"}, "0.00 to 3.00 s is not on the grid of 2 s"),
    ("moments", {}, {"spans": "10-14"}, "10.00 to 14.00 s is outside the clip"),
    ("moments", {}, {"spans": "4-2"}, "the span moment has no length"),
    ("moments", {}, {"spans": "x"}, "'x' is no span"),
    ("moments", {}, {"verdict": "rejct"}, "verdict is 'rejct'; did you mean reject?"),
    ("saliency", {}, {"grades": "4"}, "1 grade for 2 spans"),
    ("saliency", {}, {"grades": "4 5"}, "span 2 is 5: a grade is a whole number, 0 to 4"),
    ("spans", {"budget": 0.15}, {"spans": "1 1-2; 2 5-6"}, "its spans are 2.0 s long: at most 1.8 s may be"),
    ("spans", {}, {"spans": "1 4-6"}, "4.00 to 6.00 s is not inside span 1"),
    ("spans", {}, {"spans": "1 1-2; 1 3-4"}, "span 1 has several parts marked"),
    ("spans", {}, {"spans": "3 1-2"}, "there is no label 3: there are 1, 2"),
    ("tags", {}, {"tags": "dog; Dog"}, "a tag is there twice"),
    ("cuts", {}, {"spans": "12.5"}, "12.50 to 12.50 s is outside the clip"),
    ("slots", {"slots": SLOTS}, {"caption": "A dog."}, "sound has 0 texts: it should have 1 to 2"),
    ("slots", {"slots": SLOTS}, {"caption": "A\nB", "sound": "x"}, "caption has 2 texts: it should have 1"),
    ("events", {}, {"spans": "0-3"}, "0.00 to 3.00 s has no text"),
]


@pytest.mark.parametrize(("kind", "options", "cells", "said"), WRONG)
def test_an_answer_that_breaks_the_rules_names_its_line(
    kind: str, options: dict[str, Any], cells: dict[str, str], said: str, tmp_path: Path
) -> None:
    review(tmp_path, kind=kind, **options)
    answer(tmp_path, **cells)
    with pytest.raises(UserError) as caught:
        review(tmp_path, kind=kind, **options)
    assert caught.value.message.startswith(f"{tmp_path}/review/answers_ann.csv:2: {said}")


def test_what_is_given_is_shown(tmp_path: Path) -> None:
    def given(kind: str) -> str:
        review(tmp_path, kind=kind, sheet=kind)
        with (tmp_path / kind / "tasks.csv").open(newline="", encoding="utf-8") as file:
            return next(iter(csv.DictReader(file)))["given"]

    assert given("tags") == "dog; snow; red"
    assert given("spans") == "1 0.00-5.00: Part 1.\n2 5.00-12.00: Part 2."
    assert given("cuts") == "4.00"
    assert given("saliency") == "1 0.00-2.00\n2 2.00-4.00"
    assert given("events") == "0.00-5.00: Part 1.\n5.00-12.00: Part 2."


def test_another_content_is_another_task(tmp_path: Path) -> None:
    review(tmp_path, kind="saliency")
    [before] = read_task_file(tmp_path / "review")
    review(tmp_path, kind="saliency", grid_s=1)
    [after] = read_task_file(tmp_path / "review")
    assert before.key == after.key == "v_c_a" and before.task_id != after.task_id
    assert [m.end_s for m in after.marks] == [11, 12, 13, 14]


def test_several_people_are_waited_for(tmp_path: Path) -> None:
    review(tmp_path, kind="tags", people=2)
    answer(tmp_path, tags="dog")
    rows, waiting = review(tmp_path, kind="tags", people=2)
    assert len(rows) == 1 and waiting.startswith("1 of 1 review is open")


def test_slots_that_are_not_said_are_asked_for() -> None:
    with pytest.raises(UserError, match="annotation.review needs slots"):
        make_step("annotation.review", ReviewStep, {"kind": "slots"}).check([])


def test_the_guideline_stands_first_in_the_manual(tmp_path: Path) -> None:
    review(tmp_path, kind="rate", guideline="Be fair.", axes=AXES)
    manual = (tmp_path / "review" / "README.md").read_text(encoding="utf-8")
    assert manual.startswith("# How to review\n\nBe fair.\n")
    assert "- `law`: Is it possible? 0 no, 1 yes, or cannot_tell" in manual
