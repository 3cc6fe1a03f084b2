"""Kinetics' csv: spans of videos of the web with a label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...schemas import Col
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_csv, split_files, write_csv

_YOUTUBE = re.compile(
    r"(?:youtube(?:-nocookie)?\.com/(?:watch\?(?:.*&)?v=|shorts/|embed/)|youtu\.be/)([\w-]{11})(?![\w-])"
)
_COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")


@dataclass(frozen=True)
class KineticsFormat(ExportFormat):
    """A row a clip: ``label,youtube_id,time_start,time_end,split``.

    The label is the caption, or the first object that is tagged in it. ``youtube_id`` is the one in the source's
    address, or the id of the source video where there is none. Times are seconds of the source video, to the
    millisecond where Kinetics has whole ones. Clips without a label are left out.
    """

    label: Annotated[str, Col("what becomes the label", choices=("caption", "object"))] = "caption"

    name = "kinetics"
    source = "https://github.com/cvdfoundation/kinetics-dataset"
    files = "<split>.csv"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            records = (record for clip in clips.of(split) for record in self.records(clip))
            rows = ((r.text, r.key, f"{r.start_s:.3f}", f"{r.end_s:.3f}", split) for r in records)
            write_csv(folder / f"{split}.csv", _COLUMNS, rows)

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a row."""
        for split, path in split_files(folder, ".csv"):
            for row in read_csv(path):
                times = float(row["time_start"]), float(row["time_end"])
                yield ExportRecord(split, row["youtube_id"], row["label"], "", *times)

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Times to the millisecond."""
        label = clip.caption if self.label == "caption" else next(iter(clip.objects), "")
        found = _YOUTUBE.search(clip.uri)
        key = found[1] if found else clip.video_id
        if label:
            yield ExportRecord(clip.split, key, label, "", round(clip.start_s, 3), round(clip.end_s, 3))
