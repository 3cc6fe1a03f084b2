"""The csv in which retrieval code takes MSR-VTT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_csv, split_files, write_csv
from .msrvtt import SENTENCES, texts


@dataclass(frozen=True)
class MsrvttCsvFormat(ExportFormat):
    """A row a sentence: ``key,vid_key,video_id,sentence``.

    ``video_id`` is the name of the clip's file without folder and ending; ``key`` and ``vid_key`` count rows and
    clips, as ``ret0`` and ``msr0``.
    """

    sentences: SENTENCES = "chosen"

    name = "msrvtt-csv"
    source = "https://github.com/m-bain/frozen-in-time"
    files = "<split>.csv"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            said = ((n, c.key, text) for n, c in enumerate(clips.of(split)) for text in texts(c, self.sentences))
            rows = ((f"ret{row}", f"msr{n}", key, text) for row, (n, key, text) in enumerate(said))
            write_csv(folder / f"{split}.csv", ("key", "vid_key", "video_id", "sentence"), rows)

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a row."""
        for split, path in split_files(folder, ".csv"):
            for row in read_csv(path):
                yield ExportRecord(split, row["video_id"], row["sentence"])

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """The sentences alone."""
        for text in texts(clip, self.sentences):
            yield ExportRecord(clip.split, clip.key, text)
