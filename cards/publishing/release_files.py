"""Files of a release: what the Hub has of them, and what a commit does to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..release.reading import CARD

_CHUNK = 8 << 20

Content = bytes | Path


class RemoteFile(NamedTuple):
    """A file as the Hub lists it."""

    size: int
    sha256: str  # of LFS, otherwise empty
    git: str


class Change(NamedTuple):
    """What a release does to the files of a revision."""

    add: dict[str, Content]
    delete: list[str]

    @property
    def bytes(self) -> int:
        """Size of what is added."""
        return sum(size_of(content) for content in self.add.values())


def commit_operations(change: Change) -> Iterator[Any]:
    """Data first, then what goes, the card last."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    last = [path for path in change.add if "/" not in path]
    first = [path for path in change.add if "/" in path]
    for path in first:
        yield CommitOperationAdd(path, change.add[path])
    for path in change.delete:
        yield CommitOperationDelete(path, is_folder=False)
    for path in sorted(last, key=lambda path: path == CARD):
        yield CommitOperationAdd(path, change.add[path])


def is_addition(operation: Any) -> bool:
    """Does it add a file? Otherwise it deletes one."""
    return hasattr(operation, "path_or_fileobj")


def size_of(content: Content) -> int:
    """Its bytes, counted."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _chunks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        yield from iter(lambda: file.read(_CHUNK), b"")


def sha256_of(content: Content) -> str:
    """Its SHA-256 in hexadecimal: the name of a large file."""
    made = hashlib.sha256()
    for chunk in _chunks(content):
        made.update(chunk)
    return made.hexdigest()


def git_blob_id(content: Content) -> str:
    """Its git name in hexadecimal: that of a small file."""
    made = hashlib.sha1(b"blob %d\0" % size_of(content))
    for chunk in _chunks(content):
        made.update(chunk)
    return made.hexdigest()
