"""Writing files so that a kill at any instant leaves the old one or the new one, whole."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..contract.errors import UserError

_WHOLE = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # that say nothing against a file
_AGAIN = "delete {} and build again: what it held is made anew"

UNFINISHED = "unfinished"
"""In a step's folder for files, the folder for what is under way for long, such as downloads."""


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Write to the yielded ``.part`` path; on a clean exit it takes the place of ``path``.

    The content is on disk before it has the name. A power cut, which a kill is not, may bring the old file back.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a text file."""
    with replace_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file."""
    write_text(path, json.dumps(value, ensure_ascii=False))


def read_json(path: Path, needed: Iterable[str] = ()) -> Any:
    """The object in a JSON file, or None where there is none.

    Raises:
        UserError: it is no object, or lacks what is ``needed``.
    """
    with intact(path, path):
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        if not isinstance(found, dict) or not found.keys() >= set(needed):
            raise ValueError
        return found


@contextmanager
def intact(path: Path | str, remedy: Path | str) -> Iterator[None]:
    """Inside, a file of a build is read; what its reader raises for one that is gone or damaged becomes one line.

    ``remedy`` is what to delete, so that the next build makes it anew.

    Raises:
        UserError: naming the file.
    """
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} is gone", _AGAIN.format(remedy)) from None
    except OSError as error:
        if error.errno in _WHOLE:
            raise UserError(f"{path} cannot be read: {os.strerror(error.errno)}") from None
        raise UserError(f"{path} is damaged", _AGAIN.format(remedy)) from None
    except (ValueError, TypeError, KeyError):  # of JSON and of Arrow
        raise UserError(f"{path} is damaged", _AGAIN.format(remedy)) from None
