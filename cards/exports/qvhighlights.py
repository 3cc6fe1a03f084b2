"""QVHighlights' jsonl: a caption as a query, and the moments of the video that it is about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ...schemas import Col
from .activitynet import video_length
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_jsonl, split_files, write_jsonl
from .marked import MarkedQuery, read_marked


@dataclass(frozen=True)
class QvhighlightsFormat(ExportFormat):
    """A line a query: ``qid``, ``query``, ``duration``, ``vid``, ``relevant_windows`` and ``relevant_clip_ids``.

    The query is a caption, its windows are the clips of the source video that have it, in seconds.
    ``relevant_clip_ids`` are the cells of a grid of ``cell_s`` seconds that lie at least half in a window, or the one
    that a window lies in most. ``duration`` is as for ``activitynet``.

    With ``marked`` a line is what people marked in a clip (``annotation.review`` with the kinds ``moments`` and
    ``saliency``): ``vid`` is the clip's file or id, ``duration`` its length, times count from its start, windows that
    overlap are one, and ``saliency_scores`` has of each cell the grades that people gave it, in order of their names.
    Without ``marked`` there are none: nobody graded the cells.
    """

    marked: Annotated[bool, Col("what people marked in the build, not which clips the captions are of")] = False
    cell_s: Annotated[float, Col("length of a cell of the grid", unit="s", low=0.1)] = 2.0

    name = "qvhighlights"
    source = "https://github.com/jayleicn/moment_detr/blob/main/data/README.md"
    files = "<split>.jsonl"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split; ``qid`` counts through all of them."""
        qid, marked = 0, read_marked(clips.dataset) if self.marked else None
        for split in clips.splits:
            if marked is not None:
                lines = [line for clip in clips.of(split) for line in self._marked_lines(clip, marked)]
            else:
                lines = [line for found in clips.videos(split) for line in self._lines(found)]
            for line in lines:
                line["qid"] = qid = qid + 1
            write_jsonl(folder / f"{split}.jsonl", lines)

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a window."""
        for split, path in split_files(folder, ".jsonl"):
            for line in read_jsonl(path):
                yield from _line_records(split, line)

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Times to the millisecond."""
        times = round(clip.start_s, 3), round(clip.end_s, 3)
        yield ExportRecord(clip.split, clip.video_id, clip.caption, "", *times)

    def expect(self, clips: ExportClips) -> Iterator[ExportRecord]:
        """What all clips must have become, or what people marked in them."""
        if not self.marked:
            yield from super().expect(clips)
            return
        marked = read_marked(clips.dataset)
        for clip in clips:
            for line in self._marked_lines(clip, marked):
                yield from _line_records(clip.split, line)

    def _marked_lines(self, clip: ExportClip, marked: Mapping[str, list[MarkedQuery]]) -> Iterator[dict[str, Any]]:
        for query in marked.get(clip.clip_id, ()):
            spans = [(m.start_s - clip.start_s, m.end_s - clip.start_s) for m in query.moments]
            cells = {round((cell.span.start_s - clip.start_s) / self.cell_s): cell.grades for cell in query.cells}
            ids = sorted(cells) or sorted({n for span in spans for n in self._cells(*span)})
            grades = {"saliency_scores": [cells[n] for n in ids]} if cells else {}
            yield {
                "qid": 0, "query": query.text, "duration": round(clip.seconds, 3), "vid": clip.key,
                "relevant_windows": [[round(start_s, 3), round(end_s, 3)] for start_s, end_s in spans],
                "relevant_clip_ids": ids, **grades,
            }  # fmt: skip

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


def _line_records(split: str, line: Mapping[str, Any]) -> Iterator[ExportRecord]:
    """A record a window; ``file`` is what people graded."""
    told = json.dumps([line["relevant_clip_ids"], line["saliency_scores"]]) if "saliency_scores" in line else ""
    for start_s, end_s in line["relevant_windows"]:
        yield ExportRecord(split, line["vid"], line["query"], told, start_s, end_s)
