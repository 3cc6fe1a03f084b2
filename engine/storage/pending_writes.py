"""What is to be put, swapped and deleted in a folder in one go, so that many small commits cost little more than one.

A power cut may come at any moment, so the order is: the content of all files is on disk before one has its name; the
names of immutable objects are on disk before an object that is swapped names them; and what is deleted goes last.
Waiting for the disk is most of the cost, and a disk that is asked by several threads at once writes for all together.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

_SWAP_LOCK = "swap.lock"
_COARSEST_NS = 2_000_000_000  # a file system may keep times of modification no finer than this
_THREADS = 16

ABSENT = ""
"""The version of an object that is not there."""


class VersionConflict(Exception):
    """An object is no longer what its reader has read."""


class PendingWrites:
    """Files beside their places, until ``finish`` gives them their names. It is used by one thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._objects: dict[str, Path] = {}
        self._swaps: dict[str, Path] = {}
        self._versions: dict[str, str] = {}  # that the objects to be swapped have on disk
        self._deleted: dict[str, None] = {}

    def find(self, name: str) -> Path | None:
        """Where the content of an object is that has no name yet."""
        return self._swaps.get(name) or self._objects.get(name)

    def names(self, folder: str) -> Iterator[str]:
        """The objects below a folder that have no name yet, from there on."""
        for name in self._objects | self._swaps:
            if name.startswith(f"{folder}/") or not folder:
                yield name.removeprefix(f"{folder}/")

    def put(self, name: str, data: bytes | Path) -> bool:
        """An object that must not be there yet; False where it is."""
        if name in self._deleted:
            del self._deleted[name]
            return False
        if self.find(name) is not None or (self._root / name).exists():
            return False
        self._objects[name] = self._write(name, data)
        return True

    def swap(self, name: str, data: bytes, version: str) -> str:
        """An object that must have this version, or be ``ABSENT``; its new version."""
        before = self.find(name) or self._root / name
        try:
            facts = before.stat()
            found, modified_ns = version_of(facts), facts.st_mtime_ns
        except FileNotFoundError:
            found, modified_ns = ABSENT, 0
        if found != version:
            raise VersionConflict(name)
        self._versions.setdefault(name, version)
        part = self._swaps[name] = self._write(name, data)
        return _make_later(part, modified_ns)

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""
        part = self._objects.pop(name, None)
        if part is not None:
            part.unlink()
        else:
            self._deleted[name] = None

    def finish(self) -> set[str]:
        """Do all of it; the names of objects that others have put meanwhile.

        Raises:
            VersionConflict: one that is to be swapped has another version by now; those before it are swapped.
        """
        parts = [*self._objects.values(), *self._swaps.values()]
        try:
            _wait_for_disk(parts)
            taken = self._name(self._objects, lambda name, path: not path.exists())
            self._name(self._swaps, self._is_unchanged)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
        for name in self._deleted:
            _delete(self._root, name)
        return taken

    def _name(self, parts: dict[str, Path], may: Callable[[str, Path], bool]) -> set[str]:
        """Give parts their names, where they may have them; the others."""
        if not parts:
            return set()
        refused = set()
        with self._alone():
            for name, part in parts.items():
                if may(name, self._root / name):
                    os.replace(part, self._root / name)
                else:
                    refused.add(name)
        _wait_for_disk({part.parent for part in parts.values()})
        return refused

    def _is_unchanged(self, name: str, path: Path) -> bool:
        found = version_of(path.stat()) if path.exists() else ABSENT
        if found != self._versions[name]:
            raise VersionConflict(name)
        return True

    def _write(self, name: str, data: bytes | Path) -> Path:
        path = self._root / name
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            _fill(part, data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            _fill(part, data)
        return part

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Alone in all processes of this machine, for the moment of looking and renaming."""
        with open(self._root / _SWAP_LOCK, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def version_of(facts: os.stat_result) -> str:
    """The version of a file's object: its time of modification, which each swap makes later than the one before."""
    return f"{facts.st_mtime_ns:x}-{facts.st_size:x}"


def _fill(part: Path, data: bytes | Path) -> None:
    if not isinstance(data, bytes):
        os.replace(data, part)
        return
    with name_in_errors(part):
        part.write_bytes(data)


@contextmanager
def name_in_errors(path: Path) -> Iterator[None]:
    """Inside, errors of the system tell this path: a full disk is told without one."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _make_later(part: Path, than_ns: int) -> str:
    """See to it that a file's time is later than another's, as far as the file system can tell; its version."""
    facts = part.stat()
    for later_ns in (1, 1000, _COARSEST_NS, 2 * _COARSEST_NS):
        if facts.st_mtime_ns > than_ns:
            break
        os.utime(part, ns=(facts.st_atime_ns, than_ns + later_ns))
        facts = part.stat()
    return version_of(facts)


def _wait_for_disk(paths: Iterable[Path]) -> None:
    """Until the content of files is on disk, and the names in folders: content alone may come back nameless."""
    listed = list(paths)
    if len(listed) < 3:
        for path in listed:
            sync_path(path)
        return
    with ThreadPoolExecutor(min(_THREADS, len(listed))) as pool:
        list(pool.map(sync_path, listed))


def sync_path(path: Path) -> None:
    """Wait until a file's content is on disk, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with name_in_errors(path):
            os.fsync(handle)
    finally:
        os.close(handle)


def _delete(root: Path, name: str) -> None:
    """Remove a file, and the folders that it leaves empty."""
    path = root / name
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == root:
            break
        try:
            folder.rmdir()
        except OSError:
            break
