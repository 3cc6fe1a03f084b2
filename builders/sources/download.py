"""Videos from the web, by yt-dlp, into a folder: whole, looked into, or a plain reason why not."""

from __future__ import annotations

import glob
import json
import logging
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from ...engine.contract.errors import RowError, TransientError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from ...engine.storage.files import UNFINISHED, write_text
from .connections import LARGEST_PAGE_BYTES, Connections
from .javascript import NAME, find_runtime
from .listing import VIDEO_EXTENSIONS
from .probe import probe

_TOLD: tuple[str, ...] = ("title", "description", "chapters", "tags", "categories", "language", "license")
_TOLD += ("timestamp", "upload_date", "uploader", "channel", "extractor")
_PROTOCOLS = "[protocol~='^(https?|m3u8_native|http_dash_segments)([+]|$)']"
_REFUSED = frozenset((401, 402, 403, 407, 451))
_LATER = frozenset((408, 425, 429))
_SMALLEST_PAGE_MB = 4  # whatever `max_mb` says: the page of a small video may be larger than it
_TRIES = 3  # by yt-dlp, at once; what lasts longer is tried again by the engine


@dataclass(frozen=True)
class DownloadOptions:
    """How to fetch. ``private`` also lets it use the proxy that the environment names."""

    height_px: int = 720  # the largest that is asked for, where a site offers several
    max_mb: int = 0  # 0: any size
    rate_kib_s: int = 0  # 0: as fast as it goes
    private: bool = False  # addresses of this machine and its network are allowed


def requirements() -> list[Requirement]:
    """What ``fetch`` loads; files that are linked directly come without a JavaScript runtime."""
    hint = "without it, sites such as YouTube offer few formats or none"
    runtime = Requirement(f"a JavaScript runtime ({NAME})", bool(find_runtime()), (NAME,), hint=hint, optional=True)
    return [*extra_packages("download", "yt_dlp"), runtime]


def fetch(url: str, folder: Path, name: str, how: DownloadOptions) -> Path:
    """The video at ``url``, a file or a page, as ``folder/name.<ending>``; one that is there is not fetched again.

    Beside it ``name.info.json`` says what the site tells of it. A download that was cut off goes on where it was.

    Raises:
        RowError: ``refused``, ``not_available``, ``not_a_video``, ``truncated``, ``too_large``; nothing is kept.
        TransientError: too many requests, a fault of the server or of the line, or a line that is too slow.
        UserError: yt-dlp is missing.
    """
    for there in sorted(folder.glob(f"{glob.escape(name)}.*")):
        if there.stem == name and there.suffix not in (".json", ".part"):
            return there
    shown = _mask_credentials(url)
    unfinished = folder / UNFINISHED
    try:
        path, told = _guard_connections(url, unfinished, name, how)
        _check(shown, path, told.get("duration"))
    except RowError:  # else the next try would take what is there for whole, or go on with it
        for part in unfinished.glob(f"{glob.escape(name)}.*"):
            part.unlink(missing_ok=True)
        raise
    said = {key: told[key] for key in _TOLD if told.get(key) is not None}
    write_text(folder / f"{name}.info.json", json.dumps(said, ensure_ascii=False))
    done = folder / f"{name}{path.suffix}"
    os.replace(path, done)
    return done


def _mask_credentials(url: str) -> str:
    """An address as messages show it, without user and password; ``RowError`` for one that is not fetched."""
    with suppress(ValueError):  # such as for a bracket that is not closed
        parts = urlsplit(url)
        if parts.scheme.lower() in ("http", "https") and parts.hostname:
            return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    raise RowError(f"{url or 'no address'}: only http and https addresses are fetched", "refused")


def _guard_connections(url: str, folder: Path, name: str, how: DownloadOptions) -> tuple[Path, dict[str, Any]]:
    """What comes from there, with an eye on every connection that is made for it."""
    shown, page_bytes = _mask_credentials(url), LARGEST_PAGE_BYTES
    if how.max_mb:
        page_bytes = min(page_bytes, max(how.max_mb, _SMALLEST_PAGE_MB) * 1_000_000)
    connections = Connections(how.private, page_bytes)
    try:
        with connections.guard_connections():
            return _download(url, folder, name, how, connections)
    except (RowError, TransientError) as error:
        if connections.refused:
            raise RowError(f"{shown}: {connections.refused}", "refused") from None
        if connections.slow:
            raise TransientError(f"{shown}: {connections.too_slow().message}") from None
        if shown not in error.message and isinstance(error, RowError):
            raise RowError(f"{shown}: {error.message}", error.kind) from None
        raise


