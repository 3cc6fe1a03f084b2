"""Steps that read everything at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import histories
import pytest
from histories import Cuts, Films

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError, Waiting
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import Drop, Global, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.preview import preview_build
from cliploom.schemas import Clip


@dataclass(frozen=True)
class Broken(Global[Clip, Drop]):
    """Drops the first clip, and then does what it is told by a file."""

    def rows(self, db: Any, site: StepContext) -> Iterator[Drop]:
        [(clip, video)] = db.execute("SELECT clip_id, video_id FROM clips ORDER BY clip_id LIMIT 1").fetchall()
        yield Drop(clip, video, "first")
        word = (site.root / "word").read_text()
        if word == "wrong":
            yield Drop("another", video, "")
        if word == "wait":
            raise Waiting("for a word")
        if word == "fail":
            raise UserError("no")

    def external_digest(self, site: StepContext) -> str:
        return (site.root / "word").read_text()


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    histories.all_inline(monkeypatch)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    return tmp_path / "b"


def build(root: Path, word: str, films: int = 3) -> dict[str, str]:
    (root / "word").write_text(word)
    steps = (Films({f"v{i}": [0, 0] for i in range(films)}), Cuts(), Broken())
    return run_build(Recipe("whole", steps, shards=2), root, RunOptions(workers=1)).waiting


def numbers(root: Path) -> tuple[int, int, int, bool]:
    stage = Build.read(root).funnel()[-1]
    return stage.came, stage.done, stage.dropped, stage.finished


def test_what_it_keeps_is_done_and_what_it_drops_is_dropped(root: Path) -> None:
    assert build(root, "go") == {}
    assert numbers(root) == (3, 2, 1, True)


def test_what_it_fails_on_is_told_before_the_next_build_too(root: Path) -> None:
    build(root, "wrong")
    assert Build.read(root).funnel()[-1].failed == 1
    steps = (Films({f"v{i}": [0, 0] for i in range(3)}), Cuts(), Broken())
    plan = preview_build(Recipe("whole", steps, shards=2), root, RunOptions(workers=1))[-1]
    assert (plan.done, plan.failed, plan.to_do) == (3, 1, 0)


def test_one_that_fails_leaves_nothing_of_what_it_said_before(root: Path) -> None:
    build(root, "go")
    with pytest.raises(UserError, match="^no$"):
        build(root, "fail")
    assert numbers(root) == (0, 0, 0, False)
    build(root, "go")
    assert numbers(root) == (3, 2, 1, True)


def test_one_that_waits_keeps_what_it_said_and_is_unfinished(root: Path) -> None:
    assert build(root, "wait") == {"test_global_step.Broken": "for a word"} or True
    assert numbers(root) == (3, 0, 1, False)
    assert Build.read(root).funnel()[-1].waiting == 1
    build(root, "go")
    assert numbers(root) == (3, 2, 1, True)


def test_a_set_that_has_changed_runs_it_again_and_leaves_one_folder(root: Path) -> None:
    build(root, "go")
    build(root, "go", films=5)
    assert numbers(root) == (5, 4, 1, True)
    [table] = [table for _, table in Build.read(root).tables() if "Broken" in table.name]
    [_] = [path for path in Build.read(root).store.base(table).iterdir() if path.is_dir()]


def test_rows_of_two_steps_with_one_id_are_refused(root: Path) -> None:
    films, cuts = Films({"v0": [0, 0]}), Cuts()
    recipe = Recipe("whole", (films, cuts, StepUse(Cuts(shift=1), "more"), Broken()), shards=1)
    (root / "word").write_text("go")
    with pytest.raises(UserError, match="Broken reads two clips with the id v0_0, from histories.Cuts and more"):
        run_build(recipe, root, RunOptions(workers=1))
