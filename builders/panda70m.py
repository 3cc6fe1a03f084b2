"""The source videos of Panda-70M, or of any csv file in its format: from a folder, or from the web."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import (
    AsyncFunction,
    BatchFunction,
    Item,
    RowAnswer,
    Source,
    Step,
    StepContext,
    each_row,
)
from ..schemas import Col, Video
from .downloads.downloads import WebItem, open_downloads
from .downloads.downloads import requirements as download_requirements
from .downloads.faults import ADVICE
from .downloads.options import DownloadOptions
from .folder import Folder, FolderItem
from .sources import listing
from .sources.ids import make_video_id
from .sources.manifests import ManifestRow
from .sources.panda70m import CsvRecord, read_cells, read_lists, read_records, reread


class _Panda70mItem(NamedTuple):
    """A row of the csv, and the video that it is about."""

    record: CsvRecord
    found: listing.VideoFile | None
    first_line: int = 0  # of the row before it with the same videoID; 0 where there is none


@dataclass(frozen=True)
class Panda70mSource(Source[Video]):
    """Take the videos that a csv file in Panda-70M's format lists, from a folder where they are named by ``videoID``.

    With ``download`` those that are not there are fetched from their ``url`` with yt-dlp, and kept in the build folder
    under ``media/``. The file has one row a video, ``videoID,url,timestamp,caption,matching_score,desirable_filtering,
    shot_boundary_detection``; the last three may be missing. Its lists are read as data, never run. What it says of
    clips goes to ``builders.panda70m_clips``; what lies beside a video is taken as by ``builders.folder``. A video that
    is not in the folder fails with ``not_local``, one of a name that two files have with ``ambiguous``, a row that is
    not what it should be with ``bad_row``, a download as in ``builders.urls``.
    """

    version = 3  # captions that lie beside are kept
    cost = "cpu"
    isolate = True
    timeout_s = 3600.0  # a whole video is read once for its hash
    batch = 4
    advice: ClassVar[Mapping[str, str]] = ADVICE

    csv: Annotated[str, Col("the csv file; moving it re-reads it but changes no row", local=True)]
    videos: Annotated[
        str,
        Col("the folder with the videos, `<videoID>.mp4` or any other ending; may be empty to download", local=True),
    ] = ""
    only_local: Annotated[bool, Col("pass over the rows whose videos are not in the folder")] = False
    download: Annotated[bool, Col("fetch the videos that are not in the folder; needs yt-dlp, and ffmpeg at best")] = (
        False
    )
    height_px: Annotated[int, Col("largest height to download, where a site offers several", unit="px", low=1)] = 720
    max_mb: Annotated[int, Col("a download that is larger fails; 0 for any size", unit="MB", low=0)] = 0
    rate_kib_s: Annotated[
        int, Col("largest speed of one download; 0 for no limit", unit="KiB/s", low=0, local=True)
    ] = 0
    obey: Annotated[
        bool, Col("when downloading, obey robots.txt and `noai`, `noindex` in headers and pages", local=True)
    ] = True
    at_once: Annotated[int, Col("downloads under way at once", low=1, high=512, local=True)] = 16
    per_host: Annotated[int, Col("of these, at one host", low=1, high=512, local=True)] = 4
    delay_s: Annotated[float, Col("time between two requests to one host", unit="s", low=0, local=True)] = 0.0
    yt_dlp: Annotated[
        str,
        Col(
            "file with more of yt-dlp's options: cookies, clients, PO tokens, a proxy; not published",
            local=True,
        ),
    ] = ""
    allow_private: Annotated[bool, Col("download from addresses of this machine and its network too", local=True)] = (
        False
    )

    def check(self, earlier: Sequence[Step]) -> None:
        """Raises ``UserError`` where it is told both to fetch videos and to pass over them, or neither finds any."""
        if self.download and self.only_local:
            raise UserError("builders.panda70m: download fetches what only_local passes over", "leave one of them out")
        if not self.download and not self.videos:
            raise UserError("builders.panda70m: it has no folder to look in", "give videos: or download: true")

    def requirements(self) -> Sequence[Requirement]:
        """What downloads."""
        return [*download_requirements()] if self.download else []

    def max_concurrency(self) -> int:
        """Where it downloads, more than are under way: some wait for their hosts."""
        return 4 * self.at_once if self.download else 0

    def folders(self) -> tuple[str, ...]:
        """The folder with the videos, if there is one."""
        return (self.videos,) if self.videos else ()

    def find(self) -> Iterator[Item]:
        """The csv's rows in their order; it is read through, no video is opened."""
        there, lines = self._there(), dict[str, int]()
        for record, raw in read_records(os.path.abspath(os.path.expanduser(self.csv))):
            name, url = _name(record, raw)
            local, video_id, first = there.get(name), make_video_id(name, url or name), lines.get(name, 0)
            lines.setdefault(name, record.line)
            if first:
                video_id = make_video_id(f"line-{record.line}", f"{name}\0{record.line}")
            if local is not None or not self.only_local:
                yield Item(video_id, _digest(raw, local), _Panda70mItem(record, local, first))

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Item, Video]]:
        """Yield a function that reads rows, and their videos as ``builders.folder`` does."""
        yield each_row(lambda item: _read_local(item, context))

    @asynccontextmanager
    async def open_async(self, context: StepContext) -> AsyncIterator[AsyncFunction[Item, Video]]:
        """Yield a function that fetches the video of one row, unless it is in the folder."""
        options = DownloadOptions(
            self.height_px, self.max_mb, self.rate_kib_s, self.allow_private, yt_dlp=self.yt_dlp, obey=self.obey,
            at_once=self.at_once, per_host=self.per_host, delay_s=self.delay_s,
        )  # fmt: skip
        async with open_downloads(options, context) as downloads:

            async def answer(item: Item) -> RowAnswer[Video]:
                try:
                    said = _read_row(item)
                except RowError as error:
                    return error
                url = str(said.told["uri"])
                if item.payload.found is not None or not url:
                    return await downloads.readers.call(_read_local, item, context)  # type: ignore[no-any-return]
                video = await downloads.take(item.video_id, WebItem(url, said))
                return video if isinstance(video, RowError) else [video]

            yield answer

    def _there(self) -> dict[str, listing.VideoFile]:
        """The videos of the folder by their names."""
        if not self.videos:
            return {}
        root = os.path.abspath(os.path.expanduser(self.videos))
        if not os.path.isdir(root):
            raise UserError(f"cannot take videos from {self.videos}: there is no such folder")
        return listing.by_stem(listing.list_videos(root, True, listing.VIDEO_EXTENSIONS))


