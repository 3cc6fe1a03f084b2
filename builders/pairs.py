"""Pictures and the texts that belong to them, or texts alone."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import BatchFunction, Item, RowAnswer, Source, StepContext, each_row
from ..engine.storage.files import replace_file
from ..media.container import IMAGE_EXTENSIONS
from ..schemas import Col, Video
from .sources import captions
from .sources.ids import make_video_id
from .sources.listing import VIDEO_EXTENSIONS, VideoFile, list_shard, list_videos, stamp
from .sources.local_files import collect_metadata, hash_file, readable, readable_path, unpack_file
from .sources.pair_lists import PairLine, is_video_link, merge_lines, read_pair_list
from .sources.picture_tables import TableCell, dataset_tables, read_cell
from .sources.probe import probe
from .sources.sidecars import VideoMetadata, tell

_BESIDE = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # as ImageFolder has them
_HEIC = frozenset(["heic", "heif"])
_LISTED = IMAGE_EXTENSIONS | _HEIC  # the latter to be told, not passed over
_MAGIC = {
    b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"GIF8": "gif", b"BM": "bmp", b"II*\0": "tif", b"MM\0*": "tif",
}  # fmt: skip


class PairItem(NamedTuple):
    """One picture or text to read: a file with what lies beside it, or a line of a list."""

    found: VideoFile | None
    line: PairLine | None
    folder: str  # where the paths of the line begin


@dataclass(frozen=True)
class Pairs(Source[Video]):
    """Take images with their texts, or texts alone; ``builders.source_clips`` makes clips and captions of them.

    An image is a video of one frame with ``kind: image``, and its clip is `[0, 0]`, so that all later steps take it
    as they take videos. Read are a folder of images with ``X.txt`` or ``X.json`` beside ``X.jpg``, also in WebDataset
    tars; a list in csv, tsv, json, jsonl or Parquet, whose rows hold the picture itself, its path or its URL; a folder
    with such a list named ``metadata``; a dataset that `datasets` saved to disk; and a ``.txt`` file with a text in
    each line. A URL stays a link, and nothing is downloaded: ``path`` is empty. A row without a picture is a text
    alone, with ``kind: text``. Rows about one picture are one, with all their captions. A path to a video is a video.
    What cannot be read, such as HEIC, and a path to nothing, is a failed row.
    """

    cost = "cpu"
    isolate = True
    timeout_s = 600.0
    batch = 64

    path: Annotated[str, Col("the folder, list or tar; moving a folder re-reads its files, changes no row", local=True)]
    image: Annotated[str, Col("a list's column of pictures, paths or URLs; empty for image, file_name, url, …")] = ""
    captions: Annotated[
        tuple[str, ...], Col("a list's columns of texts; empty for caption, captions, sentence, text, …")
    ] = ()
    recursive: Annotated[bool, Col("look into folders inside the folder too")] = True

    def folders(self) -> tuple[str, ...]:
        """The folder, where it is one."""
        return (self.path,) if os.path.isdir(os.path.expanduser(self.path)) else ()

    def find(self) -> Iterator[Item]:
        """The images and texts, files in order of their paths; of a table that holds pictures, texts alone are read."""
        root = os.path.abspath(os.path.expanduser(self.path))
        if not os.path.exists(root):
            raise UserError(
                f"cannot take pairs from {self.path}: there is no such folder or file", f"looked for {root}"
            )
        item = None
        for item in self._items(root):
            yield item
        if item is None:
            kinds = "jpg, png, webp and others, tar archives, or a list named metadata"
            raise UserError(f"no images and no texts in {readable(root)}", f"looked for {kinds}")

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Item, Video]]:
        """Yield a function that hashes and probes pictures, and takes those out that lie in tables and archives."""
        yield each_row(lambda item: _answer(item, context))

    def _items(self, root: str) -> Iterator[Item]:
        if not os.path.isdir(root):
            if root.lower().endswith(".tar"):
                yield from map(_file_item, list_shard(root, os.path.basename(root), _LISTED))
            else:
                yield from self._list_items([(root, "")], os.path.dirname(root))
            return
        tables = dataset_tables(root)
        tables = tables or [(path, "") for name in _BESIDE if os.path.isfile(path := os.path.join(root, name))][:1]
        if tables:
            yield from self._list_items(tables, root)
            return
        found = list_videos(root, self.recursive, _LISTED)
        yield from map(_file_item, sorted(found, key=lambda one: os.fsencode(one.relative)))

    def _list_items(self, tables: list[tuple[str, str]], folder: str) -> Iterator[Item]:
        lines = (line for path, split in tables for line in read_pair_list(path, self.image, self.captions, split))
        for line in merge_lines(lines):
            yield _line_item(line, folder)


def _file_item(found: VideoFile) -> Item:
    stem = os.path.splitext(os.path.basename(found.relative))[0]
    beside = [[os.path.basename(s.path), s.stamp] for s in found.sidecars]
    said = json.dumps([found.path, found.stamp, beside], sort_keys=True)
    return Item(make_video_id(stem, found.relative), _digest(said), PairItem(found, None, ""))


def _line_item(line: PairLine, folder: str) -> Item:
    picture, name, origin, state = line.picture, "text", "", ""
    if isinstance(picture, TableCell):
        name = os.path.splitext(os.path.basename(picture.path))[0] or os.path.basename(picture.file)
        origin, state = f"{os.path.relpath(picture.file, folder)}#{picture.row}", stamp(picture.file)
    elif picture:
        name, origin = os.path.splitext(os.path.basename(line.url or picture))[0], picture
        state = "" if line.url else stamp(_local(picture, folder))
    elif line.captions:
        name = origin = line.captions[0].text
    told = [line.told, line.captions, line.problem, state, folder, str(picture)]
    item = PairItem(None, line, folder)
    return Item(make_video_id(name, origin or line.where), _digest(json.dumps(told, sort_keys=True)), item)


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()


def _local(picture: str, folder: str) -> str:
    return os.path.normpath(os.path.join(folder, os.path.expanduser(picture.replace("\\", "/"))))


def _answer(item: Item, context: StepContext) -> RowAnswer[Video]:
    found, line, folder = item.payload
    try:
        if line is not None:
            return [_of_line(item.video_id, line, folder, context)]
        if found.problem or not found.stamp:
            said = found.problem or "a broken link, or no plain file"
            raise RowError(f"{readable(found.relative)}: {said}", found.kind)
        taken = unpack_file(found, item.video_id, context)
        return [_picture(item.video_id, taken.path, readable(found.relative), collect_metadata(taken, None), context)]
    except RowError as error:
        return error


def _of_line(video_id: str, line: PairLine, folder: str, context: StepContext) -> Video:
    if line.problem:
        raise RowError(line.problem, "bad_row")
    told, picture = tell(line.told), line.picture
    told.captions = captions.unique((*line.captions, *told.captions))
    if isinstance(picture, TableCell):
        return _of_cell(video_id, picture, line.where, folder, told, context)
    if picture is None or line.url:
        kind = "text" if picture is None else "video" if is_video_link(line.url, VIDEO_EXTENSIONS) else "image"
        facts = {"uri": line.url} | told.fields | ({"uri": line.url} if line.url else {})
        return _row(video_id, told, facts | {"path": "", "sha256": "", "size_bytes": 0, "kind": kind}, line.url)
    return _picture(video_id, _existing(picture, line.where, folder), picture, told, context)


def _existing(picture: str, where: str, folder: str) -> str:
    path = _local(picture, folder)
    if not os.path.isfile(path):
        raise RowError(f"{where} names {picture}, which is no file in {readable(folder)}", "missing")
    return path


def _of_cell(
    video_id: str, cell: TableCell, where: str, folder: str, told: VideoMetadata, context: StepContext
) -> Video:
    raw = read_cell(cell)
    if raw is None:
        if cell.path:
            return _picture(video_id, _existing(cell.path, where, folder), cell.path, told, context)
        if told.captions:
            return _row(video_id, told, {"path": "", "sha256": "", "size_bytes": 0, "kind": "text"} | told.fields, "")
        raise RowError(f"{where} holds no picture", "bad_row")
    target = context.folder() / f"{video_id}.{_ending(raw, cell.path)}"
    with replace_file(target) as part:
        part.write_bytes(raw)
    uri = cell.path or f"{os.path.relpath(cell.file, folder)}#{cell.row}"
    return _picture(video_id, str(target.absolute()), uri, told, context)


def _ending(raw: bytes, name: str) -> str:
    """The ending of a picture's file, by its first bytes, or else by the name that it had."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "webp"
    given = os.path.splitext(name)[1][1:].lower()
    found = next((ending for magic, ending in _MAGIC.items() if raw.startswith(magic)), "")
    return found or (given if given.isalnum() and len(given) < 6 else "bin")


