"""Files over http(s), many at once: whole, resumed where they were cut off, or a plain reason why not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from . import connections
from .addresses import check_address, show
from .connections import LEAST_BYTES_PER_S
from .faults import FetchError, check_disk, retry_after_s, status_fault
from .magic import SIZE, is_page, is_playlist, media_ending, type_ending
from .options import DownloadOptions
from .robots import opt_out

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_MOST_REDIRECTS = 10
_PIECE_BYTES = 256 << 10
_REDIRECTS = (301, 302, 303, 307, 308)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class PageReply(Exception):
    """What came is a page or a list of fragments, of which yt-dlp may make a video. ``what`` says which."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class ByteRange(NamedTuple):
    """A part of a file, in bytes, such as a member of an archive."""

    start: int
    size: int


class Reception(NamedTuple):
    """What came, and what the server said of it."""

    ending: str
    address: str  # after all redirects
    size: int
    headers: Mapping[str, str]  # of those that are kept


@dataclass
class _Part:
    """A file under way, and what the server said of it, so that it can be resumed."""

    path: Path

    @property
    def notes(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def state(self) -> tuple[int, dict[str, Any]]:
        """Bytes that are there, and their validator; nothing where they cannot be gone on with."""
        if not os.path.exists(f"{self.path}.json"):
            return 0, {}
        with suppress(OSError, ValueError):
            said = json.loads(self.notes.read_text(encoding="utf-8"))
            if isinstance(said, dict) and said.get("validator"):
                return self.path.stat().st_size, said
        return 0, {}

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)


