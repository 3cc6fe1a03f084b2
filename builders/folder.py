"""Videos in a folder of this machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import Answer, Item, Site, Source, Work
from ..schemas import Chapter, Col, Subtitle, Video
from .sources.ids import make_video_id, slug
from .sources.languages import file_language
from .sources.listing import SUBTITLE_ENDINGS, VIDEO_EXTENSIONS, Found, Sidecar, list_videos
from .sources.manifests import Line, read_manifest
from .sources.probe import Probe, probe
from .sources.sidecars import Told, read_told, tell

_TRUSTED = (".json", ".info.json", ".description", ".txt")  # the first that says something counts


class Wanted(NamedTuple):
    """One video to read."""

    found: Found
    line: Line | None  # what the manifest says of it


@dataclass(frozen=True)
class Folder(Source[Video]):
    """Take the videos of a folder, with what lies beside them: yt-dlp's files, subtitles, JSON, text.

    Hidden files, unfinished downloads and build folders are left out; a linked folder is followed
    once. Beside ``X.mp4`` these count: ``X.json``, ``X.info.json``, ``X.description`` and ``X.txt``,
    in this order, and ``X.srt``, ``X.vtt``, ``X.json3``, ``X.sbv``, also with a language as in ``X.en.vtt``. A
    row of the manifest counts before all of them, the tags inside the file after them. An unreadable
    file, a broken sidecar, and a file that only the manifest knows are failed rows.
    """

    version = 2  # sizes are those shown
    cost = "cpu"
    isolate = True
    patience_s = 3600.0  # the whole file is read once for its hash
    batch = 4

    path: Annotated[str, Col("the folder; moving it re-reads its files but changes no row", local=True)]
    pattern: Annotated[str, Col("shell pattern of the files to take; with a slash, of paths inside the folder")] = "*"
    recursive: Annotated[bool, Col("look into folders inside it too")] = True
    extensions: Annotated[
        tuple[str, ...], Col("endings of the files to take, without the dot; empty for every kind of video")
    ] = ()
    manifest: Annotated[
        str, Col("csv, tsv, jsonl or Parquet file that names files and says more of them", local=True)
    ] = ""
    manifest_column: Annotated[str, Col("its column that names the file; empty for file, file_name, path, …")] = ""
    only_listed: Annotated[bool, Col("take only the files that the manifest names")] = False

    def find(self) -> Iterator[Item]:
        """The videos in order of their paths; nothing is opened but the manifest."""
        root = os.path.abspath(os.path.expanduser(self.path))
        if not os.path.isdir(root):
            what = "it is a file" if os.path.exists(root) else "there is no such folder"
            raise UserError(f"cannot take videos from {self.path}: {what}", f"looked for {_readable(root)}")
        wanted = sorted(self._wanted(root), key=lambda w: os.fsencode(w.found.relative))
        if not wanted:
            raise UserError(f"no videos in {_readable(root)}", self._looked_for())
        for one in wanted:
            yield _item(root, one)

    @contextmanager
    def open(self, site: Site) -> Iterator[Work[Item, Video]]:
        """Yield a function that hashes and probes files, and reads what lies beside them."""
        yield lambda items: [_answer(item, site) for item in items]

    def _wanted(self, root: str) -> Iterator[Wanted]:
        extensions = frozenset(e.lower().lstrip(".") for e in self.extensions) or VIDEO_EXTENSIONS
        lines = self._lines(root)
        for found in list_videos(root, self.recursive, extensions):
            line = lines.pop(found.relative, None) or lines.pop(os.path.splitext(found.relative)[0], None)
            if self._fits(found.relative) and (line is not None or not self.only_listed):
                yield Wanted(found, line)
        for relative, line in lines.items():
            if self._fits(relative):
                yield Wanted(Found(os.path.join(root, relative), relative, "", ()), line)

    def _lines(self, root: str) -> dict[str, Line]:
        if not self.manifest:
            if self.only_listed:
                raise UserError("only_listed needs a manifest that lists the files", "give manifest: or drop it")
            return {}
        given = os.path.expanduser(self.manifest)
        inside = os.path.join(root, given)
        return read_manifest(inside if os.path.exists(inside) else given, root, self.manifest_column)

    def _fits(self, relative: str) -> bool:
        name = relative if "/" in self.pattern else relative.rpartition("/")[2]
        return fnmatchcase(name, self.pattern)

    def _looked_for(self) -> str:
        kinds = ", ".join(self.extensions) or "mp4, mkv, webm, mov, avi and others"
        depth = "in it and the folders inside it" if self.recursive else "in it, not in the folders inside it"
        named = f" named {self.pattern}" if self.pattern != "*" else ""
        return f"looked for {kinds}{named}, {depth}"


def _item(root: str, wanted: Wanted) -> Item:
    found, line = wanted
    stem = os.path.splitext(os.path.basename(found.relative))[0]
    beside = [[os.path.basename(s.path), s.stamp] for s in found.sidecars]
    said = json.dumps([root, found.stamp, beside, line.told if line else None], sort_keys=True)
    return Item(make_video_id(stem, found.relative), hashlib.sha256(said.encode()).hexdigest(), wanted)


def _answer(item: Item, site: Site) -> Answer[Video]:
    found, line = item.payload
    if not found.stamp and line is not None:
        said = f"{line.where} names {_readable(found.relative)}, which is not among the videos of the folder"
        return RowError(f"{said}; is it there, and is its ending among `extensions`?", "missing")
    if not found.stamp:
        return RowError(f"{_readable(found.relative)}: a broken link, or no plain file", "unreadable")
    try:
        return [_video(item.video_id, found, line, site)]
    except RowError as error:
        return error


def _video(video_id: str, found: Found, line: Line | None, site: Site) -> Video:
    path = _spelled(found.path, video_id + os.path.splitext(found.path)[1], site)
    size_bytes, sha256 = _hashed(found.path)
    probed = probe(path)
    told = _told(found, line, probed)
    beside = [s for s in found.sidecars if s.ending in SUBTITLE_ENDINGS]
    facts = probed.facts | {"uri": _readable(found.relative)} | told.fields
    if facts["duration_s"] is None:
        facts["duration_s"] = told.duration_s
    subtitles = [_subtitle(s, video_id, site) for s in beside]
    subtitles += [Subtitle(path, "stream", s.language, s.index) for s in probed.streams]
    return Video(
        video_id=video_id,
        path=path,
        sha256=sha256,
        size_bytes=size_bytes,
        chapters=told.chapters,
        subtitles=subtitles,
        metadata=json.dumps(told.metadata, ensure_ascii=False, sort_keys=True, allow_nan=False),
        **facts,
    )


def _told(found: Found, line: Line | None, probed: Probe) -> Told:
    """All that is said of a video; the manifest counts most, the container's tags least."""
    told = Told() if line is None else tell(line.told)
    for ending in _TRUSTED:
        for sidecar in found.sidecars:
            if sidecar.ending == ending:
                told.add(read_told(sidecar.path, ending))
    told.chapters = [_later(c, probed.start_s) for c in told.chapters]
    told.add(probed.told)
    return told


