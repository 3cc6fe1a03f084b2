"""ShareGPT4Video's jsonl, from a dataset folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...engine.storage.files import replace_file
from ..formats.sharegpt import WHOLE, Sharegpt4videoLine, SpanCaption, write_lines
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_jsonl, split_files


@dataclass(frozen=True)
class SharegptFormat(ExportFormat):
    """A line a clip: ``video_id``, ``video_path``, ``zip_folder``, ``timestamps``, ``captions``.

    The caption of `idx` -1 is the clip's; those before it are its differential captions, those of the caption's own
    teacher or else of the first that has any, with times from the clip's start. ``video_path`` is the clip's file
    below the dataset folder, or where its source is. The step ``cards.sharegpt4video`` writes the same from the
    tables of a build, with the ids that ``builders.sharegpt4video`` read.
    """

    name = "sharegpt4video"
    source = "https://huggingface.co/datasets/ShareGPT4Video/ShareGPT4Video"
    files = "<split>.jsonl"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            with (
                replace_file(folder / f"{split}.jsonl") as part,
                open(part, "w", encoding="utf-8", newline="\n") as file,
            ):
                write_lines(file, map(_line, clips.of(split)))

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a caption."""
        for split, path in split_files(folder, ".jsonl"):
            for line in read_jsonl(path):
                times = [*line["timestamps"], None] if line["timestamps"] else [None] * len(line["captions"])
                for said, time_s in zip(line["captions"], times, strict=True):
                    mark = line["video_path"] if said["idx"] == WHOLE else said["idx"]
                    yield ExportRecord(split, line["video_id"], said["content"], mark, None, time_s)

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Its own caption and those of its moments."""
        line = _line(clip)
        known = all(moment.time_s is not None for moment in line.moments)
        for number, moment in enumerate(line.moments):
            time_s = round(moment.time_s, 3) if known and moment.time_s is not None else None
            yield ExportRecord(clip.split, clip.key, moment.text, str(number), None, time_s)
        yield ExportRecord(clip.split, clip.key, clip.caption, clip.file or clip.uri)


def _line(clip: ExportClip) -> Sharegpt4videoLine:
    told = [c for c in clip.captions if c.kind == "differential"]
    teachers = [c.teacher for c in told]
    teacher = clip.teacher if clip.teacher in teachers else next(iter(sorted(teachers)), "")
    moments = [
        SpanCaption(None if c.end_s is None else max(0.0, c.end_s - clip.start_s), c.text)
        for c in told
        if c.teacher == teacher
    ]
    return Sharegpt4videoLine(clip.key, clip.file or clip.uri, "", moments, clip.caption)
