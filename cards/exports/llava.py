"""LLaVA's conversations, as Video-LLaVA and others take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ...schemas import Col
from .chats import Questions, Seed, turns
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, split_files, write_list
from .json_stream import read_list

Token = Annotated[
    str, Col("what stands for the video: Video-LLaVA and Qwen's scripts want `<video>`, LLaVA-NeXT `<image>`")
]


def conversation(clip: ExportClip, questions: list[str], seed: int, token: str) -> list[dict[str, str]]:
    """A question after the token, and the caption."""
    said = turns(clip, questions, seed)
    return [{"from": "human", "value": f"{token}\n{said.question}"}, {"from": "gpt", "value": said.answer}]


@dataclass(frozen=True)
class LlavaFormat(ExportFormat):
    """A list of objects with ``id``, ``video`` and ``conversations``: a turn of ``human``, which begins with the
    token, and one of ``gpt``, the caption.

    ``video`` is the clip's path below the dataset folder: give that folder as the video folder.
    """

    questions: Questions = field(default_factory=list)
    token: Token = "<video>"
    seed: Seed = 0

    name = "llava"
    source = "https://github.com/PKU-YuanGroup/Video-LLaVA/blob/main/TRAIN_AND_VALIDATE.md"
    files = "<split>.json"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            write_list(folder / f"{split}.json", map(self._entry, clips.of(split)))

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a conversation."""
        for split, path in split_files(folder, ".json"):
            for one in read_list(path):
                yield ExportRecord(split, one["id"], one["conversations"][1]["value"], one["video"])

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """The file and the caption."""
        yield ExportRecord(clip.split, clip.clip_id, clip.caption, clip.file)

    def _entry(self, clip: ExportClip) -> dict[str, Any]:
        said = conversation(clip, self.questions, self.seed, self.token)
        return {"id": clip.clip_id, "video": clip.file, "conversations": said}
