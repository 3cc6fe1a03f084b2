"""Videos of pages, of sites and of lists of fragments, by yt-dlp: whole, looked into, or a plain reason why not."""

from __future__ import annotations

import glob
import io
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from optparse import OptParseError
from pathlib import Path
from typing import Any

from ...engine.contract.errors import RowError, TransientError, UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from ...engine.storage.files import UNFINISHED, write_text
from ..sources.listing import SUBTITLE_FORMATS
from ..sources.probe import Probe, probe
from .addresses import show
from .connections import LARGEST_PAGE_BYTES, Connections
from .faults import FetchError, check_disk
from .javascript import NAME, find_runtime
from .options import DownloadOptions
from .robots import opt_out, page_opt_out
from .site_faults import raise_fault

_TOLD: tuple[str, ...] = ("title", "description", "chapters", "tags", "categories", "language", "license", "id")
_TOLD += ("timestamp", "upload_date", "release_date", "uploader", "uploader_id", "channel", "channel_id", "extractor")
_TOLD += ("duration", "view_count", "like_count", "age_limit", "availability", "live_status", "webpage_url")
_PROTOCOLS = "[protocol~='^(https?|m3u8_native|http_dash_segments)([+]|$)']"
_SMALLEST_PAGE_MB = 4  # whatever `max_mb` says: the page of a small video may be larger than it
_LONGEST_TAGS_BYTES = 512 << 10  # of a page in which its robots tag is looked for


def requirements() -> list[Requirement]:
    """What reads pages; some come without a JavaScript runtime."""
    hint = "without it, sites such as YouTube offer few formats or none"
    runtime = Requirement(f"a JavaScript runtime ({NAME})", bool(find_runtime()), (NAME,), hint=hint, optional=True)
    return [*extra_packages("download", "yt_dlp"), runtime]


def fetch(url: str, folder: Path, name: str, how: DownloadOptions) -> Path:
    """The video at ``url``, a file or a page, as ``folder/name.<ending>``; one that is there is not fetched again.

    Beside it ``name.info.json`` says what the site tells of it, and subtitles lie that were asked for. A download that
    was cut off goes on where it was.

    Raises:
        FetchError: with one of the kinds of ``faults``; nothing is kept of what cannot be gone on with.
        UserError: yt-dlp is missing, or the disk is full.
    """
    for there in sorted(folder.glob(f"{glob.escape(name)}.*")):
        if there.stem == name and there.suffix not in (".json", ".part"):
            return there
    shown = show(url)
    unfinished = folder / UNFINISHED
    try:
        path, told = _guard_connections(url, unfinished, name, how)
        check_whole(shown, path, told.get("duration"))
    except FetchError as error:
        if error.kind not in ("network", "server_error", "rate_limited"):
            for part in unfinished.glob(f"{glob.escape(name)}.*"):
                part.unlink(missing_ok=True)
        raise
    said = {key: told[key] for key in _TOLD if told.get(key) is not None}
    write_text(folder / f"{name}.info.json", json.dumps(said, ensure_ascii=False))
    for beside in unfinished.glob(f"{glob.escape(name)}.*"):
        if beside.suffix in SUBTITLE_FORMATS:
            os.replace(beside, folder / beside.name)
    done = folder / f"{name}{path.suffix}"
    os.replace(path, done)
    return done


def check_whole(url: str, path: Path, said_s: Any) -> Probe:
    """Look into what came; ``FetchError`` for no video, or not all of it. More than was declared is no matter."""
    try:
        probed = probe(str(path))
    except RowError as error:
        raise FetchError(f"{url}: what came is no video: {error.message}", "not_media") from None
    start_s, end_s = probed.extent
    # Files whose clock starts late may declare their end in place of their length.
    for name, came_s, expected_s in (("the file", end_s, probed.declared_s), ("the site", end_s - start_s, said_s)):
        if isinstance(expected_s, (int, float)) and expected_s - came_s > max(2.0, 0.02 * expected_s):
            what = f"{came_s:.1f} s came, where {name} says {expected_s:.1f} s"
            raise FetchError(f"{url}: {what}; a part of it is lost", "truncated")
    return probed


