"""The program that runs sites' JavaScript for yt-dlp: without one, YouTube and others offer few formats or none."""

from __future__ import annotations

import os
import shutil
import sysconfig

NAME = "deno"  # the one that yt-dlp uses unasked


def find_runtime() -> str:
    """Its path, where yt-dlp looks: beside Python's own programs, then in ``PATH``; "" where there is none."""
    beside = os.path.join(sysconfig.get_path("scripts"), NAME)
    return beside if os.access(beside, os.X_OK) else shutil.which(NAME) or ""
