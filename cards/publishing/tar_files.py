"""WebDataset: numbered tar archives of about 1 GB, each sample's files side by side, and an index of them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

TAR_BYTES = 1 << 30
_BLOCK, _RECORD = 512, 10_240  # bytes
_WRITE = 512 << 10  # a size that stays in the processor's cache

Content = bytes | Path


class TarFiles:
    """The archives of one split, ``<split>-000000.tar`` and on, and ``<split>-index.json``.

    The index is as the package ``wids`` reads it: the archives with their samples and sizes.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.shards: list[dict[str, str | int]] = []
        self.out: _BlockFile | None = None
        self.size = self.samples = self.total = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, key: str, files: Mapping[str, Content]) -> None:
        """Add a sample: its files by extension."""
        if self.out is None:
            self.out = _BlockFile(self.folder / self._name())
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

    def _file(self, out: _BlockFile, name: str, content: Content) -> None:
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        info = tarfile.TarInfo(name)  # no owner and no date: the same rows give the same archive
        info.size = size
        header = info.tobuf(tarfile.GNU_FORMAT)
        padding = b"\0" * (-size % _BLOCK)
        out.write(header)
        if isinstance(content, bytes):
            out.write(content)
        else:
            out.copy(content, size)
        out.write(padding)
        self.size += len(header) + size + len(padding)

    def _close(self) -> None:
        if self.out is None:
            return
        end = 2 * _BLOCK
        self.out.write(b"\0" * (end + -(self.size + end) % _RECORD))
        size = self.out.close()
        self.shards.append({"url": self._name(), "nsamples": self.samples, "filesize": size})
        self.total += self.samples
        self.out, self.size, self.samples = None, 0, 0


class _BlockFile:
    """A file that is written block by block.

    Where each block begins at a page of its own, the kernel takes it fastest. Copying inside the kernel is slower
    than reading and writing: what lies in an archive does not begin at pages.
    """

    def __init__(self, path: Path) -> None:
        self._out = path.open("wb", buffering=0)
        self._block, self._held, self._written = memoryview(bytearray(_WRITE)), 0, 0

    def write(self, content: bytes) -> None:
        """Add bytes."""
        rest = memoryview(content)
        while rest:
            taken = min(len(rest), len(self._block) - self._held)
            self._block[self._held : self._held + taken] = rest[:taken]
            self._count(taken)
            rest = rest[taken:]

    def copy(self, source: Path, size: int) -> None:
        """Add exactly ``size`` bytes of a file; ``OSError`` where it has fewer by now."""
        with source.open("rb", buffering=0) as file:
            while size:
                done = file.readinto(self._block[self._held : self._held + size])
                if not done:
                    raise OSError(f"{source} became shorter while it was read")
                self._count(done)
                size -= done

    def close(self) -> int:
        """Write the rest; returns the size of the file."""
        self._flush()
        self._out.close()
        return self._written

    def _count(self, taken: int) -> None:
        self._held += taken
        if self._held == len(self._block):
            self._flush()

    def _flush(self) -> None:
        rest = self._block[: self._held]
        while rest:
            rest = rest[self._out.write(rest) :]
        self._written, self._held = self._written + self._held, 0
