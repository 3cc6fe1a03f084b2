"""WebVid's csv: one row a clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_csv, split_files, write_csv


@dataclass(frozen=True)
class WebvidFormat(ExportFormat):
    """A row a clip: ``videoid,contentUrl,duration,page_dir,name``.

    ``name`` is the caption, ``duration`` whole seconds as ``PT00H00M17S``, ``contentUrl`` the address of the source
    video, or the clip's path where there is none. The clip's file is ``{page_dir}/{videoid}`` and its ending, below
    the dataset folder.
    """

    name = "webvid"
    source = "https://github.com/m-bain/webvid"
    files = "<split>.csv"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        columns = ("videoid", "contentUrl", "duration", "page_dir", "name")
        for split in clips.splits:
            rows = (
                (c.key, c.url or c.file, _duration(c.seconds), str(PurePosixPath(c.file).parent), c.caption)
                for c in clips.of(split)
            )
            write_csv(folder / f"{split}.csv", columns, rows)

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a row."""
        for split, path in split_files(folder, ".csv"):
            for row in read_csv(path):
                yield ExportRecord(split, row["videoid"], row["name"], row["page_dir"], None, _seconds(row["duration"]))

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Its folder and its length in whole seconds."""
        folder = str(PurePosixPath(clip.file).parent)
        yield ExportRecord(clip.split, clip.key, clip.caption, folder, None, float(round(clip.seconds)))


def _duration(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"PT{hours:02d}H{minute:02d}M{second:02d}S"


def _seconds(duration: str) -> float:
    hours, _, rest = duration.removeprefix("PT").partition("H")
    minutes, _, seconds = rest.removesuffix("S").partition("M")
    return float(int(hours) * 3600 + int(minutes) * 60 + int(seconds))
