"""A dataset's changelog: a Markdown file beside the card, the newest release first, which the card shows too."""

from __future__ import annotations

import re
from pathlib import Path

from ...engine.storage.files import write_text

FILE = "CHANGELOG.md"
_SHOWN = 6_000  # characters of it on the card; the file has all
_SECTION = re.compile(r"^## Changelog\n.*?(?=^## |\Z)", re.M | re.S)
_BEFORE = re.compile(r"^## (?:Building it again)\n", re.M)


def read_changelog(part: Path, old: Path) -> str:
    """Take the changelog of the folder ``old`` over into ``part``; what the card shows of it."""
    try:
        text = (old / FILE).read_text(encoding="utf-8")
    except OSError:
        return ""
    (part / FILE).write_text(text, encoding="utf-8")
    return excerpt(text)


def add_entry(folder: Path, heading: str, lines: list[str]) -> None:
    """Put an entry at the head of a dataset's changelog, and onto its card.

    An entry of the same heading is replaced.
    """
    path = folder / FILE
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    kept = re.sub(rf"^### {re.escape(heading)}\n.*?(?=^### |\Z)", "", old, flags=re.M | re.S)
    text = f"### {heading}\n\n" + "".join(f"- {line}\n" for line in lines) + ("\n" + kept.lstrip("\n") if kept else "")
    write_text(path, text)
    card = folder / "README.md"
    write_text(card, with_changelog(card.read_text(encoding="utf-8"), excerpt(text)))


def with_changelog(card: str, text: str) -> str:
    """A card with another changelog."""
    section = f"## Changelog\n\n{text}\n\n"
    if _SECTION.search(card):
        return _SECTION.sub(lambda _: section, card, count=1)
    if found := _BEFORE.search(card):
        return card[: found.start()] + section + card[found.start() :]
    return f"{card.rstrip()}\n\n{section}"


def excerpt(text: str) -> str:
    """As much of a changelog as the card shows: whole entries."""
    if len(text) <= _SHOWN:
        return text.strip()
    cut = text.rfind("\n### ", 0, _SHOWN)
    return f"{text[: max(cut, 0)].strip()}\n\n{FILE} has the rest."
