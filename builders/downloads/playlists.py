"""Playlists, channels, searches, feeds and pages of several videos: which videos they list."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...engine.contract.errors import RowError, TransientError, UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from ...engine.execution.failures import WorkerLost
from ...engine.execution.worker import Worker
from ...engine.storage.files import write_json
from ...models.weights import cache_dir
from ..sources.manifests import ManifestRow
from .addresses import show
from .connections import Connections
from .faults import FetchError
from .options import DownloadOptions
from .site import base_settings, guarded_loader, proxy_of
from .site_faults import raise_fault

_SEARCH = re.compile(r"[a-z]+search(?:date)?(?:\d+|all)?:.+", re.IGNORECASE)
_LONGEST_S = 3600.0
_DEEPEST = 2  # a channel lists its tabs, which list videos
_KEPT = ("title", "description", "uploader", "channel", "duration", "timestamp", "view_count", "license")


def requirements() -> list[Requirement]:
    """What lists them."""
    return extra_packages("download", "yt_dlp")


def list_playlists(urls: Sequence[str], options: DownloadOptions, relist_h: float) -> Iterator[ManifestRow]:
    """The videos that these list, each once, in their order. A list is kept in the cache, for ``relist_h`` or for ever.

    Raises:
        UserError: one cannot be listed.
    """
    seen: set[str] = set()
    for url in dict.fromkeys(urls):
        for number, entry in enumerate(_entries(url, options, relist_h), 1):
            address = str(entry.pop("url"))
            if address not in seen:
                seen.add(address)
                yield ManifestRow(f"{url}, entry {number}", {**entry, "playlist": url}, file=address)


def _entries(url: str, options: DownloadOptions, relist_h: float) -> list[dict[str, Any]]:
    file = cache_dir() / "playlists" / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if not relist_h or time.time() - kept["listed"] < relist_h * 3600:
            return list(kept["entries"])
    worker = Worker(isolate=True)
    try:
        entries: list[dict[str, Any]] = worker.submit(_LONGEST_S, read_playlist, url, options).result()
    except (RowError, TransientError, WorkerLost) as error:
        raise UserError(f"builders.urls cannot list {url}: {error}") from None
    finally:
        worker.kill()
    if not entries:
        raise UserError(f"builders.urls: {url} lists no videos")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"url": url, "listed": time.time(), "entries": entries})
    return entries


def read_playlist(url: str, options: DownloadOptions) -> list[dict[str, Any]]:
    """What a playlist lists, asked on the network: an address and what is told of it. Runs in a process of its own.

    Raises:
        FetchError: it cannot be read.
    """
    with extra("download"):
        from yt_dlp.utils import YoutubeDLError

    shown = url if _SEARCH.fullmatch(url) else show(url)
    connections = Connections(options.allow_private or bool(proxy_of(options)))
    settings = base_settings(options) | {"extract_flat": "in_playlist", "noplaylist": False, "skip_download": True}
    try:
        with (
            connections.guard_connections(),
            guarded_loader(settings, shown, options, connections) as loader,
        ):
            return list(_flatten(loader, shown, loader.extract_info(shown, download=False), _DEEPEST))
    except (YoutubeDLError, RowError) as error:
        if connections.refused:
            raise FetchError(f"{shown}: {connections.refused}", "private_address") from None
        if isinstance(error, RowError):
            raise
        raise_fault(shown, error)


def _flatten(loader: Any, url: str, found: Any, depth: int) -> Iterator[dict[str, Any]]:
    if not isinstance(found, Mapping):
        return
    if "entries" not in found:
        formats = found.get("formats") or [found]
        yield _entry(str(found.get("webpage_url") or found.get("url") or formats[-1].get("url") or url), found)
        return
    for entry in found["entries"] or ():
        if not isinstance(entry, Mapping):
            continue
        address = entry.get("url") or ((entry.get("formats") or [{}])[-1].get("url"))
        lists = str(entry.get("ie_key") or "").lower().endswith(("tab", "playlist", "channel"))
        if "entries" in entry or (lists and depth):
            inner = entry if "entries" in entry else loader.extract_info(address, download=False)
            yield from _flatten(loader, url, inner, depth - 1)
        elif isinstance(address, str) and address:
            yield _entry(address, entry)


def _entry(address: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": address} | {name: told[name] for name in _KEPT if told.get(name) not in (None, "")}
