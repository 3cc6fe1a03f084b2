"""Docs that cannot rot: made pages are up to date, links lead somewhere, examples work."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest

import cliploom as cl
from cliploom.cli.main import COMMANDS
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.planning.plan import make_plan
from cliploom.testing import run_step

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))])
LATER = {"docs/report.png"}  # made from a finished build

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_made_pages_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True)
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
    assert named <= {command.__name__ for command in COMMANDS} | {"cache", "review"}


@every_page
def test_code_imports_nothing_of_ours_but_the_public_face(page: Path) -> None:
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(textwrap.dedent(code))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {n for n in names if n.split(".")[0] == "cliploom"} <= {"cliploom", "cliploom.testing"}
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cl":
                assert node.attr in cl.__all__, node.attr


@every_page
def test_public_names_that_are_written_in_a_sentence_exist(page: Path) -> None:
    named = set(re.findall(r"`cl\.(\w+)", page.read_text(encoding="utf-8")))
    assert named <= set(cl.__all__)


def test_the_step_of_the_docs_works_and_passes_the_tests_of_the_docs() -> None:
    found = blocks(DOCS / "writing-a-step.md", "python")
    code, _, tests = (block for block in found if "import cliploom" in block)
    module = types.ModuleType("my_package.loudness")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "my_package", types.ModuleType("my_package"))
        patch.setitem(sys.modules, module.__name__, module)
        exec(compile(code, "loudness.py", "exec"), vars(module))
        names: dict[str, Any] = {}
        exec(compile(tests, "test_loudness.py", "exec"), names)
        names["test_loudness_keeps_the_contract"].__globals__["check_imports"] = lambda *_: None  # it is no file
        names["test_loudness_keeps_the_contract"]()
        names["test_a_video_without_sound_is_dropped"]()
        loudness, heard = vars(module)["Loudness"], vars(module)["LoudnessInput"]
        clip, sound = cl.Clip("v_1", "v", 0.0, 1.0, []), cl.Sound("v", "v", "v.flac", 0.0, 1.0, -50.0, [])
        assert run_step(loudness(), [heard(clip, [sound])]) == ["too_quiet"]
        assert run_step(loudness(min_db=-60.0), [heard(clip, [sound])]) == [None]


def test_the_python_of_the_docs_runs_as_a_script(media: Path, tmp_path: Path) -> None:
    [code] = blocks(DOCS / "python.md", "python")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mkv").symlink_to(media / "sintel_trailer_chapters_subs.mkv")
    (tmp_path / "script.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    planned, *_, counts, verdicts = done.stdout.splitlines()
    assert planned == "builders.folder 1 {'new': 1}"
    assert counts.endswith(" 0") and "too_short" in verdicts
