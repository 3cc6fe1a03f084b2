"""How to download, as steps pass it on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DownloadOptions:
    """How to fetch, and how hard to ask."""

    height_px: int = 720  # the largest that is asked for, where a site offers several
    max_mb: int = 0  # 0: any size
    rate_kib_s: int = 0  # of one download; 0: as fast as it goes
    allow_private: bool = False  # addresses of this machine and its network, and the proxy that the environment names
    format: str = ""  # yt-dlp's words for it; empty: the best that fits height_px
    subtitles: tuple[str, ...] = ()  # languages, as yt-dlp's patterns
    automatic_captions: bool = False
    yt_dlp: str = ""  # a file of yt-dlp's own options: cookies, clients, tokens, a proxy
    obey: bool = True  # robots.txt and robots headers
    at_once: int = 16
    per_host: int = 4
    delay_s: float = 0.0
    cool_down_s: float = 60.0
