"""Videos from the web: files, pages of sites, lists of fragments."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import AsyncFunction, Cost, Drop, Item, RowAnswer, Source, Step, StepContext
from ..schemas import Col, Video
from ..schemas.licenses import license_key
from .downloads import playlists
from .downloads.downloads import Downloads, WebItem, open_downloads
from .downloads.downloads import requirements as download_requirements
from .downloads.faults import ADVICE
from .downloads.options import DownloadOptions
from .downloads.playlists import list_playlists
from .downloads.targets import full_address, given_rows, is_archived, read_archive, read_targets
from .sources.ids import make_video_id
from .sources.manifests import ManifestRow
from .sources.sidecars import tell


@dataclass(frozen=True)
class Urls(Source[Video]):
    """Fetch videos from the web: files, pages that yt-dlp knows, lists of fragments (HLS, DASH).

    Addresses stand in the recipe or in a list, whose other columns go along: captions, with times or without, for
    ``builders.source_clips``, title, licence, uploader, and all else as metadata. What comes is kept in the build
    folder under ``media/``; one address is fetched once, and two files with the same content are stored once. A page,
    an error, an empty or a cut-off file is never taken for a video. Each host is asked by a few connections at once,
    is left alone for a while when it says so, and ``robots.txt`` and the words `noai` and `noindex` are obeyed.
    What fails has one of these words: `removed`, `private`, `geo_blocked`, `login`, `bot_check`, `rate_limited`,
    `forbidden`, `opted_out`, `no_format`, `not_media`, `unsupported`, `live`, `truncated`, `too_large`, `network`,
    `server_error`, `bad_address`, `private_address`. A full disk ends the build.
    """

    cost: ClassVar[Cost] = "io"
    timeout_s = 6 * 3600.0  # of one video, with all that it waits for its host
    batch = 8
    advice: ClassVar[Mapping[str, str]] = ADVICE

    urls: Annotated[
        tuple[str, ...],
        Col("addresses of files and pages, or YouTube ids; changing them changes no other row", local=True),
    ] = ()
    playlists: Annotated[
        tuple[str, ...],
        Col(
            "playlists, channels, feeds, and searches such as `ytsearch20:cooking`; each of their videos is taken",
            local=True,
        ),
    ] = ()
    relist_h: Annotated[
        float,
        Col(
            "hours after which playlists are listed again; 0: never, so that a build stays as it is",
            unit="h",
            low=0,
            local=True,
        ),
    ] = 0.0
    list: Annotated[
        str, Col("csv, tsv, json, jsonl, Parquet or txt file with addresses and more columns", local=True)
    ] = ""
    column: Annotated[str, Col("its column of addresses; empty for url, contentUrl, video_url, link, …")] = ""
    only_spans: Annotated[
        bool, Col("fetch only the seconds that the list's captions are about, a video for each span of seconds")
    ] = False
    licenses: Annotated[
        tuple[str, ...],
        Col("licences to take, such as `cc-by-4.0`; others leave with `license`; empty: all", local=True),
    ] = ()
    archive: Annotated[
        str,
        Col("file of addresses, or yt-dlp's archive, that were fetched before: they leave with `archive`", local=True),
    ] = ""
    height_px: Annotated[int, Col("largest height to download, where a site offers several", unit="px", low=1)] = 720
    format: Annotated[str, Col("formats in yt-dlp's words, in the place of height_px; for pages")] = ""
    subtitles: Annotated[tuple[str, ...], Col("languages of subtitles to take from sites, such as `en.*`")] = ()
    automatic_captions: Annotated[bool, Col("take a site's automatic captions where it has no subtitles")] = False
    yt_dlp: Annotated[
        str,
        Col(
            "file with more of yt-dlp's options: cookies, clients, PO tokens, a proxy; not published",
            local=True,
        ),
    ] = ""
    max_mb: Annotated[int, Col("a download that is larger fails; 0 for any size", unit="MB", low=0)] = 0
    obey: Annotated[
        bool, Col("obey robots.txt and `noai`, `noindex` in headers and pages; false for your own sites", local=True)
    ] = True
    at_once: Annotated[int, Col("downloads under way at once", low=1, high=512, local=True)] = 16
    per_host: Annotated[int, Col("of these, at one host", low=1, high=512, local=True)] = 4
    delay_s: Annotated[float, Col("time between two requests to one host", unit="s", low=0, local=True)] = 0.0
    cool_down_s: Annotated[
        float, Col("how long a host is left alone that refuses and does not say how long", unit="s", low=0, local=True)
    ] = 60.0
    rate_kib_s: Annotated[
        int, Col("largest speed of one download; 0 for no limit", unit="KiB/s", low=0, local=True)
    ] = 0
    allow_private: Annotated[bool, Col("fetch from addresses of this machine and its network too", local=True)] = False

    def check(self, earlier: Sequence[Step]) -> None:
        """Raises ``UserError`` where there is nothing to fetch."""
        if not self.urls and not self.list and not self.playlists:
            raise UserError("builders.urls: it has nothing to fetch", "give urls:, playlists: or list:")

    def requirements(self) -> Sequence[Requirement]:
        """What downloads."""
        return [*dict.fromkeys([*download_requirements(), *playlists.requirements()])]

    def max_concurrency(self) -> int:
        """More than are under way: some wait for their hosts."""
        return 4 * self.at_once

    def find(self) -> Iterator[Item]:
        """What the recipe, the playlists and the list name; a playlist is asked for once, and kept."""
        archive = read_archive(self.archive) if self.archive else frozenset()
        rows = [*given_rows(self.urls), *list_playlists(self.playlists, self._options(), self.relist_h)]
        rows += read_targets(self.list, self.column) if self.list else ()
        if not rows:
            raise UserError(f"no addresses in {self.list}")
        seen: set[str] = set()
        for row in rows:
            url = full_address(row.file)
            if url and url in seen:
                continue
            seen.add(url)
            reason = self._verdict(row, url, archive)
            for wanted in _wanted(url, row, self.only_spans):
                yield _item(wanted, reason)

    @asynccontextmanager
    async def open_async(self, context: StepContext) -> AsyncIterator[AsyncFunction[Item, Video]]:
        """Yield a function that fetches one video."""
        async with open_downloads(self._options(), context) as downloads:

            async def answer(item: Item) -> RowAnswer[Video]:
                return await self._answer(item, downloads)

            yield answer

    async def _answer(self, item: Item, downloads: Downloads) -> RowAnswer[Video]:
        wanted, reason = item.payload
        if wanted.line.problem:
            return RowError(wanted.line.problem, "bad_row")
        if reason:
            return [Drop(item.video_id, item.video_id, *reason)]
        video = await downloads.take(item.video_id, wanted)
        if isinstance(video, RowError):
            return video
        return [Drop(item.video_id, item.video_id, *why)] if (why := self._by_license(video.license)) else [video]

    def _verdict(self, row: ManifestRow, url: str, archive: frozenset[str]) -> tuple[str, str] | None:
        """Why a row is not fetched, as far as the list says."""
        told = {str(key).lower(): value for key, value in row.told.items()}
        if str(told.get("withdrawn", "")).strip().lower() in ("true", "1", "yes"):
            return "withdrawn", "the list says so"
        if archive and is_archived(url, archive):
            return "archive", self.archive
        stated = tell(row.told).fields.get("license", "")
        return self._by_license(stated) if stated else None

    def _by_license(self, stated: str) -> tuple[str, str] | None:
        wanted = {license_key(one) for one in self.licenses}
        if wanted and license_key(stated) not in wanted:
            return "license", stated or "its source states none"
        return None

    def _options(self) -> DownloadOptions:
        return DownloadOptions(
            self.height_px, self.max_mb, self.rate_kib_s, self.allow_private, self.format, self.subtitles,
            self.automatic_captions, self.yt_dlp, self.obey, self.at_once, self.per_host, self.delay_s,
            self.cool_down_s,
        )  # fmt: skip


def _wanted(url: str, row: ManifestRow, only_spans: bool) -> list[WebItem]:
    """The whole video, or the seconds that its captions are about."""
    spans = sorted({(c.start_s, c.end_s) for c in row.captions if c.start_s is not None and c.end_s is not None})
    if not only_spans or not spans or row.problem:
        return [WebItem(url, row)]
    return [
        WebItem(url, replace(row, captions=[c for c in row.captions if (c.start_s, c.end_s) == span]), seconds=span)
        for span in spans
    ]


def _item(wanted: WebItem, reason: tuple[str, str] | None) -> Item:
    url, row = wanted.url, wanted.line
    assert row is not None
    said = [url, row.told, row.captions, row.problem, reason, *([wanted.seconds] if wanted.seconds else [])]
    raw = json.dumps(said, sort_keys=True, default=str).encode("utf-8", "surrogateescape")
    part = f"#{wanted.seconds[0]:g}-{wanted.seconds[1]:g}" if wanted.seconds else ""
    video_id = make_video_id(_name(url), (url or row.where) + part)
    return Item(video_id, hashlib.sha256(raw).hexdigest(), (wanted, reason))


def _name(url: str) -> str:
    """What an address is called in an id: the end of its path, or of a page's query."""
    path, _, query = url.partition("?")
    stem = os.path.splitext(os.path.basename(path.rstrip("/")))[0]
    return f"{stem}-{query.partition('v=')[2][:11]}" if "v=" in query else stem
