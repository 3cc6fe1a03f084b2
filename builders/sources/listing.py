"""The videos of a folder and the files that belong to each, from directory listings alone."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from stat import S_ISREG
from typing import NamedTuple

from ...engine.contract.errors import UserError
from .shards import VideoShard, read_index

_ENDINGS = (
    "3g2 3gp amv asf avi avs2 bik divx dv dvr-ms evo f4v flv gxf h264 h265 hevc ivf m1v m2p m2t m2ts m2v m4v mjpeg mjpg"
    " mkv mod mov mp4 mpe mpeg mpg mpv mts mxf nsv nut obu ogm ogv ogx qt rm rmvb roq smk tod trp ts vob webm wmv wtv"
    " y4m"
)
VIDEO_EXTENSIONS = frozenset(_ENDINGS.split())
"""Endings of the containers that FFmpeg reads and that hold moving pictures as a rule."""
IMAGE_EXTENSIONS = frozenset(["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"])
"""Endings of pictures that FFmpeg reads from one file."""
TOLD_ENDINGS = (".info.json", ".json", ".description", ".txt")
"""Of the files beside a video that describe it."""
SUBTITLE_FORMATS = {
    "." + ending: name
    for name, endings in {
        "srt": "srt", "vtt": "vtt", "json3": "json3", "srv3": "srv3", "srv2": "srv2", "srv1": "srv1",
        "ttml": "ttml dfxp", "ass": "ass ssa", "sbv": "sbv", "lrc": "lrc", "smi": "smi sami",
    }.items()
    for ending in endings.split()
}  # fmt: skip
"""Formats of its subtitle files by their endings; a language may stand before."""
UNREAD_SUBTITLES = (".sub", ".idx", ".sup", ".scc", ".stl", ".mks", ".usf")
"""Endings of subtitle files that nothing here reads: pictures, and formats of broadcasters."""
_BUILD_FILES = frozenset(("build.lock", "recipe.lock.yaml"))
_UNFINISHED = (".part", ".temp")
_STREAM = re.compile(r"\.f(?:\d{1,5}|hls|dash|https?|m3u8|rtmp)(?:[-_+=][\w+=-]{1,40})?$")
"""What yt-dlp puts between a video's name and the ending of one of its streams, before it merges them."""
_OF_THE_SYSTEM = frozenset(("lost+found", "System Volume Information", "$RECYCLE.BIN"))


class Sidecar(NamedTuple):
    """A file beside a video that says something of it."""

    path: str
    ending: str
    tag: str  # what stands between the video's name and the ending, such as `en`
    stamp: str  # changes when the file does


class Streams(NamedTuple):
    """The files that yt-dlp downloads, one for each stream, before it merges them."""

    names: tuple[str, ...]
    merged: str  # the file that they were merged to; empty where that did not happen


class VideoFile(NamedTuple):
    """One video file of a folder. Names that are not UTF-8 hold surrogates, as from ``os.fsdecode``."""

    path: str  # absolute
    relative: str  # to the source folder, with forward slashes
    stamp: str  # changes when the file does; empty for one that is not there
    sidecars: tuple[Sidecar, ...]
    streams: Streams | None = None  # where it is one of the streams of a download
    shard: VideoShard | None = None  # the archive that holds it and its sidecars, whose paths are then those inside
    problem: str = ""  # why it cannot be taken, where that shows in the listing already
    kind: str = "unreadable"  # of that problem


def list_videos(root: str, recursive: bool, extensions: Container[str]) -> Iterator[VideoFile]:
    """The videos below the absolute path ``root``; ``extensions`` are lower case, without the dot.

    Hidden files, unfinished downloads and build folders are left out. A link to a folder is
    followed, but no folder is listed twice, nor one that holds ``root``.

    Raises:
        UserError: a folder may not be read.
    """
    for folder, names in _folders(root, recursive):
        for one in group_files(names, extensions):
            path = os.path.join(folder, one.name)
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            beside = [(os.path.join(folder, s.path), s) for s in one.sidecars]
            stamped = (s._replace(path=at, stamp=changed) for at, s in beside if (changed := stamp(at)))
            yield VideoFile(path, relative, stamp(path), tuple(stamped), one.streams)
        for name in names:
            if name.lower().endswith(".tar"):
                path = os.path.join(folder, name)
                yield from list_shard(path, os.path.relpath(path, root).replace(os.sep, "/"), extensions)


