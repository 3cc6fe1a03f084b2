"""Patterns that lie in text files, as they hold the words of many languages."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple


class Patterns(NamedTuple):
    """Regular expressions with names, and those without."""

    named: dict[str, str]
    unnamed: list[str]


@cache
def read_patterns(file: str) -> Patterns:
    """One pattern a line; ``NAME = …`` defines what ``<NAME>`` stands for further down, ``#`` begins a comment."""
    found = Patterns({}, [])
    for line in Path(__file__).with_name(file).read_text(encoding="utf-8").splitlines():
        for name, pattern in found.named.items():
            line = line.replace(f"<{name}>", pattern)
        name, defines, pattern = line.partition(" = ")
        if defines and name.isupper():
            found.named[name] = pattern
        elif line and not line.startswith("#"):
            found.unnamed.append(line)
    return found
