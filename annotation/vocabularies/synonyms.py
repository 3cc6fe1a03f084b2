"""Which tags mean the same: by a table, or by WordNet's files."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ...engine.contract.errors import UserError

WORDNET = "wordnet"
_PLACES = ("/usr/share/wordnet", "/usr/share/nltk_data/corpora/wordnet", "~/nltk_data/corpora/wordnet")


def read_synonyms(path: Path) -> list[list[str]]:
    """Groups of tags that mean the same, from a csv or text file: a group a line, commas between, the chosen one first.

    Raises:
        UserError: it cannot be read, or a tag is in two groups.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            groups = [[cell.strip().lower() for cell in row if cell.strip()] for row in csv.reader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read the table of synonyms {path}: {error}") from None
    seen: dict[str, int] = {}
    for line, group in enumerate(groups, 1):
        for tag in group:
            if seen.setdefault(tag, line) != line:
                raise UserError(f"{path}:{line}: {tag!r} is in line {seen[tag]} too: a tag can mean one thing only")
    return [group for group in groups if len(group) > 1]


def find_wordnet() -> Path:
    """The folder with WordNet's ``index.noun`` and ``data.noun``: ``WNSEARCHDIR``, ``NLTK_DATA``, or a usual place.

    Raises:
        UserError: there is none.
    """
    given = [os.environ.get("WNSEARCHDIR", "")]
    given += [f"{part}/corpora/wordnet" for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    for place in (*filter(None, given), *_PLACES):
        folder = Path(place).expanduser()
        if (folder / "index.noun").is_file() and (folder / "data.noun").is_file():
            return folder
    hint = "install Debian's wordnet-base, or set WNSEARCHDIR or NLTK_DATA to where its files are; or give a table"
    raise UserError("synonyms: wordnet needs WordNet's files, and there are none", hint)


def wordnet_groups(folder: Path, tags: Iterable[str]) -> list[list[str]]:
    """The nouns among ``tags`` whose first meaning is one and the same, in groups."""
    wanted = {tag.replace(" ", "_"): tag for tag in tags}
    groups: dict[str, list[str]] = {}
    with (folder / "index.noun").open(encoding="latin-1") as file:
        for line in file:
            if line.startswith(" "):
                continue  # the licence
            cells = line.split()
            if cells[0] in wanted:
                first = 4 + int(cells[3]) + 2  # lemma, part of speech, counts, kinds of pointers; then its meanings
                groups.setdefault(cells[first], []).append(wanted[cells[0]])
    return [sorted(group) for _, group in sorted(groups.items()) if len(group) > 1]


def merge(groups: Iterable[Iterable[str]], documents: Mapping[str, int], keep_first: bool) -> dict[str, str]:
    """From each tag of a group to the one that stands for all: the first, or the one in most captions."""
    chosen: dict[str, str] = {}
    for group in groups:
        present = [tag for tag in group if tag in documents]
        if present:
            members = list(group)
            best = members[0] if keep_first else min(present, key=lambda tag: (-documents[tag], tag))
            chosen.update({tag: best for tag in present if tag != best})
    return chosen
