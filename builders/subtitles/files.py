"""Subtitle files of any format and encoding to cues."""

from __future__ import annotations

import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE

from ...engine.contract.errors import RowError
from .blocks import read_blocks
from .cues import Track
from .json3 import read_json3
from .sbv import read_sbv

_LARGEST_BYTES = 64 << 20
_READERS = {"json3": read_json3, "sbv": read_sbv}
_FOREIGN_SHARE = 0.3
"""Of the letters: where more are beyond ASCII, the file is not in a Western language."""


def read_file(path: str, kind: str) -> Track:
    """A file's cues, by start; ``kind`` is ``srt``, ``vtt``, ``json3`` or ``sbv``.

    Raises:
        RowError: ``bad_subtitle``, naming the file and the line.
    """
    name = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise RowError(f"{name}: cannot be read ({error.strerror})", "bad_subtitle") from None
    if len(raw) > _LARGEST_BYTES:
        raise RowError(f"{name}: is larger than {_LARGEST_BYTES >> 20} MiB", "bad_subtitle")
    text = decode(raw, name)
    return _READERS.get(kind, read_blocks)(text, name)


def decode(raw: bytes, name: str) -> str:
    """Text in UTF-8, UTF-16 with a byte order mark, or Windows-1252 where the language is a Western one.

    Raises:
        RowError: ``bad_subtitle``: it is in none of them. A guess would turn another alphabet into noise.
    """
    encoding = "utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    letters = [c for c in text if c.isalpha()]
    if not letters or sum(not c.isascii() for c in letters) > _FOREIGN_SHARE * len(letters):
        raise RowError(f"{name}:{line}: this is neither UTF-8 nor Windows-1252; save it as UTF-8", "bad_subtitle")
    return text
