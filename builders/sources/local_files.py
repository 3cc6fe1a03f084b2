"""Files of this machine, as sources take them: what they hold, what lies beside them, and names for tables."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import replace

from ...engine.contract.errors import RowError
from ...engine.contract.step import StepContext
from ...schemas import Chapter
from .ids import slug
from .listing import VideoFile
from .manifests import ManifestRow
from .probe import Probe
from .shards import VideoShard, unpack
from .sidecars import VideoMetadata, read_told, tell

_TRUSTED = (".json", ".info.json", ".description", ".txt")  # the first that says something counts


def unpack_file(found: VideoFile, video_id: str, context: StepContext) -> VideoFile:
    """The same out of its archive, under names that no archive can choose."""
    if found.shard is None:
        return found
    path = _take(found.shard, found.path, os.path.splitext(found.path)[1].lower(), video_id, context)
    beside = []
    for number, sidecar in enumerate(found.sidecars):
        ending = f".{number}.{slug(sidecar.tag)}{sidecar.ending}"
        beside.append(sidecar._replace(path=_take(found.shard, sidecar.path, ending, video_id, context)))
    return found._replace(path=path, sidecars=tuple(beside), shard=None)


def _take(shard: VideoShard, name: str, ending: str, video_id: str, context: StepContext) -> str:
    target = (context.folder() / f"{video_id}{ending}").absolute()
    unpack(shard, name, target)
    return str(target)


def collect_metadata(found: VideoFile, line: ManifestRow | None, probed: Probe | None = None) -> VideoMetadata:
    """All that is said of a video; the manifest counts most, the container's tags least."""
    told = VideoMetadata() if line is None else tell(line.told)
    told.captions = [*(line.captions if line else ()), *told.captions]
    for ending in _TRUSTED:
        for sidecar in found.sidecars:
            if sidecar.ending == ending:
                told.add(read_told(sidecar.path, ending))
    if probed is not None:
        told.chapters = [_later(c, probed.start_s) for c in told.chapters]
        told.add(probed.told)
    return told


def _later(chapter: Chapter, by_s: float) -> Chapter:
    return replace(chapter, start_s=chapter.start_s + by_s, end_s=chapter.end_s + by_s)


def readable_path(path: str, name: str, context: StepContext) -> str:
    """The path, or a link to it with a name that a table can hold where the path is not UTF-8."""
    try:
        path.encode("utf-8")
        return path
    except UnicodeEncodeError:
        link = context.folder() / name.encode("ascii", "ignore").decode()
        fresh = link.with_name(f"{link.name}.{os.getpid()}.part")
        with suppress(FileNotFoundError):
            fresh.unlink()
        os.symlink(path, fresh)
        os.replace(fresh, link)
        return str(link.absolute())


def hash_file(path: str) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except OSError as error:
        raise RowError(f"{readable(path)}: the file cannot be read ({error.strerror})", "unreadable") from None


def readable(path: str) -> str:
    """A path as text; bytes that are no UTF-8 as ``\\xe9``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
