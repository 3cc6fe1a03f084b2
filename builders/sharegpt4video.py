"""The videos of ShareGPT4Video, or of any jsonl file in its format, as far as they are on this machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import BatchFunction, Item, RowAnswer, Source, StepContext, each_row
from ..schemas import Col, Video
from .folder import Folder, FolderItem
from .sources import listing
from .sources.ids import make_video_id
from .sources.manifests import ManifestRow
from .sources.sharegpt import JsonlRecord, read_line, read_records, reread


class _Sharegpt4videoItem(NamedTuple):
    """A line of the jsonl, and the video that it is about."""

    record: JsonlRecord
    found: listing.VideoFile | None


@dataclass(frozen=True)
class Sharegpt4videoSource(Source[Video]):
    """Take the videos that a jsonl file in ShareGPT4Video's format lists, from a folder.

    A line is an object with ``video_id``, ``video_path``, ``zip_folder``, ``timestamps`` and ``captions`` (each with
    ``idx``, as text or number, and ``content``). Its video is the file at ``video_path`` in the folder, or else one
    that is named like that, or by ``video_id``. What the line says goes to ``builders.sharegpt4video_clips``; what
    lies beside a video is taken as by ``builders.folder``. A video that is not in the folder fails with ``not_local``,
    one of a name that two files have with ``ambiguous``, a line that is not what it should be with ``bad_row``.
    """

    version = 3  # captions that lie beside are kept
    cost = "cpu"
    isolate = True
    timeout_s = 3600.0  # a whole video is read once for its hash
    batch = 4

    jsonl: Annotated[str, Col("the jsonl file; moving it re-reads it but changes no row", local=True)]
    videos: Annotated[str, Col("the folder with the videos, unpacked", local=True)]
    only_local: Annotated[bool, Col("pass over the lines whose videos are not in the folder")] = False

    def folders(self) -> tuple[str]:
        """The folder with the videos."""
        return (self.videos,)

    def find(self) -> Iterator[Item]:
        """The lines in their order; each is a video of its own, also where several are about the same file."""
        root = os.path.abspath(os.path.expanduser(self.videos))
        if not os.path.isdir(root):
            raise UserError(f"cannot take videos from {self.videos}: there is no such folder")
        there = _by_name(root)
        seen: set[str] = set()
        for record, raw in read_records(os.path.abspath(os.path.expanduser(self.jsonl))):
            name, path = _name(record, raw)
            local = there.get(path) or there.get(_stem(path)) or there.get(name)
            if local is None and self.only_local and name:
                continue
            video_id = make_video_id(
                name or f"line-{record.line}", f"{name}\0{path}" if name else f"line-{record.line}"
            )
            if video_id in seen:
                video_id = make_video_id(f"line-{record.line}", f"line-{record.line}")
            seen.add(video_id)
            yield Item(video_id, _digest(raw, local), _Sharegpt4videoItem(record, local))

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Item, Video]]:
        """Yield a function that reads lines, and their videos as ``builders.folder`` does."""
        with Folder(self.videos).open(context) as work:
            yield each_row(lambda item: _answer(item, work))


def _by_name(root: str) -> Mapping[str, listing.VideoFile]:
    """The videos of a folder by their paths in it, and by their names without ending."""
    there = [*listing.list_videos(root, True, listing.VIDEO_EXTENSIONS)]
    return {**listing.by_stem(there), **{found.relative: found for found in there}}


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _name(record: JsonlRecord, raw: bytes) -> tuple[str, str]:
    """``video_id`` and ``video_path``; empty for a broken line."""
    try:
        line = read_line(raw, f"line {record.line}")
    except RowError:
        return "", ""
    path = os.path.normpath(line["video_path"]) if line["video_path"] else ""
    return line["video_id"] or _stem(path), path


def _digest(raw: bytes, found: listing.VideoFile | None) -> str:
    local = [found.path, found.stamp, found.problem, [[s.path, s.stamp] for s in found.sidecars]] if found else []
    return hashlib.sha256(raw + json.dumps(local).encode()).hexdigest()


def _answer(item: Item, work: BatchFunction[Item, Video]) -> RowAnswer[Video]:
    record, found = item.payload
    where = f"{os.path.basename(record.file)}:{record.line}"
    try:
        line = read_line(reread(record), where)
    except RowError as error:
        return error
    name = line["video_id"] or _stem(line["video_path"])
    if found is None:
        said = f"{where}: the video {line['video_path'] or name} is not in the folder"
        return RowError(f"{said}; its archive: {line['zip_folder'] or 'not told'}", "not_local")
    said_of_it = ManifestRow(where, {"id": name, "sharegpt4video": line})
    return work([Item(item.video_id, item.digest, FolderItem(found, said_of_it))])[0]
