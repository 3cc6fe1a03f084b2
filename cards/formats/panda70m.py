"""Panda-70M's csv, as its authors write it: one row a source video, whose clips are lists in the cells.

Source: ``dataset_dataloading/README.md`` of the authors' repository, and its files: Python's ``repr`` of lists in csv
with line feeds, quotes only where they are needed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple, TextIO

COLUMNS = (
    "videoID", "url", "timestamp", "caption", "matching_score", "desirable_filtering", "shot_boundary_detection",
)  # fmt: skip
LABELS = (
    "desirable",
    "0_low_desirable_score",
    "1_still_foreground_image",
    "2_tiny_camera_movement",
    "3_screen_in_screen",
    "4_computer_screen_recording",
)
"""Values of ``desirable_filtering``."""


class ClipCell(NamedTuple):
    """One clip: times of the video, and its shots from its own start on."""

    start_s: float
    end_s: float
    caption: str
    score: float | None  # None where nobody measured it
    label: str  # one of LABELS, or empty where nobody judged it
    shots: Sequence[tuple[float, float]]


class Panda70mLine(NamedTuple):
    """One row."""

    video_id: str
    url: str
    clips: Sequence[ClipCell]


def write_lines(file: TextIO, lines: Iterable[Panda70mLine]) -> int:
    """Write the header and a row for each video; returns how many clips there are in them.

    The file must have been opened with ``newline=""``. Cells are in the order of ``Panda70mLine.clips``.
    """
    writer, count = csv.writer(file, lineterminator="\n"), 0
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow(cells(line))
        count += len(line.clips)
    return count


def cells(line: Panda70mLine) -> list[str]:
    """The seven cells of a row."""
    clips = line.clips
    lists = (
        [_span(clip.start_s, clip.end_s) for clip in clips],
        [clip.caption for clip in clips],
        [clip.score for clip in clips],
        [clip.label for clip in clips],
        [[_span(start_s, end_s) for start_s, end_s in clip.shots] for clip in clips],
    )
    return [line.video_id, line.url, *(repr(one) for one in lists)]


def _span(start_s: float, end_s: float) -> list[str]:
    return [timecode(start_s), timecode(end_s)]


def timecode(seconds: float) -> str:
    """``H:MM:SS.mmm``, cut off after one microsecond was added; from 24 h on ``1 day, H:MM:SS.mmm``."""
    moment = timedelta(seconds=seconds, microseconds=1)
    days = f"{moment.days} day{'s' if moment.days != 1 else ''}, " if moment.days else ""
    minutes, second = divmod(moment.seconds, 60)
    return f"{days}{minutes // 60}:{minutes % 60:02d}:{second:02d}.{moment.microseconds // 1000:03d}"