def _name(record: CsvRecord, raw: bytes) -> tuple[str, str]:
    """``videoID`` and ``url``; of a broken row its line."""
    try:
        cells = read_cells(record, raw)
    except RowError:
        return f"line-{record.line}", ""
    return cells["videoID"].strip() or f"line-{record.line}", cells["url"].strip()


def _digest(raw: bytes, found: listing.VideoFile | None) -> str:
    local = [found.path, found.stamp, found.problem, [[s.path, s.stamp] for s in found.sidecars]] if found else []
    return hashlib.sha256(raw + json.dumps(local).encode()).hexdigest()


def _read_row(item: Item) -> ManifestRow:
    """What the csv says of a video; raises ``RowError`` (``bad_row``)."""
    record = item.payload.record
    where = f"{os.path.basename(record.file)}:{record.line}"
    cells = read_cells(record, reread(record))
    lists = read_lists(cells, where)
    name, url = cells["videoID"].strip(), cells["url"].strip()
    if not name:
        raise RowError(f"{where}: it has no videoID", "bad_row")
    if item.payload.first_line:
        raise RowError(f"{where}: {name} was listed before, in line {item.payload.first_line}", "bad_row")
    return ManifestRow(where, {"uri": url, "id": name, "panda70m": lists})


def _read_local(item: Item, context: StepContext) -> RowAnswer[Video]:
    """The row of a video of the folder."""
    try:
        said = _read_row(item)
        found = item.payload.found
        if found is None:
            name, url = said.told["id"], said.told["uri"] or "no known address"
            raise RowError(f"{said.where}: the video {name} is not in the folder; it is at {url}", "not_local")
        with Folder("").open(context) as work:
            return work([Item(item.video_id, item.digest, FolderItem(found, said))])[0]
    except RowError as error:
        return error
