"""Videos in a folder of this machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import BatchFunction, Drop, Item, RowAnswer, Source, StepContext, each_row
from ..media.languages import file_language
from ..schemas import Col, Subtitle, Video
from .sources import captions
from .sources.ids import make_video_id, slug
from .sources.listing import SUBTITLE_FORMATS, UNREAD_SUBTITLES, VIDEO_EXTENSIONS, Sidecar, VideoFile, list_videos
from .sources.local_files import collect_metadata, hash_file, readable, readable_path, unpack_file
from .sources.manifests import ManifestRow, match_lines, read_manifest
from .sources.probe import Probe, probe
from .sources.sidecars import VideoMetadata


class FolderItem(NamedTuple):
    """One video to read."""

    found: VideoFile
    line: ManifestRow | None  # what the manifest says of it


@dataclass(frozen=True)
class Folder(Source[Video]):
    """Take the videos of a folder, and of tar archives in it, with what lies beside them.

    Hidden files, unfinished downloads and build folders are left out; a linked folder is followed once. Beside
    ``X.mp4`` these count: ``X.json``, ``X.info.json``, ``X.description`` and ``X.txt``, in this order, and subtitles,
    also with a language as in ``X.en.vtt``. A row of the manifest counts before all of them, the tags inside the file
    after them; captions are taken from all, for ``builders.source_clips``. What video2dataset writes, as files or as
    tar archives, is read so; archives are unpacked into the build folder. A manifest names a file by its path or
    its end, with or without the ending, and may have several rows of captions for one. An unreadable file, a broken
    sidecar, a broken row of the manifest, and a file that only the manifest knows are failed rows.
    """

    version = 4  # rows have a kind
    cost = "cpu"
    isolate = True
    timeout_s = 3600.0  # the whole file is read once for its hash
    batch = 4

    path: Annotated[str, Col("the folder; moving it re-reads its files but changes no row", local=True)]
    pattern: Annotated[str, Col("shell pattern of the files to take; with a slash, of paths inside the folder")] = "*"
    recursive: Annotated[bool, Col("look into folders inside it too")] = True
    extensions: Annotated[
        tuple[str, ...], Col("endings of the files to take, without the dot; empty for every kind of video")
    ] = ()
    manifest: Annotated[
        str, Col("csv, tsv, json, jsonl or Parquet file that names files and says more of them", local=True)
    ] = ""
    manifest_column: Annotated[str, Col("its column that names the file; empty for file, file_name, path, …")] = ""
    only_listed: Annotated[bool, Col("take only the files that the manifest names")] = False

    def folders(self) -> tuple[str]:
        """The one folder."""
        return (self.path,)

    def find(self) -> Iterator[Item]:
        """The videos in order of their paths; nothing is opened but the manifest."""
        root = os.path.abspath(os.path.expanduser(self.path))
        if not os.path.isdir(root):
            what = "it is a file" if os.path.exists(root) else "there is no such folder"
            raise UserError(f"cannot take videos from {self.path}: {what}", f"looked for {readable(root)}")
        wanted = sorted(self._find_videos(root), key=lambda w: os.fsencode(w.found.relative))
        if not wanted:
            raise UserError(f"no videos in {readable(root)}", self._search())
        for one in wanted:
            yield _item(root, one)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Item, Video]]:
        """Yield a function that hashes and probes files, and reads what lies beside them."""
        yield each_row(lambda item: _answer(item, context))

    def _find_videos(self, root: str) -> Iterator[FolderItem]:
        extensions = frozenset(e.lower().lstrip(".") for e in self.extensions) or VIDEO_EXTENSIONS
        there = [*list_videos(root, self.recursive, extensions)]
        listed = match_lines(self._lines(root), [found.relative for found in there], root)
        for found in there:
            line = listed.by_file.get(found.relative)
            if self._fits(found.relative) and (line is not None or not self.only_listed):
                yield FolderItem(found, line)
        for line in listed.rest:
            if not line.file or self._fits(line.file):
                yield FolderItem(VideoFile(os.path.join(root, line.file), line.file or line.where, "", ()), line)

    def _lines(self, root: str) -> list[ManifestRow]:
        if not self.manifest:
            if self.only_listed:
                raise UserError("only_listed needs a manifest that lists the files", "give manifest: or drop it")
            return []
        given = os.path.expanduser(self.manifest)
        inside = os.path.join(root, given)
        return read_manifest(inside if os.path.exists(inside) else given, self.manifest_column)

    def _fits(self, relative: str) -> bool:
        name = relative if "/" in self.pattern else relative.rpartition("/")[2]
        return fnmatchcase(name, self.pattern)

    def _search(self) -> str:
        kinds = ", ".join(self.extensions) or "mp4, mkv, webm, mov, avi and others"
        depth = "in it and the folders inside it" if self.recursive else "in it, not in the folders inside it"
        named = f" named {self.pattern}" if self.pattern != "*" else ""
        return f"looked for {kinds}{named}, {depth}"


def _item(root: str, wanted: FolderItem) -> Item:
    found, line = wanted
    stem = os.path.splitext(os.path.basename(found.relative))[0]
    beside = [[os.path.basename(s.path), s.stamp] for s in found.sidecars]
    listed = [line.told, line.captions, line.problem] if line else None
    said = json.dumps([root, found.stamp, found.streams, beside, listed], sort_keys=True)
    return Item(make_video_id(stem, found.relative), hashlib.sha256(said.encode()).hexdigest(), wanted)


def _answer(item: Item, context: StepContext) -> RowAnswer[Video]:
    found, line = item.payload
    try:
        _check(found, line)
        if found.streams and found.streams.merged:
            said = f"a stream of {readable(found.streams.merged)}, which holds it"
            return [Drop(item.video_id, item.video_id, "merged", said)]
        video = make_video(item.video_id, unpack_file(found, item.video_id, context), line, context)
    except RowError as error:
        return error
    if found.streams and not video.video_codec:
        others = ", ".join(readable(name) for name in found.streams.names)
        return [Drop(item.video_id, item.video_id, "only_sound", f"one of the streams of a download: {others}")]
    return [video]


def _check(found: VideoFile, line: ManifestRow | None) -> None:
    """Raise ``RowError`` for what shows in the listing already."""
    if line is not None and line.problem:
        raise RowError(line.problem, "bad_row")
    if found.problem:
        raise RowError(f"{readable(found.relative)}: {found.problem}", found.kind)
    if not found.stamp and line is not None:
        said = f"{line.where} names {readable(found.relative)}, which is not among the videos of the folder"
        raise RowError(f"{said}; is it there, and is its ending among `extensions`?", "missing")
    if not found.stamp:
        raise RowError(f"{readable(found.relative)}: a broken link, or no plain file", "unreadable")


def make_video(
    video_id: str, found: VideoFile, line: ManifestRow | None, context: StepContext, probed: Probe | None = None
) -> Video:
    """The row of a file that is at hand; ``probed`` is what was seen in it, where that was looked at already.

    Raises:
        RowError: it cannot be read.
    """
    path = readable_path(found.path, video_id + os.path.splitext(found.path)[1], context)
    size_bytes, sha256 = hash_file(found.path)
    probed = probed or probe(path)
    told = collect_metadata(found, line, probed)
    facts = probed.facts | {"uri": readable(found.relative)} | told.fields
    if facts["duration_s"] is None:
        facts["duration_s"] = told.duration_s
    subtitles = [_subtitle(s, video_id, context) for s in found.sidecars if s.ending in SUBTITLE_FORMATS]
    subtitles += [Subtitle(path, "stream", s.language, s.index) for s in probed.streams]
    return Video(
        video_id=video_id,
        path=path,
        sha256=sha256,
        size_bytes=size_bytes,
        chapters=told.chapters,
        subtitles=subtitles,
        metadata=json.dumps(_metadata(found, told), ensure_ascii=False, sort_keys=True, allow_nan=False),
        **facts,
    )


def _metadata(found: VideoFile, told: VideoMetadata) -> dict[str, Any]:
    """What has no column, with what was seen beside the video and is not read."""
    more = {
        captions.KEY: [caption.as_json() for caption in told.captions],
        "unread_subtitles": [_name(s.path) for s in found.sidecars if s.ending in UNREAD_SUBTITLES],
        "streams": [readable(name) for name in found.streams.names] if found.streams else [],
    }
    return told.metadata | {name: value for name, value in more.items() if value}


def _subtitle(sidecar: Sidecar, video_id: str, context: StepContext) -> Subtitle:
    name = f"{video_id}.{slug(sidecar.tag)}{sidecar.ending}"
    path, (_, sha256) = readable_path(sidecar.path, name, context), hash_file(sidecar.path)
    return Subtitle(path, SUBTITLE_FORMATS[sidecar.ending], file_language(sidecar.tag), sha256=sha256)


def _name(path: str) -> str:
    return readable(os.path.basename(path))
