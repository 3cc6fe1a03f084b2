"""The csv in Panda-70M's format, read back with what people read it with."""

from __future__ import annotations

import ast
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import told

from cliploom.cards.formats.panda70m import COLUMNS
from cliploom.cards.panda70m import Panda70mExport
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Drop, Split, StepContext
from cliploom.schemas import Clip, Row, Score, Shot, Span

STEP = Path("media/cards.panda70m/0123456789abcdef")


def made(root: Path, rows: Sequence[Row], **options: Any) -> list[Drop]:
    """Run the step over rows."""
    return list(Panda70mExport(**options).rows(told.database(rows), StepContext(root, {"": STEP})))


def table(root: Path, name: str = "clips") -> dict[str, dict[str, Any]]:
    """The rows by videoID, lists as lists."""
    with open(root / "panda70m" / f"{name}.csv", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert tuple(reader.fieldnames or ()) == COLUMNS
    found = {}
    for row in rows:
        lists = {column: ast.literal_eval(row[column]) for column in COLUMNS[2:]}
        assert len({len(one) for one in lists.values()}) == 1
        found[row["videoID"]] = {"url": row["url"], **lists}
    return found


def undesirable(of: Clip, value: float) -> Score:
    return told.score(of, "undesirable", value)


def test_one_row_a_video_with_its_clips_in_order_of_time(tmp_path: Path) -> None:
    video = told.video("v", uri="https://www.youtube.com/watch?v=abc", metadata='{"id": "abc"}')
    late, early = told.clip("v", 10.0, 15.5), told.clip("v", 1.0006, 4.25)
    other, there = told.video("w"), told.clip("w", 0.0, 2.0)
    rows: list[Row] = [video, other, late, early, there]
    said = [
        told.caption(c, "chat", text) for c, text in ((late, "Late, “so” it's."), (early, "Early."), (there, "There."))
    ]
    rows += [
        *said,
        told.score(late, "matching_score", 0.4990234375, said[0]),
        undesirable(late, 0),
        undesirable(early, 2),
    ]
    assert made(tmp_path, rows) == []
    assert table(tmp_path) == {
        "abc": {
            "url": "https://www.youtube.com/watch?v=abc",
            "timestamp": [["0:00:01.000", "0:00:04.250"], ["0:00:10.000", "0:00:15.500"]],
            "caption": ["Early.", "Late, “so” it's."],
            "matching_score": [None, 0.4990234375],
            "desirable_filtering": ["1_still_foreground_image", "desirable"],
            "shot_boundary_detection": [[["0:00:00.000", "0:00:03.249"]], [["0:00:00.000", "0:00:05.500"]]],
        },
        "w": {
            "url": "",
            "timestamp": [["0:00:00.000", "0:00:02.000"]],
            "caption": ["There."],
            "matching_score": [None],
            "desirable_filtering": [""],
            "shot_boundary_detection": [[["0:00:00.000", "0:00:02.000"]]],
        },
    }


def test_the_caption_and_its_score_are_those_of_the_choice(tmp_path: Path) -> None:
    clip = told.clip("v", 0, 2)
    one, other = told.caption(clip, "a", "One."), told.caption(clip, "b", "Other.")
    chosen = told.caption(clip, "b", "Other.", "choice", [other.caption_id])
    scores = [told.score(clip, "conse", value, about) for value, about in ((0.9, one), (0.25, other))]
    made(tmp_path, [told.video("v"), clip, one, other, chosen, *scores], score="conse")
    (row,) = table(tmp_path).values()
    assert row["caption"] == ["Other."] and row["matching_score"] == [0.25]


def test_shots_are_those_of_the_clip_or_of_the_table_from_its_start_on(tmp_path: Path) -> None:
    clip = told.clip("v", 100.0, 110.0, shots=[Span(100.0, 102.702), Span(102.702, 110.0)])
    shots = [Shot(f"v_{a}", "v", a, b, "content", 30.0) for a, b in ((90.0, 100.0), (100.0, 104.0), (104.0, 120.0))]
    rows: list[Row] = [told.video("v"), clip, *shots, told.caption(clip, "a", "One.")]
    made(tmp_path, rows)
    (row,) = table(tmp_path).values()
    assert row["shot_boundary_detection"] == [[["0:00:00.000", "0:00:02.702"], ["0:00:02.702", "0:00:10.000"]]]
    made(tmp_path, rows, shots="table", name="b")
    (row,) = table(tmp_path, "b").values()
    assert row["shot_boundary_detection"] == [[["0:00:00.000", "0:00:04.000"], ["0:00:04.000", "0:00:10.000"]]]
    made(tmp_path, [row for row in rows if not isinstance(row, Shot)], shots="table", name="c")
    (row,) = table(tmp_path, "c").values()
    assert row["shot_boundary_detection"] == [[["0:00:00.000", "0:00:10.000"]]]


def test_clips_without_a_caption_leave(tmp_path: Path) -> None:
    good, bare, blank = (told.clip("v", 2.0 * i, 2.0 * i + 2) for i in range(3))
    rows: list[Row] = [
        told.video("v"),
        good,
        bare,
        blank,
        told.caption(good, "a", "One."),
        told.caption(blank, "a", " "),
    ]
    assert [(drop.id, drop.reason) for drop in made(tmp_path, rows)] == [
        (bare.clip_id, "no_caption"), (blank.clip_id, "no_caption"),
    ]  # fmt: skip
    (row,) = table(tmp_path).values()
    assert row["caption"] == ["One."]
    with pytest.raises(UserError, match="no clip with a caption") as raised:
        made(tmp_path, [told.video("v"), bare])
    assert "`cliploom status`" in raised.value.hint  # a command that there is


def test_nothing_of_this_machine_is_told(tmp_path: Path) -> None:
    clip = told.clip("v", 0, 2)
    secret = "https://ada:hunter2@films.example/v.mp4?token=abc"
    made(tmp_path, [told.video("v", uri=secret, metadata='{"id": 7}'), clip, told.caption(clip, "a", "One.")])
    text = (tmp_path / "panda70m" / "clips.csv").read_text(encoding="utf-8")
    assert "hunter2" not in text and "token" not in text and "/home/ada" not in text
    assert table(tmp_path)["v"]["url"] == "https://films.example/v.mp4"


def test_a_caption_cannot_break_out_of_its_cell(tmp_path: Path) -> None:
    clip = told.clip("v", 0, 2)
    evil = "'], __import__('os').system('x')] \"\"\",\n=cmd|' /C calc'!A0\x00\\"
    made(tmp_path, [told.video("v"), clip, told.caption(clip, "a", evil)])
    assert table(tmp_path)["v"]["caption"] == [evil]
    assert len((tmp_path / "panda70m" / "clips.csv").read_text(encoding="utf-8").splitlines()) == 2


class _Measure(Split[Clip, Score]):
    """A step that measures something."""

    measures = ("conse", "matching_score")


def test_options_that_make_no_sense() -> None:
    Panda70mExport().check([_Measure()])
    with pytest.raises(UserError) as caught:
        Panda70mExport(score="conze").check([_Measure()])
    assert "conze" in caught.value.message and "did you mean conse?" in caught.value.hint
    for name in ("", "../up", "a/b", ".hidden", "-x"):
        with pytest.raises(UserError, match="plain file name"):
            Panda70mExport(name=name).check([_Measure()])


def test_a_file_that_is_gone_is_written_again(tmp_path: Path) -> None:
    clip, step, site = told.clip("v", 0, 2), Panda70mExport(), StepContext(tmp_path, {"": STEP})
    rows = [told.video("v"), clip, told.caption(clip, "a", "One.")]
    before = step.external_digest(site)
    made(tmp_path, rows)
    assert step.external_digest(site) == before
    (tmp_path / "panda70m" / "clips.csv").unlink()
    assert step.external_digest(site) != before
