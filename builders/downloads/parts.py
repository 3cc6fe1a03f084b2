"""Seconds of a video on the web: only their bytes are fetched."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.contract.errors import RowError, TransientError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from ...engine.storage.files import UNFINISHED
from ...media.parts import copy_part
from .addresses import names_video, show
from .connections import Connections
from .faults import FetchError, check_disk
from .options import DownloadOptions
from .site import guarded_loader, one_video, proxy_of, video_settings
from .site_faults import raise_fault

_BLOCK_BYTES = 128 << 10
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class PartOfVideo(NamedTuple):
    """A part that came, and when on the video's clock it begins."""

    path: Path
    begins_s: float


def requirements() -> list[Requirement]:
    """What finds the file of a page."""
    return extra_packages("download", "yt_dlp")


def fetch_part(url: str, span: tuple[float, float], folder: Path, name: str, options: DownloadOptions) -> PartOfVideo:
    """The seconds ``span`` of a video, from the last key frame before them. Runs in a process of its own.

    Raises:
        FetchError: it does not come; ``no_format`` where no file of it can be read in parts.
    """
    with extra("download"):
        from yt_dlp.utils import YoutubeDLError

    shown, connections = show(url), Connections(options.allow_private or bool(proxy_of(options)))
    part = folder / UNFINISHED / f"{name}.mkv"
    part.parent.mkdir(parents=True, exist_ok=True)
    files = f"[protocol~='^https?$'][height<=?{options.height_px}]"
    settings = video_settings(shown, part.parent, name, options) | {"format": f"b{files}/w[protocol~='^https?$']"}
    try:
        with connections.guard_connections(), guarded_loader(settings, shown, options, connections) as loader:
            told: Any = {"url": url}
            if not names_video(url):  # a page: which file is it?
                told = one_video(shown, loader.extract_info(url, download=False))
                told = loader.process_ie_result(told, download=False)
            file = _RangeFile(_opener(loader, told), shown)
            begins_s = copy_part(io.BufferedReader(file, _BLOCK_BYTES), shown, *span, part)
    except YoutubeDLError as error:
        raise_fault(shown, error)
    except (RowError, TransientError) as error:
        part.unlink(missing_ok=True)
        if connections.refused:
            raise FetchError(f"{shown}: {connections.refused}", "private_address") from None
        kind = error.kind if isinstance(error, RowError) else "network"
        if kind == "past_end":
            raise
        raise FetchError(error.message, "not_media" if kind == "unreadable" else kind) from None
    except OSError as error:
        check_disk(error, str(folder))
        raise FetchError(f"{shown}: {error}", "network") from None
    done = folder / part.name
    os.replace(part, done)
    return PartOfVideo(done, begins_s)


def _opener(loader: Any, told: Any) -> Callable[[int, int], tuple[bytes, int]]:
    """From a place and a size to the bytes there, and the size of the whole."""
    from yt_dlp.networking import Request

    def read(start: int, size: int) -> tuple[bytes, int]:
        headers = {**told.get("http_headers", {}), "Range": f"bytes={start}-{start + size - 1}"}
        with loader.urlopen(Request(told["url"], headers=headers)) as response:
            found = _RANGE.fullmatch(response.headers.get("Content-Range") or "")
            if response.status != 206 or not found or int(found[1]) != start:
                said = f"{show(told['url'])}: its server gives no parts of files"
                raise FetchError(said, "no_format")
            return response.read(), int(found[3])

    return read


class _RangeFile(io.RawIOBase):
    """A file that is read from a server, as far as it is read at all."""

    def __init__(self, read: Callable[[int, int], tuple[bytes, int]], name: str) -> None:
        self._read, self.name, self._at = read, name, 0
        self._first, self._size = read(0, _BLOCK_BYTES)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        held = self._first[self._at : self._at + wanted]
        raw = held or self._read(self._at, wanted)[0]
        buffer[: len(raw)] = raw
        self._at += len(raw)
        return len(raw)
