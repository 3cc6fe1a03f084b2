"""WebDataset: numbered tar archives of about 1 GB, each sample's files side by side, and an index of them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

TAR_BYTES = 1 << 30
_BLOCK, _RECORD = 512, 10_240  # bytes
_COPY = 256 << 10  # a size that stays in the processor's cache

Content = bytes | Path


class TarFiles:
    """The archives of one split, ``<split>-000000.tar`` and on, and ``<split>-index.json``.

    The index is as the package ``wids`` reads it: the archives with their samples and sizes.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.shards: list[dict[str, str | int]] = []
        self.out: IO[bytes] | None = None
        self.size = self.samples = self.total = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, key: str, files: Mapping[str, Content]) -> None:
        """Add a sample: its files by extension."""
        if self.out is None:
            self.out = (self.folder / self._name()).open("wb", buffering=0)
        for extension, content in files.items():
            self._file(self.out, f"{key}.{extension}", content)
        self.samples += 1
        if self.size >= TAR_BYTES:
            self._close()

    def finish(self) -> int:
        """Close the last archive and write the index; returns the number of samples."""
        self._close()
        index = {"__kind__": "wids-shard-index-v1", "wids_version": 1, "shardlist": self.shards}
        (self.folder / f"{self.split}-index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        return self.total

    def _name(self) -> str:
        return f"{self.split}-{len(self.shards):06d}.tar"

    def _file(self, out: IO[bytes], name: str, content: Content) -> None:
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        info = tarfile.TarInfo(name)  # no owner and no date: the same rows give the same archive
        info.size = size
        header = info.tobuf(tarfile.GNU_FORMAT)
        padding = b"\0" * (-size % _BLOCK)
        if isinstance(content, bytes):
            _write(out, header + content + padding)
        else:
            _write(out, header)
            _copy(content, out, size)
            _write(out, padding)
        self.size += len(header) + size + len(padding)

    def _close(self) -> None:
        if self.out is None:
            return
        end = 2 * _BLOCK
        _write(self.out, b"\0" * (end + -(self.size + end) % _RECORD))
        size = self.out.tell()
        self.out.close()
        self.shards.append({"url": self._name(), "nsamples": self.samples, "filesize": size})
        self.total += self.samples
        self.out, self.size, self.samples = None, 0, 0


def _write(out: IO[bytes], content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[out.write(rest) :]


def _copy(source: Path, out: IO[bytes], size: int) -> None:
    """Exactly ``size`` bytes. Copying inside the kernel is slower here: places in an archive are not those of pages."""
    with source.open("rb", buffering=0) as file:
        held, left = memoryview(bytearray(min(_COPY, max(size, 1)))), size  # filled again and again
        while left:
            done = file.readinto(held[: min(left, len(held))])
            if not done:
                raise OSError(f"{source} became shorter while it was read")
            _write(out, held[:done])
            left -= done
