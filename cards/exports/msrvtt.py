"""MSR-VTT's JSON: clips with times, and a sentence each or several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ...schemas import Col
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, JsonWriter
from .json_stream import find_next, read_list

SENTENCES = Annotated[
    str, Col("the caption that was chosen, or every caption of the whole clip", choices=("chosen", "all"))
]


def texts(clip: ExportClip, sentences: str) -> list[str]:
    """The captions of a clip that an option ``sentences`` asks for."""
    return clip.texts() if sentences == "all" else [clip.caption]


@dataclass(frozen=True)
class MsrvttFormat(ExportFormat):
    """``videos`` with ``video_id``, ``url``, ``start time``, ``end time``, ``split`` and ``id``; ``sentences`` with
    ``video_id``, ``caption`` and ``sen_id``.

    ``video_id`` is the name of the clip's file, or its id; ``file`` is its path below the dataset folder, ``source``
    the id of its source video. MSR-VTT's ``category`` is left out: nothing here knows it.
    """

    sentences: SENTENCES = "chosen"

    name = "msrvtt"
    source = "https://cove.thecvf.com/datasets/839"
    files = "msrvtt.json"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """One file of all splits."""
        with JsonWriter(folder / "msrvtt.json") as out:
            out.text('{"info": {}, "videos": [')
            out.values(_video(number, clip) for number, clip in enumerate(clips))
            out.text('\n], "sentences": [')
            said = ((clip.key, text) for clip in clips for text in texts(clip, self.sentences))
            out.values({"caption": text, "video_id": key, "sen_id": number} for number, (key, text) in enumerate(said))
            out.text("\n]}\n")

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a sentence."""
        path = folder / "msrvtt.json"
        videos = read_list(path, "videos")
        video: dict[str, Any] = {"video_id": None}
        for said in read_list(path, "sentences"):  # in the order of the videos
            key = said["video_id"]
            if video["video_id"] != key:
                video = find_next(videos, "video_id", key)
            times = video["start time"], video["end time"]
            yield ExportRecord(video["split"], key, said["caption"], video.get("file", ""), *times)

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Times to the millisecond."""
        for text in texts(clip, self.sentences):
            times = round(clip.start_s, 3), round(clip.end_s, 3)
            yield ExportRecord(clip.split, clip.key, text, clip.file, *times)


def _video(number: int, clip: ExportClip) -> dict[str, Any]:
    told: dict[str, Any] = {"video_id": clip.key, "url": clip.url, "source": clip.video_id}
    told |= {"start time": round(clip.start_s, 3), "end time": round(clip.end_s, 3), "split": clip.split, "id": number}
    return told | ({"file": clip.file} if clip.file else {})
