"""Imports run one way: cli, the five step folders, engine, schemas; the five know nothing of each other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
FOLDERS = ("schemas", "engine", "media", "models", "builders", "captioners", "filters", "annotation", "cards", "cli")
AT_THE_ROOT = [ROOT / name for name in ("__init__.py", "__main__.py", "api.py", "testing.py")]
FILES = sorted([*AT_THE_ROOT, *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))])


def test_imports_run_one_way() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_imports_inside_the_package_are_relative() -> None:
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            wrong += [f"{path.name}:{node.lineno}" for name in names if name.partition(".")[0] == "cliploom"]  # type: ignore[attr-defined]
    assert not wrong


def test_only_one_place_catches_everything() -> None:
    catching = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
            ):
                reraises = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
                if not reraises:
                    catching.add(path.relative_to(ROOT).as_posix())
    assert catching == {"engine/execution/failures.py"}


def test_only_storage_lists_or_renames_files_of_a_build() -> None:
    told = re.compile(r"\.r?glob\(|\biterdir\(|\bscandir\(|\blistdir\(|\.rename\(|\bos\.replace\(")
    engine = [path for path in FILES if path.relative_to(ROOT).parts[0] == "engine" and path.parent.name != "storage"]
    found = {path.name for path in engine if told.search(path.read_text(encoding="utf-8"))}
    assert len(engine) > 40 and found <= {"selections.py"}, "lists that people keep are no tables"


def test_files_stay_short() -> None:
    long = {path.name: n for path in FILES if (n := len(path.read_text(encoding="utf-8").splitlines())) > 350}
    assert not long
