"""The one way to the objects of a build: a few verbs over names, so that a build folder may be anywhere.

An object is written once, whole, and named by its content; it is never changed. What does change is small and is
swapped: whoever swaps it says which version he has read, and one of two who do so at once is refused.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from .files import replace_file
from .pending_writes import ABSENT, PendingWrites, VersionConflict, name_in_errors, sync_path, version_of

__all__ = ["ABSENT", "Content", "FileSystem", "LocalFolder", "StoredObject", "VersionConflict"]


class StoredObject(NamedTuple):
    """An object as a listing tells of it."""

    name: str
    version: str  # differs after every change
    size_bytes: int


class Content(NamedTuple):
    """What is in an object, and the version that it was read at."""

    data: bytes
    version: str


class FileSystem(Protocol):
    """Objects by name; a name is a path of plain words with ``/`` between, below one root."""

    def read(self, name: str) -> Content:
        """The whole object; ``FileNotFoundError`` where there is none."""

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to ``stop`` of an object."""

    def put(self, name: str, data: bytes) -> None:
        """Write an object, in the place of one that may be there."""

    def put_if_absent(self, name: str, data: bytes | Path) -> bool:
        """Write an object that must not be there yet; whether it was written. A file given is used up."""

    def replace_if_unchanged(self, name: str, data: bytes, version: str) -> str:
        """Swap an object that has this version, ``ABSENT`` for none; its new version.

        ``VersionConflict`` where it has another.
        """

    def list(self, folder: str, unfinished: bool = False) -> list[StoredObject]:
        """All objects below a folder, by their names from there on, in order; none where there is no such folder.

        ``unfinished``: with what is left of writes that a kill has cut short.
        """

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""

    def local_copy(self, name: str) -> Path:
        """A file of this machine that has the object's content, for libraries that read files."""

    def together(self) -> AbstractContextManager[None]:
        """Inside, this thread's writes may all wait for the end, where the last of them would have counted anyway.

        Many small commits cost little more than one so. It raises ``VersionConflict`` at the end.
        """

    def scratch(self) -> Path:
        """The name of a new file of this machine, for what is written bit by bit before it is put."""

    def place(self, name: str) -> str:
        """What messages call an object."""


class LocalFolder:
    """A folder of this machine. What is written is on disk, with its name, before a call returns.

    A version is a file's time of modification, which each swap makes later than the one before, whatever the clock
    says: so a listing tells all versions without opening a file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()  # libraries take a relative ``~`` or ``s3:/x`` for another
        self._here = threading.local()  # has the ``pending`` writes of a thread that writes several together

    def read(self, name: str) -> Content:
        """As ``FileSystem`` says."""
        with open(self.local_copy(name), "rb") as file:
            return Content(file.read(), version_of(os.fstat(file.fileno())))

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """As ``FileSystem`` says."""
        with open(self.local_copy(name), "rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def put(self, name: str, data: bytes) -> None:
        """As ``FileSystem`` says."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with name_in_errors(path), replace_file(path) as part:
            part.write_bytes(data)
        sync_path(path.parent)

    def put_if_absent(self, name: str, data: bytes | Path) -> bool:
        """As ``FileSystem`` says."""
        if (pending := self._pending) is not None:
            return pending.put(name, data)
        pending = PendingWrites(self.root)
        return pending.put(name, data) and name not in pending.finish()

    def replace_if_unchanged(self, name: str, data: bytes, version: str) -> str:
        """As ``FileSystem`` says."""
        if (pending := self._pending) is not None:
            return pending.swap(name, data, version)
        pending = PendingWrites(self.root)
        made = pending.swap(name, data, version)
        pending.finish()
        return made

    @property
    def _pending(self) -> PendingWrites | None:
        return getattr(self._here, "pending", None)

    @contextmanager
    def together(self) -> Iterator[None]:
        """As ``FileSystem`` says."""
        if self._pending is not None:
            yield
            return
        pending = self._here.pending = PendingWrites(self.root)
        try:
            yield
        finally:
            self._here.pending = None
            pending.finish()

    def list(self, folder: str, unfinished: bool = False) -> list[StoredObject]:
        """As ``FileSystem`` says."""
        found: list[StoredObject] = []
        inside = [""]
        while inside:
            below = inside.pop()
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.root / folder / below) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        inside.append(f"{below}{entry.name}/")
                    elif entry.is_file() and (unfinished or not entry.name.endswith(".part")):
                        facts = entry.stat()
                        found.append(StoredObject(f"{below}{entry.name}", version_of(facts), facts.st_size))
        if self._pending is not None:
            for name in self._pending.names(folder):
                facts = self.local_copy(f"{folder}/{name}" if folder else name).stat()
                found.append(StoredObject(name, version_of(facts), facts.st_size))
        return sorted({one.name: one for one in found}.values())

    def delete(self, name: str) -> None:
        """As ``FileSystem`` says."""
        pending = self._pending or PendingWrites(self.root)
        pending.delete(name)
        if pending is not self._pending:
            pending.finish()

    def local_copy(self, name: str) -> Path:
        """As ``FileSystem`` says; here it is the file itself."""
        return (self._pending and self._pending.find(name)) or self.root / name

    def scratch(self) -> Path:
        """As ``FileSystem`` says."""
        self.root.mkdir(parents=True, exist_ok=True)
        return self.root / f"scratch.{os.getpid()}-{threading.get_ident()}.part"

    def place(self, name: str) -> str:
        """As ``FileSystem`` says."""
        return str(self.root / name)
