"""Tar archives of videos, as WebDataset's and video2dataset's shards are: what lies where, and how it gets out."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import RowError
from ...engine.storage.files import replace_file

_CHUNK_BYTES = 1 << 20


class Place(NamedTuple):
    """Where a file lies in an archive, in bytes."""

    start: int
    size: int


class VideoShard(NamedTuple):
    """An archive, and where some of its files lie, by their names."""

    path: str
    files: Mapping[str, Place]


class ShardIndex(NamedTuple):
    """The plain files of an archive, and what is wrong with it."""

    files: dict[str, Place]
    problem: str = ""


def read_index(path: str) -> ShardIndex:
    """Where the files of an uncompressed archive lie, but for hidden ones; of a damaged one those before the damage."""
    files: dict[str, Place] = {}
    try:
        size = os.path.getsize(path)
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                name = os.path.normpath(member.name).replace(os.sep, "/")
                hidden = any(part.startswith(".") and part != ".." for part in name.split("/"))
                if hidden or not member.isfile() or member.sparse is not None:
                    continue
                if member.offset_data + member.size > size:
                    return ShardIndex(files, f"it ends in the middle of {name}")
                files[name] = Place(member.offset_data, member.size)
    except (tarfile.TarError, OSError, ValueError) as error:
        return ShardIndex(files, f"it cannot be read as a tar archive{' to its end' if files else ''}: {error}")
    return ShardIndex(files)


def unpack(shard: VideoShard, name: str, target: Path) -> None:
    """Copy one file out of an archive.

    Raises:
        RowError: ``unreadable``.
    """
    place = shard.files[name]
    try:
        with open(shard.path, "rb") as archive, replace_file(target) as part, part.open("wb") as file:
            archive.seek(place.start)
            for at in range(0, place.size, _CHUNK_BYTES):
                file.write(archive.read(min(_CHUNK_BYTES, place.size - at)))
    except OSError as error:
        said = f"{os.path.basename(shard.path)}: {name} cannot be taken out ({error.strerror or error})"
        raise RowError(said, "unreadable") from None
