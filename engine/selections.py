"""Lists of clips that a person keeps by name: text files in the build folder, one clip id a line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .contract.errors import UserError
from .storage.files import write_text

SELECTIONS = "selections"


def save_selection(root: Path, name: str, clip_ids: Iterable[str]) -> Path:
    """Write a list of clips, in its order, in the place of one of the same name; its file.

    Raises:
        UserError: the name is no plain file name.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"{name!r} is no name for a selection", "letters, digits, - and _ make one")
    path = root / SELECTIONS / f"{name}.txt"
    path.parent.mkdir(exist_ok=True)
    write_text(path, "".join(f"{clip_id}\n" for clip_id in clip_ids))
    return path


def read_selections(root: Path) -> dict[str, list[str]]:
    """All lists of a build folder by name."""
    files = sorted((root / SELECTIONS).glob("*.txt"))
    return {file.stem: read_ids(file) for file in files}


def read_ids(path: Path) -> list[str]:
    """The ids in a text file, one a line, each once.

    Raises:
        UserError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UserError(f"cannot read {path}: {said}") from None
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
