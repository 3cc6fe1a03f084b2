"""What the argument of a command may be: a recipe file, a build folder, or what was meant by another word."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import Run


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("build demo", "the recipe demo ships: `cliploom init demo` writes it to demo.yaml, to be edited; `cliploom d"),
        ("plan clips", "the recipe clips ships: `cliploom init clips` writes it to clips.yaml"),
        ("plan clip", "the recipe clips ships: "),
        ("plan clips.yaml", "the recipe clips ships: "),
        ("plan few", "did you mean few.yaml?"),
        ("build fw.yaml", "did you mean few.yaml?"),
        ("plan nothing-like-it", "`cliploom recipes` lists those that ship"),
        ("plan .", "did you mean few.yaml?"),
        ("plan builds/few", "it holds a build: `cliploom status builds/few` shows it"),
        ("status few", "did you mean builds/few?"),
    ],
)  # fmt: skip
def test_another_word_is_told_what_may_have_been_meant(
    command: str, said: str, cliploom: Run, few: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(few.parent)
    shutil.copytree(built, few.parent / "builds" / "few")
    answer = cliploom(*command.split())
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.parametrize("command", ["status", "errors", "report", "clean", "sql"])
def test_a_recipe_stands_for_its_build_folder(
    command: str, cliploom: Run, few: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(few.parent)
    query = ["select video_id from videos order by all"] if command == "sql" else []
    refused = cliploom(command, "few.yaml", *query)
    assert refused.code == 2
    assert "few.yaml has no build in builds/few\n  `cliploom build few.yaml` makes it" in refused.err
    shutil.copytree(built, few.parent / "builds" / "few")
    by_recipe, by_folder = (cliploom(command, place, *query) for place in ("few.yaml", "builds/few"))
    assert by_recipe.code == 0
    assert by_recipe.out == by_folder.out
