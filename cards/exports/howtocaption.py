"""HowToCaption's structure, as JSON: captions of a video grouped by their spans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, JsonWriter, split_files
from .json_stream import read_items


@dataclass(frozen=True)
class HowtocaptionFormat(ExportFormat):
    """An object of source videos: ``start``, ``end`` and ``text``, three lists of one length in order of time.

    An entry of ``text`` is the list of all captions of the span from ``start`` to ``end``, in seconds of the source
    video. The published files hold the same as Python pickles; these are JSON, so that reading them runs nothing.
    """

    name = "howtocaption"
    source = "https://github.com/ninatu/howtocaption"
    files = "<split>.json"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            with JsonWriter(folder / f"{split}.json") as out:
                out.text("{")
                out.items((found[0].video_id, _video(found)) for found in clips.videos(split))
                out.text("\n}\n")

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a caption."""
        for split, path in split_files(folder, ".json"):
            for key, video in read_items(path):
                for start_s, end_s, texts in zip(video["start"], video["end"], video["text"], strict=True):
                    for text in texts:
                        yield ExportRecord(split, key, text, "", start_s, end_s)

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """All captions of the whole clip; times to the millisecond."""
        for text in clip.texts():
            yield ExportRecord(clip.split, clip.video_id, text, "", round(clip.start_s, 3), round(clip.end_s, 3))


def _video(clips: list[ExportClip]) -> dict[str, Any]:
    return {
        "start": [round(clip.start_s, 3) for clip in clips],
        "end": [round(clip.end_s, 3) for clip in clips],
        "text": [clip.texts() for clip in clips],
    }
