"""Panda-70M's csv, from a dataset folder."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...engine.storage.files import replace_file
from ...schemas import Col
from ..formats.panda70m import LABELS, ClipCell, Panda70mLine, timecode, write_lines
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_csv, split_files

_LABEL = "score_undesirable"
csv.field_size_limit(1 << 30)  # a cell holds the captions of a whole video


@dataclass(frozen=True)
class PandaFormat(ExportFormat):
    """A row a source video, ``videoID,url,timestamp,caption,matching_score,desirable_filtering,
    shot_boundary_detection``; the lists in its cells have one entry a clip, in order of time.

    Times are cut off at the millisecond. A score that a clip lacks is ``None``, the label of a clip that
    ``annotation.desirable`` did not judge is empty. The shots of a clip of several are known where the dataset lies in
    its build; otherwise their list is empty. The step ``cards.panda70m`` writes the same from the tables of a build.
    """

    score: Annotated[str, Col("the score that is published as matching_score")] = "matching_score"

    name = "panda70m"
    source = "https://github.com/snap-research/Panda-70M/tree/main/dataset_dataloading"
    files = "<split>.csv"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            lines = (Panda70mLine(f[0].video_id, f[0].url, list(map(self._cell, f))) for f in clips.videos(split))
            with (
                replace_file(folder / f"{split}.csv") as part,
                open(part, "w", encoding="utf-8", newline="") as file,
            ):
                write_lines(file, lines)

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a clip."""
        for split, path in split_files(folder, ".csv"):
            for row in read_csv(path):
                spans, texts = ast.literal_eval(row["timestamp"]), ast.literal_eval(row["caption"])
                for (start, end), text in zip(spans, texts, strict=True):
                    yield ExportRecord(split, row["videoID"], text, f"{start} {end}")

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Times as the format spells them."""
        span = f"{timecode(clip.start_s)} {timecode(clip.end_s)}"
        yield ExportRecord(clip.split, clip.video_id, clip.caption, span)

    def _cell(self, clip: ExportClip) -> ClipCell:
        label = clip.scores.get(_LABEL)
        name = LABELS[int(label)] if label is not None and 0 <= label < len(LABELS) else ""
        score = clip.scores.get(f"score_{self.score}")
        return ClipCell(clip.start_s, clip.end_s, clip.caption, score, name, clip.shots or [])
