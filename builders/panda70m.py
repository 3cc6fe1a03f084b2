"""The source videos of Panda-70M, or of any csv file in its format: from a folder, or from the web."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import BatchFunction, Item, RowAnswer, Source, Step, StepContext, each_row
from ..schemas import Col, Video
from .folder import Folder, FolderItem
from .sources import download, listing
from .sources.download import DownloadOptions, fetch
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
    not what it should be with ``bad_row``, a download with
    ``not_available``, ``refused``, ``truncated``, ``not_a_video`` or ``too_large``.
    """

    version = 3  # captions that lie beside are kept
    cost = "cpu"
    isolate = True
    timeout_s = 3600.0  # a whole video is read once for its hash
    batch = 4

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
    private: Annotated[
        bool, Col("download from addresses of this machine and its network too, and through a proxy", local=True)
    ] = False

    def check(self, earlier: Sequence[Step]) -> None:
        """Raises ``UserError`` where it is told both to fetch videos and to pass over them, or neither finds any."""
        if self.download and self.only_local:
            raise UserError("builders.panda70m: download fetches what only_local passes over", "leave one of them out")
        if not self.download and not self.videos:
            raise UserError("builders.panda70m: it has no folder to look in", "give videos: or download: true")

    def requirements(self) -> Sequence[Requirement]:
        """What downloads."""
        return download.requirements() if self.download else ()

    def rows_per_call(self) -> int:
        """One where it downloads: rows beside one that must wait would be done again."""
        return 1 if self.download else self.batch

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
        with Folder(self.videos).open(context) as work:
            yield each_row(lambda item: _answer(item, work, self._find_it(item, context)))

    def _there(self) -> dict[str, listing.VideoFile]:
        """The videos of the folder by their names."""
        if not self.videos:
            return {}
        root = os.path.abspath(os.path.expanduser(self.videos))
        if not os.path.isdir(root):
            raise UserError(f"cannot take videos from {self.videos}: there is no such folder")
        return listing.by_stem(listing.list_videos(root, True, listing.VIDEO_EXTENSIONS))

    def _find_it(self, item: Item, context: StepContext) -> Callable[[str], listing.VideoFile | None]:
        """From a row's url to its video, fetched where that is wanted and it is not in the folder."""

        def find(url: str) -> listing.VideoFile | None:
            local: listing.VideoFile | None = item.payload.found
            if local is not None or not self.download or not url:
                return local
            how = DownloadOptions(self.height_px, self.max_mb, self.rate_kib_s, self.private)
            return _with_sidecar(fetch(url, context.folder(), item.video_id, how).absolute())

        return find


def _with_sidecar(path: Path) -> listing.VideoFile:
    """A video that was fetched, and what the site tells of it."""
    told = str(path.with_suffix(".info.json"))
    stamp = listing.stamp(told)
    beside = (listing.Sidecar(told, ".info.json", "", stamp),) if stamp else ()
    return listing.VideoFile(str(path), path.name, listing.stamp(str(path)), beside)


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


def _answer(
    item: Item, work: BatchFunction[Item, Video], find: Callable[[str], listing.VideoFile | None]
) -> RowAnswer[Video]:
    record = item.payload.record
    where = f"{os.path.basename(record.file)}:{record.line}"
    try:
        cells = read_cells(record, reread(record))
        lists = read_lists(cells, where)
        name, url = cells["videoID"].strip(), cells["url"].strip()
        if not name:
            raise RowError(f"{where}: it has no videoID", "bad_row")
        if item.payload.first_line:
            raise RowError(f"{where}: {name} was listed before, in line {item.payload.first_line}", "bad_row")
        found = find(url)
    except RowError as error:
        return error
    if found is None:
        return RowError(
            f"{where}: the video {name} is not in the folder; it is at {url or 'no known address'}", "not_local"
        )
    said = ManifestRow(where, {"uri": url, "id": name, "panda70m": lists})
    return work([Item(item.video_id, item.digest, FolderItem(found, said))])[0]
