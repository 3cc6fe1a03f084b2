"""Why a download failed: a word for each cause, how often it is tried, and what to do about it."""

from __future__ import annotations

import errno
import time
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from ...engine.contract.errors import RowError, UserError


class FaultPolicy(NamedTuple):
    """What is done about one cause."""

    advice: str
    tries: int = 1
    pause_s: float = 0.0  # before the second try; each later one waits twice as long
    cools: bool = False  # the host is left alone for `cool_down_s`, or for what it asks for


POLICIES = {
    "removed": FaultPolicy("nothing to do: whoever had it took it away; the row says so"),
    "private": FaultPolicy("give cookies of an account that may see it"),
    "geo_blocked": FaultPolicy("give a proxy in a country where it is shown"),
    "login": FaultPolicy("give cookies of an account that is old enough, or a member"),
    "bot_check": FaultPolicy(
        "wait some hours, give cookies, or a PO token in extractor_args; lower per_host and raise delay_s", 2, 0.0, True
    ),
    "rate_limited": FaultPolicy("lower per_host, raise delay_s, build again later", 5, 0.0, True),
    "forbidden": FaultPolicy("the server refuses it: cookies, a proxy, or a JavaScript runtime for sites"),
    "opted_out": FaultPolicy("its owner asks not to be used so: leave it out; `obey: false` ignores that"),
    "no_format": FaultPolicy("raise height_px, give another format, or install ffmpeg and a JavaScript runtime"),
    "not_media": FaultPolicy("look at the address in a browser: a page, or an error, came in place of a video"),
    "unsupported": FaultPolicy("there is no video that yt-dlp can find: update yt-dlp, or give the file's own address"),
    "live": FaultPolicy("build again when it is over"),
    "truncated": FaultPolicy("build again with --retry-failed: a part of it was lost on the way", 3, 1.0),
    "too_large": FaultPolicy("raise max_mb"),
    "network": FaultPolicy("look after the line, then build again with --retry-failed", 4, 1.0),
    "server_error": FaultPolicy("build again later with --retry-failed: the server has a fault", 4, 2.0),
    "bad_address": FaultPolicy("give http or https addresses"),
    "private_address": FaultPolicy("`allow_private: true` allows addresses of this machine and its network"),
    "disk_full": FaultPolicy("free space, then build again"),
}
"""By the kind of the failed row. ``disk_full`` ends the build; what it was about is still to do."""
ADVICE = {kind: policy.advice for kind, policy in POLICIES.items()}
LONGEST_WAIT_S = 900.0
"""What a server may ask for; where it asks for more its rows fail at once."""
_STATUSES = {401: "login", 402: "login", 403: "forbidden", 404: "removed", 407: "forbidden", 410: "removed",
             429: "rate_limited", 451: "geo_blocked", 408: "server_error", 425: "server_error"}  # fmt: skip


class FetchError(RowError):
    """A download that failed; its ``kind`` is one of ``POLICIES``. ``after_s`` is what the server asks to wait."""

    def __init__(self, message: str, kind: str, after_s: float | None = None) -> None:
        super().__init__(message, kind)
        self.after_s = after_s


def status_fault(status: int) -> str:
    """The cause that an HTTP status stands for."""
    return _STATUSES.get(status, "server_error" if status >= 500 else "removed")


def retry_after_s(said: str | None) -> float | None:
    """``Retry-After`` in seconds from now: it is a number of them, or a date (RFC 9110, 10.2.3)."""
    said = (said or "").strip()
    if said.isascii() and said.isdecimal():
        return float(said[:9])
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def check_disk(error: OSError, folder: str) -> None:
    """Raise ``UserError`` for an error that says that the disk is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise UserError(f"disk_full: no space is left for downloads in {folder}", ADVICE["disk_full"]) from None