def _download(
    url: str, folder: Path, name: str, how: DownloadOptions, connections: Connections
) -> tuple[Path, dict[str, Any]]:
    with extra("download"):
        from yt_dlp import YoutubeDL
        from yt_dlp.globals import plugin_dirs
        from yt_dlp.utils import YoutubeDLError

    class Fetcher(YoutubeDL):  # type: ignore[misc]
        """Without libcurl, whose connections Python does not see."""

        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            return super().build_request_director([h for h in handlers if h.RH_NAME != "curl_cffi"], preferences)

        def urlopen(self, req: Any) -> Any:
            with connections.waiting():
                response = super().urlopen(req)
            response.read = connections.limit_speed(response.read)
            return response

    shown = _mask_credentials(url)
    plugin_dirs.value = []  # code from folders of this machine
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Fetcher(_settings(shown, folder, name, how)) as loader:
            told = _one(shown, loader.extract_info(url, download=False))
            told = loader.process_ie_result(told, download=True)
    except YoutubeDLError as error:
        _say(shown, error)
    got = [Path(one["filepath"]) for one in told.get("requested_downloads") or () if one.get("filepath")]
    if len(got) != 1 or not got[0].is_file():
        too_large = (f"{shown}: it is larger than {how.max_mb} MB, or nothing came", "too_large")
        raise RowError(*too_large) if how.max_mb else RowError(f"{shown}: nothing came", "not_available")
    return got[0], told


def _one(url: str, told: Any) -> dict[str, Any]:
    """What was found, if it is one video that has an end."""
    found = [dict(told)] if told else []
    if found and "entries" in found[0]:
        found = [dict(entry) for entry in found[0]["entries"] or () if entry]
    if len(found) != 1:
        raise RowError(f"{url}: {'several videos' if found else 'no video'} there, not one", "not_available")
    if found[0].get("is_live") or found[0].get("live_status") in ("is_live", "is_upcoming"):
        raise RowError(f"{url}: it is live; try again when it is over", "not_available")
    one = found[0]
    if one.get("extractor") == "html5" and isinstance(one.get("title"), str):
        one["title"] = one["title"].removesuffix(" (1)")  # it counts the videos of a page, also a single one
    return one


def _settings(url: str, folder: Path, name: str, how: DownloadOptions) -> dict[str, Any]:
    """What differs from yt-dlp's own; as a library it retries nothing by itself and skips lost fragments."""
    fits = f"{_PROTOCOLS}[height<=?{how.height_px}]"
    joined = f"bv*{fits}+ba{_PROTOCOLS}/" if shutil.which("ffmpeg") else ""
    largest = how.max_mb * 1_000_000 or None

    def look(progress: dict[str, Any]) -> None:
        if largest and (progress.get("downloaded_bytes") or 0) > largest:
            raise RowError(f"{url}: it is larger than {how.max_mb} MB", "too_large")

    return {
        "format": f"{joined}b{fits}/w{_PROTOCOLS}",
        "paths": {"home": str(folder)},
        "outtmpl": {"default": name.replace("%", "%%") + ".%(ext)s"},
        "noplaylist": True,
        "playlist_items": "1:2",  # enough to know that there is more than one
        "extract_flat": "in_playlist",
        **dict.fromkeys(("retries", "fragment_retries", "extractor_retries", "file_access_retries"), _TRIES),
        "skip_unavailable_fragments": False,
        "socket_timeout": 30.0,
        "max_filesize": largest,
        "ratelimit": how.rate_kib_s * 1024 or None,
        "external_downloader": "native",
        "cachedir": False,
        "enable_file_urls": False,
        "proxy": None if how.private else "",  # behind a proxy nobody here sees which address is asked
        **dict.fromkeys(("quiet", "no_warnings", "noprogress"), True),
        "logger": logging.Logger("yt-dlp", logging.CRITICAL + 1),  # what matters of it comes as an exception too
        "progress_hooks": [look],
    }


