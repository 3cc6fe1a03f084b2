"""Names are plain: a class is a noun that stands once in the package, and none ends in a past participle."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("schemas", "engine", "media", "models", "builders", "captioners", "filters", "annotation", "cards", "cli")
FILES = [*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
IRREGULAR = {
    "made", "told", "said", "spoken", "kept", "held", "heard", "seen", "drawn", "spent", "known", "shown", "given",
    "taken", "left", "gone",
}  # fmt: skip
NOUNS = {"feed", "need", "seed", "embed", "speed", "red", "unified", "nested"}


def words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def is_participle(word: str) -> bool:
    return (word.endswith("ed") and len(word) > 3 and word not in NOUNS) or word in IRREGULAR


def classes() -> dict[str, list[str]]:
    """The places of each class, by name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path.relative_to(ROOT).as_posix())
    return found


def test_a_class_name_stands_once_in_the_package() -> None:
    assert {name: places for name, places in classes().items() if len(places) > 1} == {}


def test_no_class_name_ends_in_a_past_participle() -> None:
    assert [name for name in classes() if is_participle(words(name)[-1])] == []
