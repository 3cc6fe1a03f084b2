"""Text files line by line."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ...engine.contract.errors import UserError


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, which may be packed with gzip, without their ends.

    Raises:
        UserError: it cannot be read.
    """
    open_: Callable[..., Iterable[str]] = gzip.open if path.suffix == ".gz" else open
    try:
        with open_(path, "rt", encoding="utf-8", newline="\n") as lines:  # type: ignore[attr-defined]
            for line in lines:
                yield line.rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
