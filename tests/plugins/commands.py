"""What tests of the command line share: how a command is run, and a small recipe."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MEDIA = Path(__file__).parents[1] / "media"
VIDEOS = ("sintel_trailer_chapters_subs.mkv", "tears_of_steel_2s.webm", "made_zero_bytes.mp4")


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


def few_videos(folder: Path) -> str:
    """Put three files into a folder, one of them empty; a recipe over them."""
    folder.mkdir()
    for name in VIDEOS:
        shutil.copy(MEDIA / name, folder / name)
    return f"name: few\nshards: 2\nsteps:\n  - builders.folder: {{path: {folder}}}\n  - builders.transcripts\n"
