"""Licences as sources state them, in one spelling."""

from __future__ import annotations

import re

UNKNOWN = "unknown"
_URL = re.compile(r"creativecommons\.org/(?:licenses|publicdomain)/([a-z-]+)(?:/(\d\.\d))?", re.IGNORECASE)
_CC = re.compile(r"\b(?:cc|creative commons)\b[\s-]*(.*)", re.IGNORECASE | re.DOTALL)
_VERSION = re.compile(r"\b(\d\.\d)\b")
_WORDS = (
    ("attribution", "by"), ("by", "by"), ("noncommercial", "nc"), ("non-commercial", "nc"), ("nc", "nc"),
    ("sharealike", "sa"), ("share-alike", "sa"), ("share alike", "sa"), ("sa", "sa"),
    ("noderivatives", "nd"), ("noderivs", "nd"), ("no-derivatives", "nd"), ("no derivatives", "nd"), ("nd", "nd"),
)  # fmt: skip
_ORDER = ("by", "nc", "sa", "nd")
_PUBLIC_DOMAIN = re.compile(r"\b(public[ -]?domain|pdm|cc[ -]?pdm?|us[ -]government work)\b", re.IGNORECASE)


def license_key(stated: str) -> str:
    """One spelling for a licence: ``CC BY 3.0``, its address and YouTube's words all become ``cc-by-3.0``.

    A text that is not known here is itself, in small letters with hyphens; an empty one is ``unknown``.
    """
    text = stated.strip()
    if found := _URL.search(text):
        kind, version = found[1].lower(), found[2] or ""
        if kind in ("zero", "mark"):
            return "cc0-1.0" if kind == "zero" else "public-domain"
        return "-".join(part for part in ("cc", kind, version) if part)
    if re.search(r"\bcc[ -]?0\b|\bcc[ -]zero\b", text, re.IGNORECASE):
        return "cc0-1.0"
    if found := _CC.search(text):
        return _creative_commons(found[1])
    if _PUBLIC_DOMAIN.search(text):
        return "public-domain"
    return re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-") or UNKNOWN


def _creative_commons(rest: str) -> str:
    """From ``BY-NC 4.0``, ``Attribution license (reuse allowed)`` and the like."""
    words = {short for word, short in _WORDS if re.search(rf"(?<![a-z]){word}(?![a-z])", rest, re.IGNORECASE)}
    version = _VERSION.search(rest)
    parts = [word for word in _ORDER if word in words]
    return "-".join(["cc", *parts, *([version[1]] if version else [])])
