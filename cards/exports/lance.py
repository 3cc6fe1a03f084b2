"""Lance: the published table in its columnar format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.contract.extras import extra
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord

_COLUMNS = ("clip_id", "caption", "start_s", "end_s")


@dataclass(frozen=True)
class LanceFormat(ExportFormat):
    """A Lance dataset a split, with every column of the published table.

    ``file_name`` is relative to the split's folder in the dataset folder, as there.
    """

    name = "lance"
    source = "https://lance.org"
    files = "<split>.lance/"
    extra = "lance"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A dataset a split, streamed."""
        lance = _load()
        for split in clips.splits:
            lance.write_dataset(clips.batches(split), folder / f"{split}.lance")

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a row."""
        lance = _load()
        for path in sorted(folder.glob("*.lance")):
            for batch in lance.dataset(path).to_batches(columns=list(_COLUMNS)):
                for row in batch.to_pylist():
                    clip, *rest = (row[column] for column in _COLUMNS)
                    yield ExportRecord(path.name.removesuffix(".lance"), clip, rest[0], "", rest[1], rest[2])

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """What is read back of a row."""
        yield ExportRecord(clip.split, clip.clip_id, clip.caption, "", clip.start_s, clip.end_s)


def _load() -> Any:
    with extra("lance"):
        import lance
    return lance
