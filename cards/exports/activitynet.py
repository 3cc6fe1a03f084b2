"""ActivityNet Captions: a source video with its spans and their sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, JsonWriter, split_files
from .json_stream import read_items


def video_length(clips: list[ExportClip]) -> float:
    """Seconds of a source video; where the build is not at hand, the end of its last clip."""
    return round(max(clips[0].video_s or 0.0, *(clip.end_s for clip in clips)), 3)


@dataclass(frozen=True)
class ActivitynetFormat(ExportFormat):
    """An object of source videos: ``duration``, ``timestamps`` and as many ``sentences``, in order of time.

    Times are seconds of the source video. ``duration`` is its length where the dataset lies in its build; in a
    dataset folder alone nothing tells it, and it is the end of the video's last clip.
    """

    name = "activitynet"
    source = "https://cs.stanford.edu/people/ranjaykrishna/densevid/"
    files = "<split>.json"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            with JsonWriter(folder / f"{split}.json") as out:
                out.text("{")
                out.items((found[0].video_id, _video(found)) for found in clips.videos(split))
                out.text("\n}\n")

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a sentence."""
        for split, path in split_files(folder, ".json"):
            for key, video in read_items(path):
                for (start_s, end_s), text in zip(video["timestamps"], video["sentences"], strict=True):
                    yield ExportRecord(split, key, text, "", start_s, end_s)

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Times to the millisecond."""
        times = round(clip.start_s, 3), round(clip.end_s, 3)
        yield ExportRecord(clip.split, clip.video_id, clip.caption, "", *times)


def _video(clips: list[ExportClip]) -> dict[str, Any]:
    times = [[round(clip.start_s, 3), round(clip.end_s, 3)] for clip in clips]
    return {"duration": video_length(clips), "timestamps": times, "sentences": [clip.caption for clip in clips]}