def _later(chapter: Chapter, by_s: float) -> Chapter:
    return replace(chapter, start_s=chapter.start_s + by_s, end_s=chapter.end_s + by_s)


def _subtitle(sidecar: Sidecar, video_id: str, site: Site) -> Subtitle:
    name = f"{video_id}.{slug(sidecar.tag)}{sidecar.ending}"
    path, (_, sha256) = _spelled(sidecar.path, name, site), _hashed(sidecar.path)
    return Subtitle(path, sidecar.ending[1:], file_language(sidecar.tag), sha256=sha256)


def _spelled(path: str, name: str, site: Site) -> str:
    """The path, or a link to it with a name that a table can hold where the path is not UTF-8."""
    try:
        path.encode("utf-8")
        return path
    except UnicodeEncodeError:
        link = site.folder() / name.encode("ascii", "ignore").decode()
        fresh = link.with_name(f"{link.name}.{os.getpid()}.part")
        with suppress(FileNotFoundError):
            fresh.unlink()
        os.symlink(path, fresh)
        os.replace(fresh, link)
        return str(link.absolute())


def _hashed(path: str) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except OSError as error:
        raise RowError(f"{_readable(path)}: the file cannot be read ({error.strerror})", "unreadable") from None


def _readable(path: str) -> str:
    """A path as text; bytes that are no UTF-8 as ``\\xe9``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
