"""Files that are the same, byte for byte: stored once, whatever names they have."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_INDEX = "contents.tsv"


class ContentIndex:
    """What lies in a folder, by content. A file that comes again is a second name of the first: a hard link.

    Each name can be deleted alone; the bytes go with the last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._index = folder, folder / _INDEX
        self._first: dict[str, str] = {}
        with suppress(OSError):
            for line in self._index.read_text(encoding="utf-8").splitlines():
                sha256, _, name = line.partition("\t")
                if name and (folder / name).exists():
                    self._first.setdefault(sha256, name)

    def share(self, sha256: str, path: Path) -> None:
        """A file with this content is there; where another has it already, both become one."""
        first = self._folder / self._first.setdefault(sha256, path.name)
        if first.name == path.name or not first.exists():
            self._first[sha256] = path.name
            with self._index.open("a", encoding="utf-8") as file:
                file.write(f"{sha256}\t{path.name}\n")
            return
        if first.samefile(path):
            return
        link = path.with_name(f"{path.name}.{os.getpid()}.part")
        with suppress(OSError):  # a file system without links keeps both
            os.link(first, link)
            os.replace(link, path)
