"""Steps and options that messages and docs name: each exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cliploom.captioners.text.prerequisites import MAKERS
from cliploom.engine.contract.catalog import _NEW_NAMES, FOLDERS, step_class, step_names, steps_that_write
from cliploom.engine.contract.step import MultiOutput
from cliploom.schemas import Row, row_fields

ROOT = Path(__file__).parents[1]
CODE = sorted(
    p for folder in (*FOLDERS, "engine", "models", "media", "schemas", "cli") for p in (ROOT / folder).rglob("*.py")
)
TEXTS = sorted([
    *(p for folder in ("docs", "recipes", "captioners/prompts", "cards") for p in (ROOT / folder).rglob("*.*")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
])  # fmt: skip
NAMED = re.compile(rf"\b(?:{'|'.join(FOLDERS)})(?:\.[a-z][a-z0-9_]*)+")
INVENTED = re.compile(r"there is no step \S+|filters\.loudness")  # what examples say of steps that there are not
WORDS = {"as", "from", "timeout_s", "batch", "workers"}  # of a recipe, with any step


def _named(text: str) -> Iterator[str]:
    return (found[0] for found in NAMED.finditer(INVENTED.sub("", text)))


def _exists(name: str) -> bool:
    folder, step, *more = name.split(".")
    if f"{folder}.{step}" not in step_names():
        return False
    if not more:
        return True
    kind = step_class(f"{folder}.{step}")
    options = {field.name for field in row_fields(kind)}
    parts = {part.name for part in kind().parts()} if issubclass(kind, MultiOutput) else set[str]()
    return more[0] in options | parts | WORDS or more[0] in ("parquet", "py", "md", "json", "csv", "j2", "yaml")


def test_a_name_that_is_gone_would_be_found() -> None:
    assert not _exists("builders.subtitles") and not _exists("builders.scan.frames_per_minute")
    assert _exists("builders.transcripts") and _exists("builders.scan.frames_per_s")


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_steps_that_code_names_exist(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    assert not [name for text in texts for name in _named(text) if name not in _NEW_NAMES and not _exists(name)]


def test_the_new_names_of_steps_exist() -> None:
    assert all(_exists(new) and not _exists(old) for old, new in _NEW_NAMES.items())


@pytest.mark.parametrize(
    "path", [p for p in TEXTS if p.suffix in (".md", ".yaml", ".j2", ".ipynb")], ids=lambda p: p.name
)
def test_steps_that_texts_name_exist(path: Path) -> None:
    assert not [name for name in _named(path.read_text(encoding="utf-8")) if not _exists(name)]


@pytest.mark.parametrize("row", MAKERS, ids=lambda row: row.table)
def test_who_is_said_to_make_a_table_makes_it(row: type[Row]) -> None:
    named = set(_named(MAKERS[row]))
    assert named and named <= set(steps_that_write(row))
