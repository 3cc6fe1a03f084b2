"""YouTube's SubViewer files (sbv): SubRip with a comma for the arrow, points before milliseconds and no numbers."""

from __future__ import annotations

import re

from .blocks import read_blocks
from .cues import Track

_TIMES = re.compile(r"^[ \t]*(\d+:[^\s,]*),(\d+:[^\s,]*)[ \t]*\r?$", re.MULTILINE)  # or what is meant as times


def read_sbv(text: str, name: str) -> Track:
    """The cues of an sbv text; ``name`` stands in messages, errors are those of ``read_blocks``."""
    return read_blocks(_TIMES.sub(r"\1 --> \2", text.replace("[br]", " ")), name)
