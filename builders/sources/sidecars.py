"""What the files beside a video say of it: yt-dlp's ``info.json``, free JSON, plain text."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...engine.contract.errors import RowError
from ...schemas import Chapter
from ..subtitles.encodings import decode
from .captions import SourceCaption, read_captions, unique

_NAMES = {
    "title": ("title", "fulltitle"),
    "description": ("description", "desc"),
    "uploader": ("uploader", "channel", "author", "creator"),
    "license": ("license", "licence"),
    "uri": ("uri", "webpage_url", "url", "original_url"),
}
"""Fields of a ``Video`` and what sources call them, the surest name first."""
_KEPT = (
    "id display_id channel channel_id channel_url channel_follower_count channel_is_verified uploader_id uploader_url"
    " upload_date release_date timestamp release_timestamp modified_date duration view_count like_count dislike_count"
    " repost_count comment_count average_rating age_limit categories tags cast genres language location media_type"
    " live_status was_live availability extractor extractor_key playlist_id playlist_title playlist_index"
    " season season_number episode episode_number series artist artists album track composer release_year heatmap"
)
"""What is kept of an ``info.json``. The rest is links that hold tokens, paths of the machine, and bulk."""
_KEPT_NAMES = frozenset(_KEPT.split())
_DEEPEST = 32
LONGEST_CAPTION = 20_000
"""Characters; a longer text is no caption."""
_LARGEST_BYTES = 64 << 20


@dataclass(slots=True)
class VideoMetadata:
    """What the world says of a video; empty where nobody said anything."""

    fields: dict[str, str] = field(default_factory=dict)  # of title, description, uploader, license, uri
    chapters: list[Chapter] = field(default_factory=list)
    duration_s: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    captions: list[SourceCaption] = field(default_factory=list)

    def add(self, other: VideoMetadata) -> None:
        """Fill what is still empty; what was said first counts. Captions are taken from all."""
        self.fields = other.fields | self.fields
        self.chapters = self.chapters or other.chapters
        self.duration_s = other.duration_s if self.duration_s is None else self.duration_s
        self.metadata = other.metadata | self.metadata
        self.captions = unique((*self.captions, *other.captions))

    def keep_public(self) -> None:
        """Leave out of yt-dlp's metadata what is bulk, or nobody else's business."""
        self.metadata = {k: v for k, v in self.metadata.items() if k in _KEPT_NAMES and v is not None}


def read_told(path: str, ending: str) -> VideoMetadata:
    """Read one sidecar; ``ending`` is one of ``TOLD_ENDINGS``.

    Raises:
        RowError: ``bad_sidecar``, naming the file and the line.
    """
    text = decode(_read_bytes(path), _name(path), kind="bad_sidecar")
    if not ending.endswith(".json"):
        text = text.strip()
        caption = ending == ".txt" and 0 < len(text) <= LONGEST_CAPTION
        return VideoMetadata({"description": text} if text else {}, captions=[SourceCaption(text)] if caption else [])
    found = read_json_object(path, text)
    told = tell(found)
    if ending == ".info.json" or "formats" in found:  # yt-dlp's, whatever the name
        told.keep_public()
    return told


def tell(found: Mapping[str, Any]) -> VideoMetadata:
    """Free names and values, sorted into a video's fields; what has no field goes to ``metadata``."""
    captions, rest = read_captions(clean(found))
    fields = {}
    for name, spellings in _NAMES.items():
        for key in spellings:
            value = rest.get(key)
            said = value.strip() if isinstance(value, str) else ""
            said = web_address(said) if name == "uri" else said
            if said and name not in fields:
                fields[name] = said
                if key == name or key in ("licence", "webpage_url", "desc"):
                    del rest[key]
    duration = _seconds(rest.get("duration"))
    given = rest.pop("chapters") if isinstance(rest.get("chapters"), list) else []
    told = VideoMetadata(fields, make_chapters(given, duration), duration, rest, captions)
    nested = rest.get("yt_meta_dict")  # video2dataset's
    if isinstance(nested, dict) and isinstance(nested.get("info"), dict):
        rest["yt_meta_dict"] = {key: value for key, value in nested.items() if key != "info"}
        info = tell(nested["info"])
        info.keep_public()
        told.add(info)
    return told


def make_chapters(given: Sequence[Any], duration_s: float | None) -> list[Chapter]:
    """yt-dlp's list of chapters (``start_time``, ``end_time``, ``title``), in time order.

    A chapter without an end ends where the next begins; one without a start is left out.
    """
    timed = [(start, c) for c in given if isinstance(c, dict) and (start := _seconds(c.get("start_time"))) is not None]
    timed.sort(key=lambda pair: pair[0])
    made: list[Chapter] = []
    following = duration_s
    for start_s, chapter in reversed(timed):
        end_s = _seconds(chapter.get("end_time"))
        end_s = following if end_s is None else end_s
        made.append(Chapter(start_s, max(start_s, end_s or start_s), _title(chapter)))
        following = start_s
    return made[::-1]


def _read_bytes(path: str) -> bytes:
    name = _name(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise RowError(f"{name}: cannot be read ({error.strerror})", "bad_sidecar") from None
    if len(raw) > _LARGEST_BYTES:
        raise RowError(f"{name}: is larger than {_LARGEST_BYTES >> 20} MiB", "bad_sidecar")
    return raw


def _name(path: str) -> str:
    return os.fsencode(os.path.basename(path)).decode("utf-8", "replace")


def read_json_object(path: str, text: str) -> dict[str, Any]:
    """A JSON object; ``RowError`` (``bad_sidecar``) for anything else."""
    name = _name(path)
    try:
        found = json.loads(text, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise RowError(f"{name}:{error.lineno}: this is not JSON: {error.msg}", "bad_sidecar") from None
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise RowError(f"{name}:1: this JSON cannot be read: {error}", "bad_sidecar") from None
    if not isinstance(found, dict):
        raise RowError(f"{name}:1: this is a JSON {type(found).__name__}, not an object {{…}}", "bad_sidecar")
    return found


def clean(value: Any, depth: int = 0) -> Any:
    """A JSON value that any reader takes: no lone surrogates, NUL characters, endless numbers or deep nests."""
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict) and depth < _DEEPEST:
        return {_clean_text(str(k)): clean(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and depth < _DEEPEST:
        return [clean(v, depth + 1) for v in value]
    if isinstance(value, (dict, list, tuple)):
        return "…"
    return value if value is None or isinstance(value, (bool, int)) else _clean_text(str(value))


def _clean_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def web_address(text: str) -> str:
    """An http(s) address without name and password; empty for anything else."""
    if not text.lower().startswith(("http://", "https://")):
        return ""
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _title(chapter: Mapping[str, Any]) -> str:
    title = chapter.get("title")
    return title.strip() if isinstance(title, str) else ""


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < 1e9 else None