def _say(url: str, error: Exception) -> NoReturn:
    """An error of yt-dlp's in our terms. Of a try that was not the first it keeps the text alone."""
    from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, TransportError
    from yt_dlp.utils import UnsupportedError

    chain, text = _chain(error), _plain(error)
    reason = f"{url}: {text}"
    answer = next((one for one in chain if isinstance(one, HTTPError)), None)
    number = re.search(r"HTTP Error (\d{3})\b", text)
    status = answer.status if answer is not None else int(number[1]) if number else 0
    after = answer.response.headers.get("Retry-After") if answer is not None else None
    tried = "Giving up after" in text
    if status in _LATER or status >= 500:
        raise TransientError(reason, _after_s(after)) from error
    if "fragment" in text.lower() or (tried and status):  # of all requests only fragments are tried again after a 4xx
        raise RowError(f"{reason}: a part of it is lost", "truncated") from error
    if status == 403:  # what YouTube answers where its script was not run
        raise RowError(f"{url}: {_lacking(chain)}{text}", "refused") from error
    if status in _REFUSED or any(isinstance(one, CertificateVerifyError) for one in chain):
        raise RowError(reason, "refused") from error
    if status:
        raise RowError(reason, "not_available") from error
    if tried or any(isinstance(one, (TransportError, TimeoutError)) for one in chain):
        raise TransientError(reason) from error
    if any(isinstance(one, UnsupportedError) for one in chain):
        _no_video(url)
    raise RowError(f"{url}: {_lacking(chain)}{text}", "not_available") from error


def _lacking(chain: Sequence[BaseException]) -> str:
    """What may be the reason before all others: a site's own page was read, and its JavaScript could not be run."""
    from yt_dlp.utils import ExtractorError

    of_site = any(isinstance(one, ExtractorError) and (one.ie or "generic").lower() != "generic" for one in chain)
    if not of_site or find_runtime():
        return ""
    return f'there is no JavaScript runtime ({NAME}; pip install "cliploom[download]"), which may be why: '


def _no_video(url: str) -> NoReturn:
    if os.path.splitext(urlsplit(url).path)[1][1:].lower() in VIDEO_EXTENSIONS:
        raise RowError(f"{url}: a page came, not a video: an error or login page", "not_a_video")
    raise RowError(f"{url}: there is no video that yt-dlp can find", "not_available")


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what caused it, as yt-dlp and Python keep that."""
    todo, seen = [error], list[BaseException]()
    while todo:
        one = todo.pop(0)
        if one not in seen:
            seen.append(one)
            kept = (getattr(one, "exc_info", None) or (None, None))[1]
            causes = (kept, getattr(one, "cause", None), one.__cause__, one.__context__)
            todo += [cause for cause in causes if isinstance(cause, BaseException)]
    return seen


def _plain(error: Exception) -> str:
    """Its first line, without the advice to report it."""
    text = str(error).partition("; please report this issue")[0].removeprefix("ERROR:").strip()
    return text.partition("\n")[0][:500]


def _after_s(said: str | None) -> float | None:
    """Seconds that the server asks for, at most a minute."""
    return min(float(said), 60.0) if said is not None and said.isascii() and said.isdecimal() else None


def _check(url: str, path: Path, said_s: Any) -> None:
    """Raise ``RowError`` for a file that is no video, or not all of it; more than was declared is no matter."""
    try:
        probed = probe(str(path))
    except RowError as error:
        raise RowError(f"{url}: what came is no video: {error.message}", "not_a_video") from None
    start_s, end_s = probed.extent
    # Files whose clock starts late may declare their end in place of their length.
    for name, came_s, expected_s in (("the file", end_s, probed.declared_s), ("the site", end_s - start_s, said_s)):
        if isinstance(expected_s, (int, float)) and expected_s - came_s > max(2.0, 0.02 * expected_s):
            what = f"{came_s:.1f} s came, where {name} says {expected_s:.1f} s"
            raise RowError(f"{url}: {what}; a part of it is lost", "truncated")
