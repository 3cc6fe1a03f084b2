"""ms-swift's jsonl of messages, with which Qwen-VL and others are tuned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ...schemas import Col
from .chats import Questions, Seed, turns
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_jsonl, split_files, write_jsonl


@dataclass(frozen=True)
class SwiftFormat(ExportFormat):
    """A line a clip: ``messages`` (``role`` and ``content``; the user's begins with ``<video>``) and ``videos``.

    The one path in ``videos`` is the clip's below the dataset folder, after ``root``. LLaMA-Factory reads the same
    with ``formatting: sharegpt`` and the tags ``role``, ``content``, ``user`` and ``assistant``.
    """

    questions: Questions = field(default_factory=list)
    root: Annotated[str, Col("what is put before the paths, such as the folder they lie in where you train")] = ""
    seed: Seed = 0

    name = "swift"
    source = "https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html"
    files = "<split>.jsonl"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            write_jsonl(folder / f"{split}.jsonl", map(self._line, clips.of(split)))

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a line."""
        for split, path in split_files(folder, ".jsonl"):
            for one in read_jsonl(path):
                yield ExportRecord(split, "", one["messages"][1]["content"], one["videos"][0])

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """The file and the caption."""
        yield ExportRecord(clip.split, "", clip.caption, self._path(clip))

    def _line(self, clip: ExportClip) -> dict[str, Any]:
        said = turns(clip, self.questions, self.seed)
        messages = [
            {"role": "user", "content": f"<video>{said.question}"},
            {"role": "assistant", "content": said.answer},
        ]
        return {"messages": messages, "videos": [self._path(clip)]}

    def _path(self, clip: ExportClip) -> str:
        return f"{self.root.rstrip('/')}/{clip.file}" if self.root else clip.file