def _guard_connections(url: str, folder: Path, name: str, how: DownloadOptions) -> tuple[Path, dict[str, Any]]:
    """What comes from there, with an eye on every connection that is made for it."""
    shown, page_bytes = show(url), LARGEST_PAGE_BYTES
    if how.max_mb:
        page_bytes = min(page_bytes, max(how.max_mb, _SMALLEST_PAGE_MB) * 1_000_000)
    connections = Connections(how.allow_private or bool(proxy_of(how)), page_bytes)
    try:
        with connections.guard_connections():
            return _download(url, folder, name, how, connections)
    except (RowError, TransientError) as error:
        if connections.refused:
            raise FetchError(f"{shown}: {connections.refused}", "private_address") from None
        if connections.slow:
            raise FetchError(f"{shown}: {connections.too_slow().message}", "network") from None
        if shown not in error.message and isinstance(error, RowError):
            raise FetchError(f"{shown}: {error.message}", error.kind) from None
        raise
    except OSError as error:
        check_disk(error, str(folder))
        raise FetchError(f"{shown}: {error}", "network") from error


def guarded_loader(settings: Mapping[str, Any], url: str, how: DownloadOptions, connections: Connections) -> Any:
    """yt-dlp with an eye on what it reads."""
    with extra("download"):
        from yt_dlp import YoutubeDL
        from yt_dlp.globals import plugin_dirs

    class Fetcher(YoutubeDL):  # type: ignore[misc]
        """Without libcurl, whose connections Python does not see."""

        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            return super().build_request_director([h for h in handlers if h.RH_NAME != "curl_cffi"], preferences)

        def urlopen(self, req: Any) -> Any:
            with connections.waiting():
                response = super().urlopen(req)
            response.read = connections.limit_speed(response.read)
            if how.obey:
                _obey(url, response)
            return response

    plugin_dirs.value = []  # code from folders of this machine
    return Fetcher(dict(settings))


def _download(
    url: str, folder: Path, name: str, how: DownloadOptions, connections: Connections
) -> tuple[Path, dict[str, Any]]:
    with extra("download"):
        from yt_dlp.utils import YoutubeDLError

    shown = show(url)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with guarded_loader(video_settings(shown, folder, name, how), shown, how, connections) as loader:
            told = one_video(shown, loader.extract_info(url, download=False))
            told = loader.process_ie_result(told, download=True)
    except YoutubeDLError as error:
        raise_fault(shown, error)
    got = [Path(one["filepath"]) for one in told.get("requested_downloads") or () if one.get("filepath")]
    if len(got) != 1 or not got[0].is_file():
        too_large = (f"{shown}: it is larger than {how.max_mb} MB, or nothing came", "too_large")
        raise FetchError(*too_large) if how.max_mb else FetchError(f"{shown}: nothing came", "unsupported")
    return got[0], told


def one_video(url: str, told: Any) -> dict[str, Any]:
    """What was found, if it is one video that has an end."""
    found = [dict(told)] if told else []
    if found and "entries" in found[0]:
        found = [dict(entry) for entry in found[0]["entries"] or () if entry]
    if len(found) != 1:
        said = "several videos there, not one: give their addresses, or the list under `playlists`"
        raise FetchError(f"{url}: {said if found else 'no video there'}", "unsupported")
    if found[0].get("is_live") or found[0].get("live_status") in ("is_live", "is_upcoming"):
        raise FetchError(f"{url}: it is live; try again when it is over", "live")
    one = found[0]
    if one.get("extractor") == "html5" and isinstance(one.get("title"), str):
        one["title"] = one["title"].removesuffix(" (1)")  # it counts the videos of a page, also a single one
    return one


def _obey(url: str, response: Any) -> None:
    """Raise ``FetchError`` where a header says that we shall not use it; look for a page's tag when it is read."""
    if word := opt_out(response.headers.get_all("X-Robots-Tag") or []):
        raise FetchError(f"{url}: its server says {word} (X-Robots-Tag)", "opted_out")
    if "html" not in (response.headers.get("Content-Type") or ""):
        return
    read = response.read

    def look(amount: int | None = None) -> bytes:
        page: bytes = read(amount)
        if word := page_opt_out(page[:_LONGEST_TAGS_BYTES]):
            raise FetchError(f"{url}: its page says {word} (robots tag)", "opted_out")
        return page

    response.read = look


