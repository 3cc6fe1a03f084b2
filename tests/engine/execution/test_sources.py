"""What a source finds, sound or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile
import pytest

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Item, RowAnswer, Source
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.execution.sources import items_of
from cliploom.schemas import Video


@dataclass(frozen=True)
class Finds(Source[Video]):
    """Finds one sound thing, and another."""

    cost = "row"
    other: Any = None

    def find(self) -> Iterator[Item]:
        yield Item("sound", "1", None)
        yield self.other() if callable(self.other) else self.other

    def process(self, row: Item) -> RowAnswer[Video]:
        return [Video(row.video_id, "", "", "", 0)]


@pytest.mark.parametrize(
    ("item", "id_", "said"),
    [
        (Item("a\ud800", "1", None), "a\\ud800", "its id holds a lone surrogate, '\\ud800', which is no character"),
        (Item(None, "1", None), "None", "its id is NoneType, not str"),  # type: ignore[arg-type]
        (Item("b", 5, None), "b", "its digest is int, not str"),  # type: ignore[arg-type]
        (Item("c", "\udcff", None), "c", "its digest holds a lone surrogate, '\\udcff', which is no character"),
    ],
)
def test_an_item_that_no_file_can_name_fails_alone(item: Item, id_: str, said: str) -> None:
    sound, found = items_of(Finds(item))
    assert sound == Item("sound", "1", None)
    assert (found.video_id, str(found.payload)) == (id_, said)
    assert isinstance(found.payload, RowError) and found.payload.kind == "bad_id"


def test_a_build_goes_on_without_it(tmp_path: Path) -> None:
    run_build(Recipe("finds", (hostile.FindsWrong(),), shards=2), tmp_path / "b", RunOptions(workers=1))
    made = Build.read(tmp_path / "b")
    assert [id_ for id_, _, _ in hostile.failed(made)] == ["a\\ud800"]
    with made.connect() as db:
        assert db.execute("SELECT video_id FROM videos").fetchall() == [("sound",)]


@pytest.mark.parametrize("deed", [deed for deed in hostile.RAISING if deed != "interrupt"])
def test_a_source_that_cannot_list_says_so(deed: str) -> None:
    with pytest.raises(UserError, match="cannot list what there is: "):
        items_of(Finds(hostile.DEEDS[deed]))


@pytest.mark.parametrize("other", [None, ("x", "1", None), "x"])
def test_what_is_no_item_is_named(other: Any) -> None:
    with pytest.raises(UserError, match=r"TypeError: find\(\) gave a \w+, not an Item"):
        items_of(Finds(other))


def test_the_user_may_have_enough_of_a_long_list() -> None:
    with pytest.raises(KeyboardInterrupt):
        items_of(Finds(hostile.DEEDS["interrupt"]))
