"""Data-Juicer's jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_jsonl, split_files, write_jsonl

_BEFORE, _AFTER = "<__dj__video> ", " <|__dj__eoc|>"


@dataclass(frozen=True)
class DatajuicerFormat(ExportFormat):
    """A line a clip: ``videos`` (its path), ``text`` (``<__dj__video>``, the caption, ``<|__dj__eoc|>``), and what the
    table says of it: ``id``, ``source``, ``start_s``, ``end_s``, ``license``, ``url`` and its scores.

    The path is the clip's below the dataset folder.
    """

    name = "datajuicer"
    source = "https://github.com/datajuicer/data-juicer/blob/main/tools/fmt_conversion/multimodal/README.md"
    files = "<split>.jsonl"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            write_jsonl(folder / f"{split}.jsonl", map(_line, clips.of(split)))

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a line."""
        for split, path in split_files(folder, ".jsonl"):
            for one in read_jsonl(path):
                text = one["text"].removeprefix(_BEFORE).removesuffix(_AFTER)
                yield ExportRecord(split, one["id"], text, one["videos"][0], one["start_s"], one["end_s"])

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """All that a line tells."""
        yield ExportRecord(clip.split, clip.clip_id, clip.caption, clip.file, clip.start_s, clip.end_s)


def _line(clip: ExportClip) -> dict[str, Any]:
    return {
        "videos": [clip.file], "text": f"{_BEFORE}{clip.caption}{_AFTER}", "id": clip.clip_id, "source": clip.video_id,
        "start_s": clip.start_s, "end_s": clip.end_s, "license": clip.license, "url": clip.url, **clip.scores,
    }  # fmt: skip
