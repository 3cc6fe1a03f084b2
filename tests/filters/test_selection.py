"""Clips that a list names."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.filters.selection import Selection
from cliploom.schemas import Clip

ONE, TWO = Clip("v_1", "v", 0, 1, shots=[]), Clip("w_1", "w", 0, 1, shots=[])


def test_clips_or_whole_videos_are_kept_or_dropped(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("\ufeffv_1\r\n\r\n  other \n", encoding="utf-8")
    kept, dropped = Selection(str(path)), Selection(str(path), drop_listed=True)
    assert [kept.drop(one) for one in (ONE, TWO)] == [None, "not_listed"]
    assert [dropped.drop(one) for one in (ONE, TWO)] == ["listed", None]
    path.write_text("w\n")
    assert [Selection(str(path)).drop(one) for one in (ONE, TWO)] == ["not_listed", None]


def test_another_list_is_another_revision_and_another_order_is_not(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    found = []
    for text in ("a\nb\n", "b\na\na\n", "a\n"):
        path.write_text(text)
        found.append(Selection(str(path)).revision())
    assert found[0] == found[1] != found[2]


def test_a_file_that_names_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        Selection(str(tmp_path / "gone.txt")).check([])
    (tmp_path / "ids.txt").write_text("\n \n")
    with pytest.raises(UserError, match="names no clip"):
        Selection(str(tmp_path / "ids.txt")).check([])
