"""The database over a build's tables: what a folder is called changes nothing in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import toys
from commands import Run

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.storage.sql import literal_path

NAMES = ["fps=8", "title=zzz", "a*b", "a?b", "[ab]", "[!a]", "it's", "{a,b}", "~", "ü =1", "**"]


def build(root: Path, video: int) -> None:
    recipe = Recipe("toys", (toys.Numbers(first=video, last=video), toys.Pieces(), toys.Even()), shards=1)
    run_build(recipe, root, RunOptions(workers=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of one video, beside builds of another video that a pattern might take."""
    here = tmp_path_factory.mktemp("odd")
    build(here / "first", 1)
    build(here / "a", 2)
    for decoy in ("b", "a-b", "axb"):
        shutil.copytree(here / "a", here / decoy)
    return here


@pytest.mark.parametrize("name", NAMES)
def test_only_this_builds_files_are_read_whatever_its_folder_is_called(
    folder: Path, name: str, cliploom: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "first").rename(folder / name)
    try:
        monkeypatch.chdir(folder)
        with Build.read(Path(name)).connect() as db:
            found = db.execute("SELECT video_id, fps, title FROM videos").fetchall()
        assert found == [("v00001", None, "")]
        query = "SELECT count(*) AS n, count(DISTINCT video_id) AS videos FROM clips"
        assert cliploom("sql", f"./{name}", query, "--format", "csv").out == "n,videos\n3,1\n"
    finally:
        (folder / name).rename(folder / "first")


def test_a_build_in_a_folder_called_like_a_home_stays_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    build(Path("~"), 1)
    assert [each.name for each in tmp_path.iterdir()] == ["~"]


def test_a_path_that_cannot_be_named_is_refused() -> None:
    with pytest.raises(UserError, match="has a backslash and one of"):
        literal_path(Path("/a\\b/c*.parquet"))


def test_only_the_tables_are_listed(folder: Path, cliploom: Run) -> None:
    listed = cliploom("sql", folder / "first", "show tables", "--format", "csv").out.split()[1:]
    assert {"videos", "clips", "captions", "verdicts", "errors", "dataset"} <= set(listed)
    assert not [name for name in listed if name.startswith("_")]
