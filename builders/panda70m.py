"""The source videos of Panda-70M, or of any csv file in its format, as far as they are on this machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from ..engine.errors import RowError, UserError
from ..engine.step import Answer, Item, Site, Source, Work
from ..schemas import Col, Video
from .folder import Folder, Wanted
from .sources import listing
from .sources.ids import make_video_id
from .sources.manifests import Line
from .sources.panda70m import Record, read_cells, read_lists, read_records, reread


class _Listed(NamedTuple):
    """A row of the csv, and the video that it is about."""

    record: Record
    found: listing.Found | None


@dataclass(frozen=True)
class Panda70m(Source[Video]):
    """Take the videos that a csv file in Panda-70M's format lists, from a folder where they are named by ``videoID``.

    The file has one row a video, ``videoID,url,timestamp,caption,matching_score,desirable_filtering,
    shot_boundary_detection``; the last three may be missing. Its lists are read as data, never run. What it says of
    clips goes to ``builders.panda70m_clips``; what lies beside a video is taken as by ``builders.folder``. A video that
    is not in the folder fails with ``not_local``, a row that is not what it should be with ``bad_row``.
    """

    cost = "cpu"
    isolate = True
    patience_s = 3600.0  # a whole video is read once for its hash
    batch = 4

    csv: Annotated[str, Col("the csv file; moving it re-reads it but changes no row", local=True)]
    videos: Annotated[str, Col("the folder with the videos, `<videoID>.mp4` or any other ending", local=True)]
    only_local: Annotated[bool, Col("pass over the rows whose videos are not in the folder")] = False

    def find(self) -> Iterator[Item]:
        """The csv's rows in their order; it is read through, no video is opened."""
        root = os.path.abspath(os.path.expanduser(self.videos))
        if not os.path.isdir(root):
            raise UserError(f"cannot take videos from {self.videos}: there is no such folder")
        there: dict[str, listing.Found] = {}
        for found in listing.list_videos(root, True, listing.VIDEO_EXTENSIONS):
            there.setdefault(os.path.splitext(os.path.basename(found.relative))[0], found)
        for record, raw in read_records(os.path.abspath(os.path.expanduser(self.csv))):
            name, url = _name(record, raw)
            local = there.get(name)
            if local is not None or not self.only_local:
                yield Item(make_video_id(name, url or name), _digest(raw, local), _Listed(record, local))

    @contextmanager
    def open(self, site: Site) -> Iterator[Work[Item, Video]]:
        """Yield a function that reads rows, and their videos as ``builders.folder`` does."""
        with Folder(self.videos).open(site) as work:
            yield lambda items: [_answer(item, work) for item in items]


def _name(record: Record, raw: bytes) -> tuple[str, str]:
    """``videoID`` and ``url``; of a broken row its line."""
    try:
        cells = read_cells(record, raw)
    except RowError:
        return f"line-{record.line}", ""
    return cells["videoID"].strip() or f"line-{record.line}", cells["url"].strip()


def _digest(raw: bytes, found: listing.Found | None) -> str:
    local = [found.path, found.stamp, [[s.path, s.stamp] for s in found.sidecars]] if found else []
    return hashlib.sha256(raw + json.dumps(local).encode()).hexdigest()


def _answer(item: Item, work: Work[Item, Video]) -> Answer[Video]:
    record, found = item.payload
    where = f"{os.path.basename(record.file)}:{record.line}"
    try:
        cells = read_cells(record, reread(record))
        lists = read_lists(cells, where)
    except RowError as error:
        return error
    name, url = cells["videoID"].strip(), cells["url"].strip()
    if not name:
        return RowError(f"{where}: it has no videoID", "bad_row")
    if found is None:
        return RowError(
            f"{where}: the video {name} is not in the folder; it is at {url or 'no known address'}", "not_local"
        )
    said = Line(where, {"uri": url, "id": name, "panda70m": lists})
    return work([Item(item.video_id, item.digest, Wanted(found, said))])[0]
