"""Ids of videos: a part for people and a part for machines."""

from __future__ import annotations

import hashlib
import re
import unicodedata

SLUG_LENGTH = 40
"""Characters of the readable part, at most."""
HASH_LENGTH = 10
"""Hexadecimal digits of the other: 40 bits, one collision expected in about a million videos."""


def slug(text: str) -> str:
    """ASCII letters, digits, ``-`` and ``_`` only, accents taken off; ``video`` where nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-_")
    return words[:SLUG_LENGTH].rstrip("-_") or "video"


def make_video_id(name: str, origin: str) -> str:
    """``name`` made readable, and a hash of ``origin``: the path inside the source folder, or the URL."""
    raw = origin.encode("utf-8", "surrogateescape")  # the very bytes of a file name that is not UTF-8
    return f"{slug(name)}-{hashlib.sha256(raw).hexdigest()[:HASH_LENGTH]}"
