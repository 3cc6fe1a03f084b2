"""Semantic versions of releases: what a reader of the last one would notice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FIRST = "1.0.0"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def next_version(last: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The version after the one of the card ``last``, for a release whose card says ``new``.

    Major where a table, split or column is gone or has another type, minor where rows, columns, tables or splits have
    come or rows have gone, patch for all else. A card without a version is followed by 1.0.0.
    """
    found = _VERSION.fullmatch(str(last.get("version", "")))
    if not found:
        return FIRST
    major, minor, patch = map(int, found.groups())
    before, after = _columns(last), _columns(new)
    if any(after.get(key) != kind for key, kind in before.items()):
        return f"{major + 1}.0.0"
    if before != after or _rows(last) != _rows(new):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def _infos(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    infos = card.get("dataset_info") or []
    return [infos] if isinstance(infos, dict) else list(infos)


def _columns(card: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """The type of each column, and the presence of each split, by table."""
    found: dict[tuple[str, ...], str] = {}
    for info in _infos(card):
        name = str(info.get("config_name", "default"))
        found |= {(name, "column", str(f["name"])): repr(sorted(f.items())) for f in info.get("features") or ()}
        found |= {(name, "split", str(split["name"])): "" for split in info.get("splits") or ()}
    return found


def _rows(card: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    return {
        (str(info.get("config_name", "default")), str(split["name"])): int(split["num_examples"])
        for info in _infos(card)
        for split in info.get("splits") or ()
    }
