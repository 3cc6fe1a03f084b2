"""ShareGPT4Video's jsonl: one object a video, with a caption for each key frame and one of it all.

Source: ``sharegpt4video_40k.jsonl`` (Chen et al. 2024, arXiv:2406.04325) as the code of its readers takes it: ``idx``
is a string, and the caption of the whole video has `-1` and comes last. What ``timestamps`` count is told nowhere; here
they are seconds, one for each caption but the last, or none where one of them is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TextIO

WHOLE = "-1"


class SpanCaption(NamedTuple):
    """A caption of a part of the video."""

    time_s: float | None  # from the video's start: of the frame, or where the change that is told ends
    text: str


class Sharegpt4videoLine(NamedTuple):
    """One line."""

    video_id: str
    video_path: str
    zip_folder: str
    moments: Sequence[SpanCaption]
    caption: str  # of the whole video


def line(of: Sharegpt4videoLine) -> str:
    """The JSON object, without the line break. Moments are numbered from 0 in their order."""
    captions = [{"idx": str(at), "content": moment.text} for at, moment in enumerate(of.moments)]
    times_s = [moment.time_s for moment in of.moments]
    told = {
        "video_id": of.video_id,
        "video_path": of.video_path,
        "zip_folder": of.zip_folder,
        "timestamps": [] if None in times_s else [round(time_s or 0.0, 3) for time_s in times_s],
        "captions": [*captions, {"idx": WHOLE, "content": of.caption}],
    }
    return json.dumps(told, ensure_ascii=False)


def write_lines(file: TextIO, lines: Iterable[Sharegpt4videoLine]) -> int:
    """Write a line for each video; returns how many."""
    count = 0
    for one in lines:
        file.write(f"{line(one)}\n")
        count += 1
    return count
