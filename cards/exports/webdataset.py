"""WebDataset: numbered tar archives with each clip's files side by side."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..publishing.tar_files import Content, TarFiles
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord


@dataclass(frozen=True)
class WebdatasetFormat(ExportFormat):
    """Archives of about 1 GB, in them of each clip ``KEY.mp4``, ``KEY.txt`` (the caption) and ``KEY.json`` (what the
    table says of it), and an index of the archives as ``wids`` reads it.

    The key is the name of the clip's file; dots in it become ``_``, since a key ends at the first dot.
    ``cliploom publish --layout webdataset`` writes the same archives with every column and a card.
    """

    name = "webdataset"
    source = "https://github.com/webdataset/webdataset"
    files = "<split>-000000.tar, <split>-index.json"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """The archives of each split."""
        for split in clips.splits:
            out = TarFiles(folder, split)
            for clip in clips.of(split):
                files: dict[str, Content] = {
                    PurePosixPath(clip.file).suffix[1:].lower(): clips.dataset.root / clip.file
                }
                told = {**clip._asdict(), "captions": [caption._asdict() for caption in clip.captions]}
                text = json.dumps(told, ensure_ascii=False).encode()
                out.add(_key(clip), {**files, "txt": clip.caption.encode(), "json": text})
            out.finish()

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a sample; ``file`` is how many bytes its video has."""
        for path in sorted(folder.glob("*.tar")):
            with tarfile.open(path) as archive:
                texts: dict[str, str] = {}
                sizes: dict[str, int] = {}
                for member in archive:
                    key, _, ending = member.name.partition(".")
                    if ending == "txt":
                        held = archive.extractfile(member)
                        texts[key] = held.read().decode() if held else ""
                    elif ending != "json":
                        sizes[key] = member.size
                for key, text in texts.items():
                    yield ExportRecord(path.name.rpartition("-")[0], key, text, str(sizes[key]))

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """The caption, by its key."""
        yield ExportRecord(clip.split, _key(clip), clip.caption)

    def expect(self, clips: ExportClips) -> Iterator[ExportRecord]:
        """What all clips must have become."""
        for clip in clips:
            size = (clips.dataset.root / clip.file).stat().st_size
            yield from (record._replace(file=str(size)) for record in self.records(clip))


def _key(clip: ExportClip) -> str:
    return clip.key.replace(".", "_")
