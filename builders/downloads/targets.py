"""What to fetch: addresses that a recipe gives, and lists of them with what they say of each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...engine.contract.errors import UserError
from ..sources.manifests import ManifestRow, read_manifest

URL_COLUMNS = (
    "url", "contenturl", "video_url", "videourl", "link", "video_link", "webpage_url", "uri", "href", "address",
    "youtube_url", "youtube_id", "ytid", "yt_id", "videoid", "video_id", "id", "video",
)  # fmt: skip
"""Names of the column that has the address, in lower case; the first that is there is taken."""
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def full_address(text: str) -> str:
    """An address as it is asked for: eleven letters alone are a YouTube id, and what has no scheme gets https."""
    text = text.strip()
    if _YOUTUBE_ID.fullmatch(text):
        return f"https://www.youtube.com/watch?v={text}"
    if text.startswith("//"):
        return f"https:{text}"
    if text and not _SCHEME.match(text) and "." in text.partition("/")[0] and "/" in text:
        return f"https://{text}"
    return text


def read_targets(path: str, column: str = "") -> Iterator[ManifestRow]:
    """The rows of a list, one for each address: csv, tsv, json, jsonl, Parquet, or a text with one in each line.

    Raises:
        UserError: it cannot be read, or no column has addresses.
    """
    file = os.path.abspath(os.path.expanduser(path))
    if file.lower().endswith(".txt"):
        yield from _lines(file)
        return
    yield from read_manifest(file, column, URL_COLUMNS)


def read_archive(path: str) -> frozenset[str]:
    """The lines of a file of what was fetched before: addresses, or yt-dlp's own such as ``youtube dQw4w9WgXcQ``."""
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the archive {path}: {error}") from None
    return frozenset(line.strip() for line in lines if line.strip())


def is_archived(url: str, archive: frozenset[str]) -> bool:
    """Whether an address, or its YouTube id, stands in an archive."""
    found = re.search(r"(?:youtube\.com/(?:watch\?(?:.*&)?v=|shorts/|live/)|youtu\.be/)([A-Za-z0-9_-]{11})", url)
    return url in archive or (found is not None and f"youtube {found[1]}" in archive)


def _lines(file: str) -> Iterator[ManifestRow]:
    name, seen = os.path.basename(file), set[str]()
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the list {file}: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        url = line.strip()
        if url and not url.startswith("#") and url not in seen:
            seen.add(url)
            yield ManifestRow(f"{name}:{number}", {}, file=url)


def given_rows(urls: Sequence[str]) -> Iterator[ManifestRow]:
    """The addresses that a recipe gives itself."""
    for url in dict.fromkeys(urls):
        yield ManifestRow(url, {}, file=url)
