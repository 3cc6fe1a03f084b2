"""The videos of a folder and the files that belong to each, from directory listings alone."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Sequence
from stat import S_ISREG
from typing import NamedTuple

from ...engine.contract.errors import UserError

_ENDINGS = (
    "3g2 3gp amv asf avi avs2 bik divx dv dvr-ms evo f4v flv gxf h264 h265 hevc ivf m1v m2p m2t m2ts m2v m4v mjpeg mjpg"
    " mkv mod mov mp4 mpe mpeg mpg mpv mts mxf nsv nut obu ogm ogv ogx qt rm rmvb roq smk tod trp ts vob webm wmv wtv"
    " y4m"
)
VIDEO_EXTENSIONS = frozenset(_ENDINGS.split())
"""Endings of the containers that FFmpeg reads and that hold moving pictures as a rule."""
TOLD_ENDINGS = (".info.json", ".json", ".description", ".txt")
"""Of the files beside a video that describe it."""
SUBTITLE_ENDINGS = (".srt", ".vtt", ".json3", ".sbv")
"""Of its subtitle files; a language may stand before."""
_BUILD_FILES = frozenset(("build.lock", "recipe.lock.yaml"))
_UNFINISHED = (".part", ".temp")
_OF_THE_SYSTEM = frozenset(("lost+found", "System Volume Information", "$RECYCLE.BIN"))


class Sidecar(NamedTuple):
    """A file beside a video that says something of it."""

    path: str
    ending: str
    tag: str  # what stands between the video's name and the ending, such as `en`
    stamp: str  # changes when the file does


class Found(NamedTuple):
    """One video file of a folder. Names that are not UTF-8 hold surrogates, as from ``os.fsdecode``."""

    path: str  # absolute
    relative: str  # to the source folder, with forward slashes
    stamp: str  # changes when the file does; empty for one that is not there
    sidecars: tuple[Sidecar, ...]


def list_videos(root: str, recursive: bool, extensions: Container[str]) -> Iterator[Found]:
    """The videos below the absolute path ``root``; ``extensions`` are lower case, without the dot.

    Hidden files, unfinished downloads and build folders are left out. A link to a folder is
    followed, but no folder is listed twice, nor one that holds ``root``.

    Raises:
        UserError: a folder may not be read.
    """
    for folder, names in _folders(root, recursive):
        videos: dict[str, list[str]] = {}
        for name in names:
            stem, ending = os.path.splitext(name)
            if ending[1:].lower() in extensions and not stem.endswith(_UNFINISHED):
                videos.setdefault(stem, []).append(name)
        beside = _sidecars(folder, names, videos) if videos else {}
        for stem, files in videos.items():
            for name in files:
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, root).replace(os.sep, "/")
                yield Found(path, relative, stamp(path), tuple(beside.get(stem, ())))


def stamp(path: str) -> str:
    """Size and time of change of a file; empty for a broken link, and for what is no plain file."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}" if S_ISREG(found.st_mode) else ""


def _folders(root: str, recursive: bool) -> Iterator[tuple[str, list[str]]]:
    """Each folder once, with the names of its files in order; folders that are links come last."""
    seen: set[tuple[int, int]] = set()
    todo, linked = [root], list[str]()
    while todo or linked:
        folder = todo.pop() if todo else linked.pop(0)
        entries = _entries(folder, seen)
        if folder != root and any(e.name in _BUILD_FILES for e in entries):
            continue
        yield folder, [e.name for e in entries if not e.is_dir()]
        if recursive:
            inner = [e for e in entries if e.is_dir() and e.name not in _OF_THE_SYSTEM]
            todo += [e.path for e in inner if not e.is_symlink()]
            linked += [e.path for e in inner if e.is_symlink() and not _holds(e.path, root)]


def _entries(folder: str, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What a folder holds, unless it was seen before."""
    try:
        found = os.stat(folder)
        if (found.st_dev, found.st_ino) in seen:
            return []
        seen.add((found.st_dev, found.st_ino))
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: os.fsencode(e.name))
    except OSError as error:
        raise UserError(f"cannot list the folder {folder}: {error.strerror}", "make it readable") from None


def _holds(link: str, root: str) -> bool:
    real, inside = os.path.realpath(link), os.path.realpath(root)
    return os.path.commonpath((real, inside)) == real


def _sidecars(folder: str, names: Sequence[str], videos: Container[str]) -> dict[str, list[Sidecar]]:
    """By the videos' stems, the files beside them; a file belongs to the longest stem that fits."""
    found: dict[str, list[Sidecar]] = {}
    for name in names:
        lower = name.lower()
        ending = next((e for e in (*TOLD_ENDINGS, *SUBTITLE_ENDINGS) if lower.endswith(e)), "")
        if not ending:
            continue
        whole = stem = name[: -len(ending)]
        while ending in SUBTITLE_ENDINGS and stem not in videos and "." in stem:
            stem = stem.rpartition(".")[0]
        path = os.path.join(folder, name)
        if stem in videos and (changed := stamp(path)):
            found.setdefault(stem, []).append(Sidecar(path, ending, whole[len(stem) + 1 :], changed))
    return found
