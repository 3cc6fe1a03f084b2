"""Addresses of the web: which are asked, and how they are shown."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import suppress
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from ..sources.listing import VIDEO_EXTENSIONS
from . import connections
from .faults import FetchError

STORES = frozenset(("s3", "gs", "gcs", "az", "abfs", "hf"))
"""Schemes of object stores, which fsspec reads."""


def in_store(url: str) -> bool:
    """Whether an address is that of an object store."""
    return url.partition("://")[0].lower() in STORES


@lru_cache(maxsize=4096)
def show(url: str) -> str:
    """An address as messages show it, without user and password; ``FetchError`` for one that is not fetched."""
    parts = _split(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def host_of(url: str) -> str:
    """Host and port, by which what is asked at once is counted."""
    return _split(url).netloc.rpartition("@")[2].lower()


def check_address(url: str, allow_private: bool) -> None:
    """Raise ``FetchError`` for an address that may not be asked, as far as it shows before names are looked up."""
    parts = _split(url)
    if allow_private:
        return
    host = (parts.hostname or "").rstrip(".")
    with suppress(OSError):
        host = socket.inet_ntoa(socket.inet_aton(host))  # also of 127.1, 0x7f000001 and 2130706433
    with suppress(ValueError):
        ipaddress.ip_address(host.partition("%")[0])
        if not connections.is_public(host):
            raise FetchError(f"{show(url)}: {connections.refusal(host)}", "private_address")


def url_ending(url: str) -> str:
    """The ending of a video file, where an address has one; otherwise ""."""
    ending = os.path.splitext(urlsplit(url).path)[1][1:].lower()
    return ending if ending in VIDEO_EXTENSIONS else ""


def names_video(url: str) -> bool:
    """Whether an address is that of a file, and not of a page, as far as it shows."""
    return bool(url_ending(url))


@lru_cache(maxsize=4096)
def _split(url: str) -> SplitResult:
    with suppress(ValueError):  # such as for a bracket that is not closed
        parts = urlsplit(url)
        if in_store(url) and parts.netloc:
            return parts
        if parts.scheme.lower() in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    raise FetchError(f"{url or 'no address'}: only http and https addresses are fetched", "bad_address")