def by_stem(videos: Iterable[VideoFile]) -> dict[str, VideoFile]:
    """Videos by their names without ending. Where several have one name, none is taken: the first says so."""
    found: dict[str, VideoFile] = {}
    for video in videos:
        stem = os.path.splitext(os.path.basename(video.relative))[0]
        first = found.setdefault(stem, video)
        if first is not video:
            said = f"{os.fsencode(video.relative).decode('utf-8', 'backslashreplace')} has the same name"
            found[stem] = first._replace(problem=said, kind="ambiguous")
    return found


class _FileGroup(NamedTuple):
    """A video of a folder, and the files beside it; their paths are their names, and they have no stamps."""

    name: str
    sidecars: list[Sidecar]
    streams: Streams | None


def group_files(names: Sequence[str], extensions: Container[str]) -> Iterator[_FileGroup]:
    """The videos among the files of one folder, each with the files that belong to it."""
    videos: dict[str, list[str]] = {}
    for name in names:
        stem, ending = os.path.splitext(name)
        if ending[1:].lower() in extensions and not stem.endswith(_UNFINISHED):
            videos.setdefault(stem, []).append(name)
    if not videos:
        return
    owners, streams = {stem: [stem] for stem in videos}, dict[str, Streams]()
    for base, names_of_it in _downloads(names).items():
        merged = next(iter(videos.get(base, ())), "")
        if len(names_of_it) == 1 and merged:
            continue  # `race.f1.mp4` beside `race.mp4` is no stream of it
        for stem in {os.path.splitext(name)[0] for name in names_of_it} & videos.keys():
            streams[stem] = Streams(tuple(names_of_it), merged)
            owners.setdefault(base, []).append(stem)
    beside = _sidecars(names, owners)
    for stem, files in videos.items():
        for name in files:
            yield _FileGroup(name, beside.get(stem, []), streams.get(stem))


def _downloads(names: Sequence[str]) -> dict[str, list[str]]:
    """Files that look like single streams, by the names of their downloads."""
    found: dict[str, list[str]] = {}
    for name in names:
        stem = os.path.splitext(name)[0]
        if (mark := _STREAM.search(stem)) is not None:
            found.setdefault(stem[: mark.start()], []).append(name)
    return found


def list_shard(path: str, relative: str, extensions: Container[str]) -> Iterator[VideoFile]:
    """The videos in a tar archive; a damaged archive is one of its own, with what is wrong."""
    files, problem = read_index(path)
    stamped = stamp(path)
    folders: dict[str, list[str]] = {}
    for name in sorted(files):
        folders.setdefault(os.path.dirname(name), []).append(os.path.basename(name))
    for folder, names in folders.items():
        for one in group_files(names, extensions):
            name = os.path.join(folder, one.name)
            beside = tuple(s._replace(path=os.path.join(folder, s.path), stamp=stamped) for s in one.sidecars)
            inside = {n: files[n] for n in (name, *(s.path for s in beside))}
            where = f"{stamped}:{files[name].start}"
            yield VideoFile(name, f"{relative}/{name}", where, beside, one.streams, VideoShard(path, inside))
    if problem:
        yield VideoFile(path, relative, stamped, (), problem=problem)


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
        kinds = [(e, _is_folder(e)) for e in entries]
        yield folder, [e.name for e, is_folder in kinds if not is_folder]
        if recursive:
            inner = [e for e, is_folder in kinds if is_folder and e.name not in _OF_THE_SYSTEM]
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


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _holds(link: str, root: str) -> bool:
    real, inside = os.path.realpath(link), os.path.realpath(root)
    return os.path.commonpath((real, inside)) == real


def _sidecars(names: Sequence[str], owners: Mapping[str, Sequence[str]]) -> dict[str, list[Sidecar]]:
    """By the videos' stems, the files beside them; a file belongs to the longest stem that fits."""
    found: dict[str, list[Sidecar]] = {}
    for name in names:
        lower = name.lower()
        ending = next((e for e in (*TOLD_ENDINGS, *SUBTITLE_FORMATS, *UNREAD_SUBTITLES) if lower.endswith(e)), "")
        if not ending:
            continue
        whole = stem = name[: -len(ending)]
        while ending not in TOLD_ENDINGS and stem not in owners and "." in stem:
            stem = stem.rpartition(".")[0]
        for owner in owners.get(stem, ()):
            found.setdefault(owner, []).append(Sidecar(name, ending, whole[len(stem) + 1 :], ""))
    return found
