"""What yt-dlp's errors mean, in the words of ``faults``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import urlsplit

from ..sources.listing import VIDEO_EXTENSIONS
from .faults import FetchError, retry_after_s, status_fault
from .javascript import NAME, find_runtime

_SAYINGS = (
    (r"not a bot|captcha|unusual traffic|verify (that )?you are (a )?human|cf-chl|cloudflare anti-bot", "bot_check"),
    (r"rate.?limit|too many requests|try again later|request limit", "rate_limited"),
    (r"private video|video is private|is private\b|password", "private"),
    (r"requested format|no (video )?formats|drm", "no_format"),
    (r"confirm your age|age.?restrict|age.?gate|members?.only|join this channel|only available (for|to) "
     r"(registered|premium|logged)|log ?in|sign in|requires? (payment|purchase|authentication|a subscription)"
     r"|subscribers|paid|use --cookies|inappropriate", "login"),
    (r"geo.?restrict|geo.?block|(not|isn't|un)\s*available (in|from) your (country|location|region)|your country",
     "geo_blocked"),
    (r"is live|live event|premieres? (in|will)|not yet (started|begun|available)|upcoming|offline", "live"),
    (r"has been (removed|deleted|terminated)|no longer (available|exists)|does(n't| not) exist|video unavailable"
     r"|not available|was deleted|removed by|terminated|copyright|not found|been closed", "removed"),
)  # fmt: skip
"""What sites say, through yt-dlp; the first that fits counts."""
_KINDS = tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in _SAYINGS)


def kind_of_text(text: str) -> str:
    """The cause that a site's own words stand for; "" for words that are not known."""
    return next((kind for pattern, kind in _KINDS if pattern.search(text)), "")


def raise_fault(url: str, error: Exception) -> NoReturn:
    """An error of yt-dlp's as a ``FetchError``. Of a try that was not the first it keeps the text alone."""
    from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, TransportError
    from yt_dlp.utils import GeoRestrictedError, UnsupportedError

    chain, text = _chain(error), _plain(error)
    answer = next((one for one in chain if isinstance(one, HTTPError)), None)
    number = re.search(r"HTTP Error (\d{3})\b", text)
    status = answer.status if answer is not None else int(number[1]) if number else 0
    after_s = retry_after_s(answer.response.headers.get("Retry-After")) if answer is not None else None
    tried = "Giving up after" in text
    if any(isinstance(one, UnsupportedError) for one in chain):
        _no_video(url)
    if any(isinstance(one, CertificateVerifyError) for one in chain):
        kind = "forbidden"
    elif any(isinstance(one, GeoRestrictedError) for one in chain):
        kind = "geo_blocked"
    elif status and status_fault(status) in ("rate_limited", "server_error"):
        kind = status_fault(status)
    elif "fragment" in text.lower() or (tried and status):  # only fragments are tried again after a 4xx
        raise FetchError(f"{url}: {text}: a part of it is lost", "truncated") from error
    elif said := kind_of_text(_without_address(text, url)) if not status else "":
        kind = said
    elif status:
        kind = status_fault(status)
    elif tried or any(isinstance(one, (TransportError, TimeoutError)) for one in chain):
        kind = "network"
    else:
        kind = "no_format" if _lacking(chain) else "unsupported"
    lacking = _lacking(chain) if kind in ("forbidden", "no_format", "unsupported", "removed") else ""
    raise FetchError(f"{url}: {lacking}{text}", kind, after_s) from error


def _without_address(text: str, url: str) -> str:
    return text.replace(url, "")


def _lacking(chain: Sequence[BaseException]) -> str:
    """What may be the reason before all others: a site's own page was read, and its JavaScript could not be run."""
    from yt_dlp.utils import ExtractorError

    of_site = any(isinstance(one, ExtractorError) and (one.ie or "generic").lower() != "generic" for one in chain)
    if not of_site or find_runtime():
        return ""
    return f'there is no JavaScript runtime ({NAME}; pip install "cliploom[download]"), which may be why: '


def _no_video(url: str) -> NoReturn:
    if os.path.splitext(urlsplit(url).path)[1][1:].lower() in VIDEO_EXTENSIONS:
        raise FetchError(f"{url}: a page came, not a video: an error or login page", "not_media")
    raise FetchError(f"{url}: there is no video that yt-dlp can find", "unsupported")


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
