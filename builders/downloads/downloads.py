"""All downloads of a build: how each is tried, what is kept of it, and the row that it becomes."""

from __future__ import annotations

import asyncio
import glob
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...engine.contract.errors import RowError
from ...engine.contract.requirements import Requirement
from ...engine.contract.step import StepContext
from ...engine.storage.files import UNFINISHED
from ...schemas import Video
from ..sources.captions import SourceCaption
from ..sources.listing import SUBTITLE_FORMATS, Sidecar, VideoFile, stamp
from ..sources.manifests import ManifestRow
from . import parts, session, site, stores
from .addresses import host_of, in_store, names_video, show, url_ending
from .contents import ContentIndex
from .direct import ByteRange, DirectClient, PageReply
from .faults import LONGEST_WAIT_S, POLICIES, FetchError, check_disk
from .hosts import Hosts
from .options import DownloadOptions
from .readers import Readers, ReadOrder
from .robots import LARGEST_BYTES, Robots

_LONGEST_S = 3600.0  # for one video, by one process


class WebItem(NamedTuple):
    """One video to fetch."""

    url: str
    line: ManifestRow | None = None  # what a list says of it
    span: ByteRange | None = None  # where it lies in an archive
    ending: str = ""  # of the file, where the address does not say
    seconds: tuple[float, float] | None = None  # the part that is wanted; None: all of it


class _Arrival(NamedTuple):
    """A file that came whole, as far as its server says."""

    path: Path
    said: dict[str, Any]  # of the server, for the row


