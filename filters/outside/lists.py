"""Lists of what must not be in a dataset."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import UserError
from ...models.text.lines import read_lines

_HASH = re.compile(r"[0-9a-fA-F]{16}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def names_of(uri: str) -> set[str]:
    """All that a list may call a source by: its address, its file name with and without ending, its YouTube id."""
    parts = urlsplit(uri)
    name = parts.path.rstrip("/").rpartition("/")[2]
    found = {uri, name, name.rpartition(".")[0] or name}
    if "youtube." in parts.netloc or "youtu.be" in parts.netloc:
        found |= {*parse_qs(parts.query).get("v", []), name}
    return found - {""}


def read_ids(path: Path) -> set[str]:
    """Names: the first cell of each line of a text or csv file, with all that the same source may be called by."""
    cells = (cell for line in read_lines(path) if (cell := _first_cell(line)))
    return {name for cell in cells for name in names_of(cell)}


def read_digests(path: Path) -> set[str]:
    """SHA-256 of files, in lower case: the first 64 hexadecimal digits of each line (what `sha256sum` prints too).

    Raises:
        UserError: a line has none.
    """
    return {_match(_DIGEST, line, path, number, "a SHA-256") for number, line in _numbered(path)}


def read_hashes(path: Path) -> NDArray[np.uint64]:
    """64-bit perceptual hashes: the first 16 hexadecimal digits of each line.

    Raises:
        UserError: a line has none.
    """
    found = {int(_match(_HASH, line, path, number, "a 64-bit hash"), 16) for number, line in _numbered(path)}
    return np.array(sorted(found), np.uint64)


def read_vectors(path: Path) -> NDArray[Any]:
    """``(M, D)`` vectors of a ``.npy`` file.

    Raises:
        UserError: it is none.
    """
    try:
        made = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the vectors of {path}: {error}") from None
    if getattr(made, "ndim", 0) != 2 or made.dtype.kind != "f":
        raise UserError(f"{path} has no vectors", "it must hold one array (M, D) of floats")
    return np.asarray(made)


def _numbered(path: Path) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(read_lines(path), 1) if line.strip())


def _match(pattern: re.Pattern[str], line: str, path: Path, number: int, what: str) -> str:
    found = pattern.search(line)
    if found is None:
        raise UserError(f"{path}:{number}: {what} is missing in {line[:60]!r}")
    return found.group().lower()


def _first_cell(line: str) -> str:
    return next(iter(csv.reader([line])), [""])[0].strip() if line.strip() else ""