def _picture(video_id: str, file: str, uri: str, told: VideoMetadata, context: StepContext) -> Video:
    """The row of a picture that is at hand; of a video, where the file is one."""
    ending = os.path.splitext(file)[1]
    if ending[1:].lower() in _HEIC:
        raise RowError(f"{readable(uri)} is a HEIC picture, which cannot be read: convert it to JPEG or PNG", "heic")
    path = readable_path(file, video_id + ending, context)
    size_bytes, sha256 = hash_file(file)
    probed = probe(path)
    told.add(probed.told)
    image = ending[1:].lower() not in VIDEO_EXTENSIONS
    still: dict[str, Any] = {"kind": "image", "duration_s": 0.0, "fps": None} if image else {}
    facts = {"uri": uri} | probed.facts | {k: v for k, v in told.fields.items()} | still
    return _row(video_id, told, facts | {"path": path, "sha256": sha256, "size_bytes": size_bytes}, uri)


def _row(video_id: str, told: VideoMetadata, facts: Mapping[str, Any], uri: str) -> Video:
    given = {captions.KEY: [caption.as_json() for caption in told.captions]} if told.captions else {}
    if facts.get("duration_s") is None and facts.get("kind") == "video":
        facts = {**facts, "duration_s": told.duration_s}
    metadata = json.dumps(told.metadata | given, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return Video(video_id=video_id, chapters=told.chapters, metadata=metadata, **({"uri": uri} | dict(facts)))
