"""The one way to the objects of a build: a few verbs over names, so that a build folder may be anywhere.

An object is written once, whole, and named by its content; it is never changed. What does change is small and is
swapped: whoever swaps it says which version he has read, and one of two who do so at once is refused.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

_SWAP_LOCK = "swap.lock"
_COARSEST_NS = 2_000_000_000  # a file system may keep times of modification no finer than this


class StoredObject(NamedTuple):
    """An object as a listing tells of it."""

    name: str
    version: str  # differs after every change
    size_bytes: int


class Content(NamedTuple):
    """What is in an object, and the version that it was read at."""

    data: bytes
    version: str


class VersionConflict(Exception):
    """An object is no longer what its reader has read."""


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
        """Swap an object that has this version; its new version. ``VersionConflict`` where it has another."""

    def list(self, folder: str) -> list[StoredObject]:
        """All objects below a folder, by their names from there on, in order; none where there is no such folder."""

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""

    def local_copy(self, name: str) -> Path:
        """A file of this machine that has the object's content, for libraries that read files."""

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

    def read(self, name: str) -> Content:
        """As ``FileSystem`` says."""
        with open(self.root / name, "rb") as file:
            return Content(file.read(), _version(os.fstat(file.fileno())))

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """As ``FileSystem`` says."""
        with open(self.root / name, "rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def put(self, name: str, data: bytes) -> None:
        """As ``FileSystem`` says."""
        path = self._make_room(name)
        with self._part(path, data) as part:
            os.replace(part, path)
        _sync(path.parent)

    def put_if_absent(self, name: str, data: bytes | Path) -> bool:
        """As ``FileSystem`` says."""
        path = self._make_room(name)
        if path.exists():
            return False
        with self._part(path, data) as part, self._swapping():
            if path.exists():
                return False
            os.replace(part, path)
        _sync(path.parent)
        return True

    def replace_if_unchanged(self, name: str, data: bytes, version: str) -> str:
        """As ``FileSystem`` says."""
        path = self.root / name
        with self._part(path, data) as part, self._swapping():
            try:
                before = path.stat()
            except FileNotFoundError:
                raise VersionConflict(name) from None
            if _version(before) != version:
                raise VersionConflict(name)
            new = _make_later(part, before.st_mtime_ns)
            os.replace(part, path)
        _sync(path.parent)
        return new

    def list(self, folder: str) -> list[StoredObject]:
        """As ``FileSystem`` says."""
        found: list[StoredObject] = []
        inside = [""]
        while inside:
            below = inside.pop()
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.root / folder / below) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        inside.append(f"{below}{entry.name}/")
                    elif entry.is_file() and not entry.name.endswith(".part"):
                        facts = entry.stat()
                        found.append(StoredObject(f"{below}{entry.name}", _version(facts), facts.st_size))
        return sorted(found)

    def delete(self, name: str) -> None:
        """As ``FileSystem`` says."""
        path = self.root / name
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root or not _remove_empty(folder):
                break

    def local_copy(self, name: str) -> Path:
        """As ``FileSystem`` says; here it is the file itself."""
        return self.root / name

    def scratch(self) -> Path:
        """As ``FileSystem`` says."""
        self.root.mkdir(parents=True, exist_ok=True)
        return self.root / f"scratch.{os.getpid()}-{threading.get_ident()}.part"

    def place(self, name: str) -> str:
        """As ``FileSystem`` says."""
        return str(self.root / name)

    def _make_room(self, name: str) -> Path:
        path = self.root / name
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def _part(self, path: Path, data: bytes | Path) -> Iterator[Path]:
        """The content in a file beside its place, on disk; gone afterwards, if it has not become the object."""
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            if isinstance(data, bytes):
                part.write_bytes(data)
            else:
                os.replace(data, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            yield part
        except OSError as error:
            error.filename = error.filename or str(path)  # a full disk is told without one
            raise
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _swapping(self) -> Iterator[None]:
        """Alone in all processes of this machine, for the moment of looking and renaming."""
        with open(self.root / _SWAP_LOCK, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _version(facts: os.stat_result) -> str:
    return f"{facts.st_mtime_ns:x}-{facts.st_size:x}"


def _make_later(part: Path, than_ns: int) -> str:
    """See to it that a file's time is later than another's, as far as the file system can tell; its version."""
    facts = part.stat()
    for later_ns in (1, 1000, _COARSEST_NS, 2 * _COARSEST_NS):
        if facts.st_mtime_ns > than_ns:
            break
        os.utime(part, ns=(facts.st_atime_ns, than_ns + later_ns))
        facts = part.stat()
    return _version(facts)


def _sync(folder: Path) -> None:
    """Wait until the names in a folder are on disk: content alone may come back nameless after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
