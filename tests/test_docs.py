"""Docs that cannot rot: made pages are up to date, links lead somewhere, examples work."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from cliploom.cli.main import COMMANDS
from cliploom.engine.contract.catalog import the_step
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.contract.step import reads
from cliploom.engine.planning.plan import make_plan
from cliploom.schemas import Clip, Sound

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))])
LATER = {"docs/report.png"}  # made from a finished build

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_made_pages_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            place = (page.parent / target).resolve()
            assert place.exists() or place.relative_to(ROOT).as_posix() in LATER, target


@every_page
def test_whole_recipes_can_be_planned(page: Path) -> None:
    for text in blocks(page, "yaml"):
        if text.startswith("name:"):
            assert make_plan(read_recipe(text, page.name))


@every_page
def test_commands_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"`cliploom (\w+)", page.read_text(encoding="utf-8")))
    assert named <= {command.__name__ for command in COMMANDS} | {"cache"}


def test_the_step_of_the_docs_works() -> None:
    [code, *_] = blocks(ROOT / "docs" / "writing-a-step.md", "python")
    module = types.ModuleType("cliploom.filters.loudness")
    module.__package__ = "cliploom.filters"
    sys.modules[module.__name__] = module
    try:
        exec(compile(code, "writing-a-step.md", "exec"), vars(module))
        step = the_step(module)
        assert reads(step).anchor is Clip
        clip = Clip("v_1", "v", 0.0, 1.0, [])
        sound = Sound("v", "v", "v.flac", 0.0, 1.0, -50.0, [])
        heard = vars(module)["Heard"]
        drop = step().drop  # type: ignore[attr-defined]
        assert [drop(heard(clip)), drop(heard(clip, [sound]))] == ["no_sound", "too_quiet"]
        assert step(min_db=-60.0).drop(heard(clip, [sound])) is None  # type: ignore[call-arg,attr-defined]
    finally:
        del sys.modules[module.__name__]