def base_settings(how: DownloadOptions) -> dict[str, Any]:
    """What the command ``yt-dlp`` would do, with the user's own options, and without what is not for a build.

    As a library it has other defaults: it retries nothing, and leaves out lost fragments.
    """
    given = dict(read_options(how.yt_dlp))
    return given | {
        "ignoreerrors": False,
        "skip_unavailable_fragments": False,
        "socket_timeout": 30.0,
        "ratelimit": how.rate_kib_s * 1024 or given.get("ratelimit"),
        "external_downloader": "native",
        "cachedir": False,
        "enable_file_urls": False,
        # Behind a proxy nobody here sees which address is asked: only one that was given is taken.
        "proxy": given.get("proxy") or (None if how.allow_private else ""),
        "cookiefile": _cookies(given.get("cookiefile")),
        **dict.fromkeys(("quiet", "no_warnings", "noprogress"), True),
        "logger": logging.Logger("yt-dlp", logging.CRITICAL + 1),  # what matters of it comes as an exception too
    }


def proxy_of(how: DownloadOptions) -> str:
    """The proxy that the user's options for yt-dlp name, for all requests; "" for none."""
    return str(read_options(how.yt_dlp).get("proxy") or "") if how.yt_dlp else ""


@cache
def read_options(file: str) -> Mapping[str, Any]:
    """yt-dlp's parameters from a file of its options, on top of the defaults of its command.

    Raises:
        UserError: the file cannot be read, or has options that yt-dlp does not know.
    """
    with extra("download"):
        from yt_dlp import parse_options

    words = ["--ignore-config"]
    if file:
        path = Path(file).expanduser()
        if not path.is_file():
            raise UserError(f"yt_dlp: there is no file {file}")
        words = ["--ignore-config", "--config-locations", str(path.absolute())]
    try:
        found: dict[str, Any] = parse_options(words).ydl_opts
    except (OptParseError, ValueError) as error:
        raise UserError(f"{file}: {str(error).strip().splitlines()[-1].partition('error: ')[2] or error}") from None
    return found


def video_settings(url: str, folder: Path, name: str, how: DownloadOptions) -> dict[str, Any]:
    """What it takes to fetch one video."""
    fits = f"{_PROTOCOLS}[height<=?{how.height_px}]"
    joined = f"bv*{fits}+ba{_PROTOCOLS}/" if shutil.which("ffmpeg") else ""
    base = base_settings(how)
    return base | {
        "format": how.format or base.get("format") or f"{joined}b{fits}/w{_PROTOCOLS}",
        "paths": {"home": str(folder)},
        "outtmpl": {"default": name.replace("%", "%%") + ".%(ext)s"},
        "noplaylist": True,
        "playlist_items": "1:2",  # enough to know that there is more than one
        "extract_flat": "in_playlist",
        "max_filesize": how.max_mb * 1_000_000 or None,
        "writesubtitles": bool(how.subtitles),
        "writeautomaticsub": how.automatic_captions,
        "subtitleslangs": list(how.subtitles) or None,
        "subtitlesformat": "json3/vtt/srt/best",
        "progress_hooks": [_size_limit(url, how.max_mb)],
    }


def _size_limit(url: str, max_mb: int) -> Callable[[dict[str, Any]], None]:
    def look(progress: dict[str, Any]) -> None:
        if max_mb and (progress.get("downloaded_bytes") or 0) > max_mb * 1_000_000:
            raise FetchError(f"{url}: it is larger than {max_mb} MB", "too_large")

    return look


def _cookies(file: str | None) -> io.StringIO | None:
    """A copy of the file: yt-dlp writes back what it was given, and many run at once."""
    if not file:
        return None
    try:
        return io.StringIO(Path(file).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"the file of cookies {file} cannot be read: {error}") from None
