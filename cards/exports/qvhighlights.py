"""QVHighlights' jsonl: a caption as a query, and the moments of the video that it is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ...schemas import Col
from .activitynet import video_length
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_jsonl, split_files, write_jsonl


@dataclass(frozen=True)
class QvhighlightsFormat(ExportFormat):
    """A line a query: ``qid``, ``query``, ``duration``, ``vid``, ``relevant_windows`` and ``relevant_clip_ids``.

    The query is a caption, its windows are the clips of the source video that have it, in seconds.
    ``relevant_clip_ids`` are the cells of a grid of ``cell_s`` seconds that lie at least half in a window, or the one
    that a window lies in most. ``saliency_scores`` are left out: nobody rated the cells. ``duration`` is as for
    ``activitynet``.
    """

    cell_s: Annotated[float, Col("length of a cell of the grid", unit="s", low=0.1)] = 2.0

    name = "qvhighlights"
    source = "https://github.com/jayleicn/moment_detr/blob/main/data/README.md"
    files = "<split>.jsonl"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split; ``qid`` counts through all of them."""
        qid = 0
        for split in clips.splits:
            lines = [line for found in clips.videos(split) for line in self._lines(found)]
            for line in lines:
                line["qid"] = qid = qid + 1
            write_jsonl(folder / f"{split}.jsonl", lines)

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a window."""
        for split, path in split_files(folder, ".jsonl"):
            for line in read_jsonl(path):
                for start_s, end_s in line["relevant_windows"]:
                    yield ExportRecord(split, line["vid"], line["query"], "", start_s, end_s)

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Times to the millisecond."""
        times = round(clip.start_s, 3), round(clip.end_s, 3)
        yield ExportRecord(clip.split, clip.video_id, clip.caption, "", *times)

    def _lines(self, clips: list[ExportClip]) -> Iterator[dict[str, Any]]:
        queries: dict[str, list[ExportClip]] = {}
        for clip in clips:
            queries.setdefault(clip.caption, []).append(clip)
        for query, found in queries.items():
            windows = [[round(clip.start_s, 3), round(clip.end_s, 3)] for clip in found]
            cells = sorted({cell for start_s, end_s in windows for cell in self._cells(start_s, end_s)})
            yield {
                "qid": 0, "query": query, "duration": video_length(clips), "vid": clips[0].video_id,
                "relevant_windows": windows, "relevant_clip_ids": cells,
            }  # fmt: skip

    def _cells(self, start_s: float, end_s: float) -> list[int]:
        size = self.cell_s
        near = range(int(start_s / size), int(end_s / size) + 1)
        inside = {cell: min(end_s, (cell + 1) * size) - max(start_s, cell * size) for cell in near}
        return [cell for cell, held in inside.items() if held >= size / 2] or [max(near, key=lambda cell: inside[cell])]
