"""Subtitle files of any format and encoding to cues."""

from __future__ import annotations

import os

from ...engine.contract.errors import RowError
from .ass import read_ass
from .blocks import read_blocks
from .cues import Track
from .encodings import decode
from .json3 import read_json3
from .lyrics import read_lrc
from .sami import read_smi
from .sbv import read_sbv
from .timed_xml import read_xml

_LARGEST_BYTES = 64 << 20
_READERS = {
    "srt": read_blocks,
    "vtt": read_blocks,
    "json3": read_json3,
    "srv1": read_xml,
    "srv2": read_xml,
    "srv3": read_xml,
    "ttml": read_xml,
    "ass": read_ass,
    "sbv": read_sbv,
    "lrc": read_lrc,
    "smi": read_smi,
}


def read_file(path: str, kind: str, language: str = "") -> Track:
    """A file's cues, by start; ``kind`` is a ``Subtitle.format``, ``language`` (BCP 47) what its name tells.

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
    return _READERS[kind](decode(raw, name, language), name)
