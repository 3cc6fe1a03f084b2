"""What a build would do, and why, told without doing it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import toys

from cliploom.annotation.review import ReviewStep
from cliploom.cards.dataset import Dataset
from cliploom.engine.build import run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.preview import Forecast, preview_build


def look(root: Path, retry: bool = False, limit: int | None = None, **settings: Any) -> dict[str, Forecast]:
    found = preview_build(toys.recipe(**settings), root, RunOptions(workers=2, retry_failed=retry, limit=limit))
    return {f.name.removeprefix("toys."): f for f in found}


def build(root: Path, **settings: Any) -> None:
    run_build(toys.recipe(**settings), root, RunOptions(workers=2))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build, which must not change under these looks."""
    root = tmp_path_factory.mktemp("survey") / "build"
    build(root, say__mode="raise")
    return root


def test_before_the_first_build(tmp_path: Path) -> None:
    found = look(tmp_path / "none")
    assert (found["Numbers"].to_do, found["Numbers"].why) == (10, {"new": 10})
    assert found["Pieces"].after == "toys.Numbers"
    assert found["Even"].after == "toys.Numbers"
    assert not (tmp_path / "none").exists()


def test_a_finished_build(built: Path) -> None:
    stamps = {p: os.stat(p).st_mtime_ns for p in built.rglob("*")}
    found = look(built, say__mode="raise")
    assert not any(f.to_do or f.after or f.waiting or f.changed for f in found.values())
    assert (found["Say"].done, found["Say"].failed) == (30, 1)
    assert stamps == {p: os.stat(p).st_mtime_ns for p in built.rglob("*")}


def test_new_videos(built: Path) -> None:
    found = look(built, numbers__last=11)
    assert (found["Numbers"].done, found["Numbers"].to_do) == (10, 2)
    assert found["Pieces"].after == "toys.Numbers"


def test_a_video_that_changed(built: Path) -> None:
    found = look(built, numbers__changed=3)
    assert found["Numbers"].why == {"what it reads changed": 1}


def test_changed_options(built: Path) -> None:
    found = look(built, say__word="bye")
    assert found["Say"].why == {"options changed": 30}
    assert found["Say"].changed == "options changed: word 'hello' → 'bye'"
    assert found["Join"].after == "toys.Say"
    assert found["Join"].changed == "what it reads is made anew"
    assert found["Voices.segments"].to_do == 0


def test_one_part_of_a_fan(built: Path) -> None:
    found = look(built, voices__high=2)
    assert (found["Voices.segments"].to_do, found["Voices.scores"].to_do) == (0, 10)


def test_failed_before(built: Path) -> None:
    assert look(built, retry=True)["Say"].why == {"failed before": 1}


def test_a_step_that_waits(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet"
    build(tmp_path / "b", even__wait_for=str(sheet))
    assert look(tmp_path / "b", even__wait_for=str(sheet))["Even"].waiting == f"put a file at {sheet}"
    sheet.touch()
    found = look(tmp_path / "b", even__wait_for=str(sheet))["Even"]
    assert (found.to_do, found.why, found.waiting) == (30, {"what it reads changed": 30}, "")


def _snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything below a folder: kind, time of change and content."""
    found = [p for p in (folder, *sorted(folder.rglob("*"))) if p.exists()]
    return {str(p): (p.stat().st_mode, p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in found}


def _move(root: Path, old: str, new: str) -> None:
    (root / old).rename(root / new)


def _remove(root: Path, pattern: str) -> None:
    for path in list(root.glob(pattern)):
        path.unlink()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: None,
        lambda root: _move(root, "dataset", "dataset.old"),  # killed between two renames
        lambda root: shutil.copytree(root / "dataset", root / "dataset.old"),
        lambda root: shutil.copytree(root / "dataset", root / "dataset.part"),
        lambda root: shutil.rmtree(root / "dataset"),
        lambda root: _remove(root, "tables/toys.Say/*/manifests/*"),  # killed before a shard was closed
        lambda root: _remove(root, "tables/cards.dataset/*/global.json"),
        lambda root: _remove(root, "tables/toys.Pieces/**/*"),
        lambda root: _remove(root, "recipe.lock.yaml"),
        lambda root: shutil.rmtree(root / "tables"),
        lambda root: _remove(root, "review/*/*"),
    ],
)
@pytest.mark.parametrize("word", ["hello", "bye"])
def test_a_plan_writes_nothing_whatever_the_state_of_the_folder(
    published: Path, tmp_path: Path, change: Callable[[Path], object], word: str
) -> None:
    root = tmp_path / "build"
    shutil.copytree(published, root)
    with suppress(IsADirectoryError):
        change(root)
    before = _snapshot(root)
    preview_build(_published(word), root, RunOptions(workers=1))
    assert _snapshot(root) == before


def _published(word: str) -> Recipe:
    steps = (toys.Numbers(last=2), toys.Pieces(), toys.Say(word=word), Dataset(), ReviewStep(kind="judge", sample=2))
    return Recipe("published", steps, shards=2)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build with a dataset, and with questions for people."""
    root = tmp_path_factory.mktemp("published") / "build"
    assert run_build(_published("hello"), root, RunOptions(workers=1)).waiting
    return root


def test_a_dataset_that_was_cut_off_is_written_again(published: Path, tmp_path: Path) -> None:
    root = tmp_path / "build"
    shutil.copytree(published, root)
    _move(root, "dataset", "dataset.old")
    run_build(_published("hello"), root, RunOptions(workers=1))
    assert (root / "dataset" / "README.md").is_file() and not (root / "dataset.old").exists()
    assert {f.name: f.to_do for f in preview_build(_published("hello"), root, RunOptions())}["cards.dataset"] == 0


def test_another_recipes_folder(built: Path) -> None:
    with pytest.raises(UserError, match="holds the build of toys"):
        preview_build(Recipe("other", toys.recipe().steps, shards=4), built, RunOptions())