@dataclass
class Downloads:
    """Fetches videos and makes rows of them, many at once, on one event loop."""

    options: DownloadOptions
    context: StepContext
    client: DirectClient
    readers: Readers
    hosts: Hosts
    contents: ContentIndex
    lanes: asyncio.Semaphore
    robots: dict[str, asyncio.Task[tuple[Robots, str]]] = field(default_factory=dict)

    async def take(self, video_id: str, wanted: WebItem) -> Video | RowError:
        """The row of one video, fetched unless it is there; or why there is none."""
        try:
            return await self._try(video_id, wanted)
        except RowError as error:
            return error

    async def _try(self, video_id: str, wanted: WebItem) -> Video:
        tries = 0
        while True:
            tries += 1
            try:
                return await self._once(video_id, wanted)
            except FetchError as error:
                policy, host = POLICIES[error.kind], host_of(wanted.url)
                if policy.cools:
                    self.hosts.cool(host, error.kind, error.after_s)
                wait_s = (policy.pause_s * 2 ** (tries - 1)) if error.after_s is None else error.after_s
                if tries >= policy.tries or wait_s > LONGEST_WAIT_S:
                    raise
                if not policy.cools:
                    await asyncio.sleep(wait_s)

    async def _once(self, video_id: str, wanted: WebItem) -> Video:
        there = self._arrival(video_id, wanted)
        if there is None:
            host = host_of(wanted.url)
            async with self.hosts.slot(host), self.lanes:
                there = await self._fetch(video_id, wanted)
                self.hosts.succeed(host)
        told = dict(wanted.line.told) if wanted.line else {}
        begins_s = float(there.said.get("begins_s", 0.0))
        captions = [_earlier(one, begins_s) for one in wanted.line.captions] if wanted.line else []
        line = ManifestRow(
            wanted.line.where if wanted.line else wanted.url,
            told | {"uri": show(wanted.url), "download": there.said},
            captions,
        )
        found = _with_sidecars(there.path)
        if in_store(wanted.url):
            found = found._replace(relative=wanted.url)  # no address of the web: it stands where a path does
        try:
            video = await self.readers.read(ReadOrder(video_id, show(wanted.url), found, line))
        except RowError:
            self._forget(video_id)
            raise
        self.contents.share(video.sha256, there.path)
        return video

    async def _fetch(self, name: str, wanted: WebItem) -> _Arrival:
        folder = self.context.folder()
        began = time.strftime("%Y-%m-%d", time.gmtime())
        if in_store(wanted.url):
            return await self._copy(name, wanted.url, began)
        robots = await self._check_robots(wanted.url) if self.options.obey else "not asked"
        if wanted.seconds:
            path, begins_s = await self.readers.call(
                parts.fetch_part, wanted.url, wanted.seconds, folder, name, self.options
            )
            whole = {"robots": robots, "day": began, "begins_s": begins_s, "seconds": list(wanted.seconds)}
            return self._note(name, wanted.url, path, whole)
        if _is_direct(wanted):
            part = folder / UNFINISHED / f"{name}.part"
            part.parent.mkdir(exist_ok=True)
            try:
                came = await self.client.fetch(wanted.url, part, wanted.span)
            except PageReply as page:
                if page.what == "a page" and names_video(wanted.url):
                    what = f"{show(wanted.url)}: a page came, not a video: an error or login page"
                    raise FetchError(what, "not_media") from None
                return await self._fetch_page(name, wanted.url, robots, began)
            ending = came.ending or wanted.ending or url_ending(wanted.url) or "mp4"
            path = folder / f"{name}.{ending}"
            os.replace(part, path)
            said = {"address": show(came.address), "robots": robots, "day": began, **came.headers}
            return self._note(name, wanted.url, path, said)
        return await self._fetch_page(name, wanted.url, robots, began)

    async def _copy(self, name: str, url: str, day: str) -> _Arrival:
        """A file of an object store."""
        folder = self.context.folder()
        part = folder / UNFINISHED / f"{name}.part"
        part.parent.mkdir(exist_ok=True)
        try:
            await asyncio.to_thread(stores.copy_file, url, part, self.options.max_mb)
        except FetchError:
            part.unlink(missing_ok=True)
            raise
        path = folder / f"{name}.{url_ending(url) or 'mp4'}"
        os.replace(part, path)
        return self._note(name, url, path, {"day": day})

    async def _fetch_page(self, name: str, url: str, robots: str, day: str) -> _Arrival:
        path = await self.readers.call(site.fetch, url, self.context.folder(), name, self.options)
        return self._note(name, url, path, {"robots": robots, "day": day})

    async def _check_robots(self, url: str) -> str:
        """What ``robots.txt`` of the host says, in a word; ``FetchError`` where it is no."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self.robots:
            self.robots[origin] = asyncio.create_task(self._read_robots(origin))
        try:
            robots, said = await asyncio.shield(self.robots[origin])
        except FetchError as error:
            self.robots.pop(origin, None)  # asked again at the next try
            said = f"{show(url)}: the robots.txt of its host: {error.message}"
            raise FetchError(said, error.kind, error.after_s) from None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not robots.allows(path):
            raise FetchError(f"{show(url)}: robots.txt of its host disallows it", "opted_out")
        return said

    async def _read_robots(self, origin: str) -> tuple[Robots, str]:
        status, text = await self.client.read(f"{origin}/robots.txt", LARGEST_BYTES)
        if status >= 500 or status == 429:  # RFC 9309, 2.3.1.4: taken for a no, for now
            raise FetchError(f"{show(origin)}/robots.txt: HTTP {status}", "server_error")
        return (Robots(text.decode("utf-8", "replace")), "allowed") if status == 200 else (Robots(), "none")

    def _arrival(self, name: str, wanted: WebItem) -> _Arrival | None:
        """What an earlier build has fetched, if it is what is wanted now."""
        with suppress(OSError, ValueError):
            said = json.loads(self._record(name).read_text(encoding="utf-8"))
            path = self.context.folder() / os.path.basename(said["file"])
            if said["url"] == wanted.url and path.is_file():
                return _Arrival(path, said["said"])
        return None

    def _note(self, name: str, url: str, path: Path, said: dict[str, Any]) -> _Arrival:
        """Note that a file is there: the next build does not fetch it again."""
        try:
            record = {"url": url, "file": path.name, "said": said}
            self._record(name).write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            check_disk(error, str(self.context.folder()))
            raise
        return _Arrival(path.absolute(), said)

    def _record(self, name: str) -> Path:
        return self.context.folder() / f"{name}.download.json"

    def _forget(self, name: str) -> None:
        """Delete all that came of one video."""
        folder = self.context.folder()
        for place in (folder, folder / UNFINISHED):
            for file in place.glob(f"{glob.escape(name)}.*"):
                file.unlink(missing_ok=True)


def requirements() -> list[Requirement]:
    """What downloads."""
    needed = [*session.requirements(), *site.requirements(), *parts.requirements(), *stores.requirements()]
    return [*dict.fromkeys(needed)]


@asynccontextmanager
async def open_downloads(options: DownloadOptions, context: StepContext) -> AsyncIterator[Downloads]:
    """What downloads into a step's folder, until this ends."""
    readers = Readers(context, os.cpu_count() or 1, _LONGEST_S)
    proxy = site.proxy_of(options)
    async with session.open_session(options, proxy) as client, readers.open():
        yield Downloads(
            options, context, DirectClient(client, options, proxy), readers,
            Hosts(options.per_host, options.delay_s, options.cool_down_s), ContentIndex(context.folder()),
            asyncio.Semaphore(options.at_once),
        )  # fmt: skip


def _earlier(caption: SourceCaption, by_s: float) -> SourceCaption:
    """A caption of a file that begins so much later than the video."""
    if not by_s or caption.start_s is None or caption.end_s is None:
        return caption
    return caption._replace(start_s=max(0.0, caption.start_s - by_s), end_s=caption.end_s - by_s)


def _is_direct(wanted: WebItem) -> bool:
    """Whether it is asked for as a file first; what comes decides."""
    return bool(wanted.span) or names_video(wanted.url) or bool(wanted.ending)


def _with_sidecars(path: Path) -> VideoFile:
    """A video that was fetched, and what the site tells of it."""
    beside: list[Sidecar] = []
    for file in _beside(path):
        name = file.name[len(path.stem) :]
        ending = ".info.json" if name == ".info.json" else file.suffix
        beside.append(Sidecar(str(file), ending, name.removesuffix(ending).strip("."), stamp(str(file))))
    return VideoFile(str(path), path.name, stamp(str(path)), tuple(beside))


def _beside(path: Path) -> Sequence[Path]:
    told = path.with_suffix(".info.json")
    if not told.exists():  # a plain file: nobody says more of it, and a folder of a million files is not searched
        return ()
    found = sorted(path.parent.glob(f"{glob.escape(path.stem)}.*"))
    return [told, *(file for file in found if file.suffix in SUBTITLE_FORMATS)]
