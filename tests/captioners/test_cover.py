"""Choosing few teachers of many."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliploom.captioners.cover import REPORT_FILE, Cover
from cliploom.captioners.ranking.cover import TeacherCoverage, cover
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.engine.storage.sql import connect
from cliploom.schemas import Caption, to_arrow

marks = st.dictionaries(st.integers(0, 30).map(str), st.frozensets(st.sampled_from("abcdef"), max_size=4), max_size=20)


@given(marks, st.integers(1, 6))
def test_each_is_the_best_of_what_is_left(good: dict[str, frozenset[str]], most: int) -> None:
    chosen = cover(good, most)
    left = {clip for clip, teachers in good.items() if teachers}
    for one in chosen:
        gains = {t: sum(t in good[clip] for clip in left) for t in "abcdef"}
        assert gains[one.teacher] == one.gained == max(gains.values()) > 0
        assert all(gains[t] < one.gained for t in "abcdef" if t < one.teacher)
        left = {clip for clip in left if one.teacher not in good[clip]}
    assert len(chosen) == most or not left
    assert [c.covered for c in chosen] == list(itertools.accumulate(c.gained for c in chosen))


def test_the_second_is_not_the_second_best_alone() -> None:
    good = {str(i): frozenset("ab") for i in range(5)} | {"5": frozenset("a"), "6": frozenset("c")}
    assert cover(good, 2) == [TeacherCoverage("a", 6, 6), TeacherCoverage("c", 1, 7)]


def test_captions_of_the_others_are_dropped(tmp_path: Path) -> None:
    captions = [
        Caption(f"c{i}_{t}", "v", f"c{i}", t, "teacher", "x", [], "m", "1") for i in range(4) for t in ("a", "b", "c")
    ]
    good = tmp_path / "good.csv"
    good.write_text("person,caption_id\nx,c0_a\nx,c1_a\ny,c1_b\nx,c2_c\nx,\n")
    with connect() as db:
        db.register("captions", to_arrow(Caption, captions))
        step, site = Cover(good=good, most=2), StepContext(tmp_path, {"": Path("media/cover")})
        dropped = list(step.rows(db, site))
        assert dropped == [Drop(f"c{i}_b", "v", "not_chosen", "b") for i in range(4)]
        report = json.loads((tmp_path / "media/cover" / REPORT_FILE).read_text())
        assert [c["teacher"] for c in report["chosen"]] == ["a", "c"] and report["clips"] == 3
        good.write_text("caption_id\nelsewhere\n")
        with pytest.raises(UserError, match="marks none of this build's 12 captions"):
            list(step.rows(db, site))
        good.write_text("teacher,caption_id\nx\n")
        with pytest.raises(UserError, match=r"good.csv:2: the row ends before caption_id"):
            list(step.rows(db, site))