class DirectClient:
    """A client that downloads files. Nothing in it decodes: what comes is looked at in another process."""

    def __init__(self, session: ClientSession, options: DownloadOptions, proxy: str = "") -> None:
        self._session, self._options, self._proxy = session, options, proxy

    async def fetch(self, url: str, part: Path, span: ByteRange | None = None) -> Reception:
        """Download into ``part``; one that was cut off goes on, if the file is still the same.

        Raises:
            FetchError: it did not come, or not whole.
            PageReply: a page or a playlist came.
            UserError: the disk is full.
        """
        one = _Part(part)
        have, said = (0, {}) if span else one.state()
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if span:
            headers["Range"] = f"bytes={span.start}-{span.start + span.size - 1}"
        elif have:
            headers |= {"Range": f"bytes={have}-", "If-Range": said["validator"]}
        try:
            async with self._open(url, headers) as response:
                return await self._receive(url, response, one, have, span)
        except (FetchError, PageReply) as error:
            lasts = isinstance(error, FetchError) and error.kind in ("truncated", "network", "server_error")
            if not (lasts and one.notes.exists()):  # nothing that could be gone on with
                one.discard()
            raise

    async def read(self, url: str, largest: int) -> tuple[int, bytes]:
        """Status and the first bytes of a small text, such as robots.txt."""
        async with self._open(url, {"Accept": "text/plain, */*"}, strict=False) as response:
            return response.status, await response.content.read(largest) if response.status == 200 else b""

    @asynccontextmanager
    async def _open(self, url: str, headers: Mapping[str, str], strict: bool = True) -> AsyncIterator[ClientResponse]:
        """The answer after all redirects, each of which is looked at."""
        from aiohttp import ClientError

        shown = show(url)
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                check_address(url, self._options.allow_private)
                async with self._session.get(
                    url, headers=headers, allow_redirects=False, proxy=self._proxy or None
                ) as response:
                    target = response.headers.get("Location")
                    if response.status in _REDIRECTS and target:
                        url = urljoin(url, target)
                        continue
                    if strict:
                        _check_status(shown, response)
                    yield response
                    return
        except FetchError as error:
            if shown in error.message:
                raise
            raise FetchError(f"{shown}: {error.message}", error.kind, error.after_s) from None  # after a redirect
        except (ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            raise _in_words(shown, error) from error
        raise FetchError(f"{shown}: more than {_MOST_REDIRECTS} redirects", "network")

    async def _receive(
        self, url: str, response: ClientResponse, part: _Part, have: int, span: ByteRange | None
    ) -> Reception:
        shown = show(url)
        kept = {name: response.headers[name] for name in ("ETag", "Last-Modified", "X-Robots-Tag")
                if name in response.headers}  # fmt: skip
        if self._options.obey and (word := opt_out(response.headers.getall("X-Robots-Tag", []))):
            raise FetchError(f"{shown}: its server says {word} (X-Robots-Tag)", "opted_out")
        start, total = _place(shown, response, have, span)
        content_type = response.content_type.lower() if "Content-Type" in response.headers else ""
        pieces = response.content.iter_chunked(_PIECE_BYTES)
        head = b""
        if not start or span:
            async for piece in pieces:
                head += piece
                if len(head) >= SIZE:
                    break
            if is_playlist(head, content_type):
                raise PageReply("a list of fragments")
            if is_page(head, content_type):
                raise PageReply("a page")
            ending = media_ending(head) or type_ending(content_type)
            resumable = _write_notes(part, kept, ending, response) or have > 0
        else:
            ending, resumable = str(part.state()[1].get("ending", "")), True
        size = await self._save(shown, pieces, part.path, head, 0 if span else start)
        if size == 0 or (total is not None and size < total):
            raise FetchError(f"{shown}: {size:,} of {total or 'some'} bytes came", "truncated")
        if resumable:
            part.notes.unlink(missing_ok=True)
        return Reception(ending, str(response.url), size, kept)

    async def _save(self, shown: str, pieces: AsyncIterator[bytes], path: Path, head: bytes, start: int) -> int:
        """Write what comes; the size of the file then."""
        largest, rate = self._options.max_mb * 1_000_000, self._options.rate_kib_s * 1024
        began_s, size = time.monotonic(), start
        try:
            with open(path, "r+b" if start else "wb") as file:
                file.seek(start)
                size += _write(file, head)
                watch = _SpeedWatch()
                async for piece in pieces:
                    size += _write(file, piece)
                    if largest and size > largest:
                        raise FetchError(f"{shown}: it is larger than {self._options.max_mb} MB", "too_large")
                    watch.look(shown, len(piece))
                    if rate:
                        await asyncio.sleep(max(0.0, (size - start) / rate - (time.monotonic() - began_s)))
                if start:
                    file.truncate()
        except OSError as error:
            check_disk(error, str(path.parent))
            raise
        return size


class _SpeedWatch:
    """Gives up a line on which hardly anything comes."""

    def __init__(self) -> None:
        self._since_s, self._received = time.monotonic(), 0

    def look(self, shown: str, amount: int) -> None:
        """So much came."""
        self._received += amount
        now_s = time.monotonic()
        if now_s - self._since_s >= connections.SLOW_S:
            if self._received < LEAST_BYTES_PER_S * (now_s - self._since_s):
                said = f"less than {LEAST_BYTES_PER_S} bytes a second came for {connections.SLOW_S:g} s"
                raise FetchError(f"{shown}: {said}", "network")
            self._since_s, self._received = now_s, 0


def _write(file: IO[bytes], piece: bytes) -> int:
    file.write(piece)
    return len(piece)


def _write_notes(part: _Part, kept: Mapping[str, str], ending: str, response: ClientResponse) -> bool:
    """Note what is needed to go on with a large file, and say so; a small one is quicker fetched again."""
    etag = kept.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else kept.get("Last-Modified", "")
    if validator and (response.content_length or 0) > _PIECE_BYTES:
        part.notes.write_text(json.dumps({"validator": validator, "ending": ending}), encoding="utf-8")
        return True
    return False


def _place(shown: str, response: ClientResponse, have: int, span: ByteRange | None) -> tuple[int, int | None]:
    """Where in the file what comes begins, and how long the file is then; None where nobody says."""
    length = response.content_length
    if response.status != 206:
        if span:
            raise FetchError(f"{shown}: its server gives no parts of files", "unsupported")
        return 0, length
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    wanted = span.start if span else have
    if not found or int(found[1]) != wanted:
        raise FetchError(f"{shown}: another part came than was asked for", "truncated")
    if span:
        return span.start, span.size
    return have, int(found[3]) if found[3] != "*" else have + length if length is not None else None


def _check_status(shown: str, response: ClientResponse) -> None:
    status = response.status
    if status in (200, 206):
        return
    if status == 416:  # what is there is no part of it any more
        raise FetchError(f"{shown}: the file has changed since a part of it came", "truncated")
    after_s = retry_after_s(response.headers.get("Retry-After"))
    raise FetchError(f"{shown}: HTTP {status} {response.reason or ''}".rstrip(), status_fault(status), after_s)


def _in_words(shown: str, error: BaseException) -> FetchError:
    """What kept a file from coming, in our terms."""
    if isinstance(error, connections.PrivateAddress) or (
        isinstance(getattr(error, "os_error", None), connections.PrivateAddress)
    ):
        return FetchError(f"{shown}: {getattr(error, 'os_error', error)}", "private_address")
    name = type(error).__name__
    if name == "ClientPayloadError":
        return FetchError(f"{shown}: the connection was cut off", "truncated")
    if name in ("InvalidURL", "NonHttpUrlClientError") or isinstance(error, ValueError):
        return FetchError(f"{shown}: this is no address", "bad_address")
    if isinstance(error, ssl.SSLCertVerificationError) or name == "ClientConnectorCertificateError":
        return FetchError(f"{shown}: its certificate is not good: {error}", "forbidden")
    if isinstance(error, asyncio.TimeoutError):
        return FetchError(f"{shown}: nothing came for {connections.SLOW_S:g} s", "network")
    return FetchError(f"{shown}: {' '.join(str(error).split()) or name}", "network")


def name_of(url: str) -> str:
    """What the end of an address's path is called, without ending."""
    return os.path.splitext(os.path.basename(urlsplit(url).path))[0]
