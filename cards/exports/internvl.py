"""InternVL's jsonl, and the file that lists it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ...schemas import Col
from .chats import Questions, Seed
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_jsonl, split_files, write_jsonl
from .llava import conversation

_META = "meta.json"


@dataclass(frozen=True)
class InternvlFormat(ExportFormat):
    """A line a clip: ``id``, ``video`` and ``conversations``, as ``llava`` has them; ``meta.json`` lists the files
    with ``root``, ``annotation``, ``data_augment``, ``repeat_time`` and ``length``.

    ``video`` is the clip's path below ``root``, which is the dataset folder unless you say another.
    """

    questions: Questions = field(default_factory=list)
    root: Annotated[str, Col("the dataset folder where you train; empty: `.`")] = ""
    seed: Seed = 0

    name = "internvl"
    source = "https://internvl.readthedocs.io/en/latest/get_started/chat_data_format.html"
    files = "<split>.jsonl, meta.json"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split, and their list."""
        listed = {}
        for split in clips.splits:
            write_jsonl(folder / f"{split}.jsonl", (self._line(n, clip) for n, clip in enumerate(clips.of(split))))
            listed[split] = {
                "root": self.root or ".", "annotation": f"{split}.jsonl", "data_augment": False, "repeat_time": 1,
                "length": sum(1 for _ in clips.of(split)),
            }  # fmt: skip
        (folder / _META).write_text(json.dumps(listed, indent=1), encoding="utf-8")

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a line."""
        for split, path in split_files(folder, ".jsonl"):
            for one in read_jsonl(path):
                yield ExportRecord(split, "", one["conversations"][1]["value"], one["video"])

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """The file and the caption."""
        yield ExportRecord(clip.split, "", clip.caption, clip.file)

    def _line(self, number: int, clip: ExportClip) -> dict[str, Any]:
        said = conversation(clip, self.questions, self.seed, "<video>")
        return {"id": number, "video": clip.file, "conversations": said}
