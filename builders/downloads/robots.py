"""Who does not want to be used: ``robots.txt`` (RFC 9309), and robots headers and tags of single files and pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

AGENT = "cliploom"
"""Our name in ``robots.txt`` and in ``User-Agent``."""
LARGEST_BYTES = 500 << 10
"""Of a robots.txt; the rest is not read, as the RFC has it."""
_WORDS = frozenset(("noai", "noimageai", "noindex", "noimageindex", "none"))
_RULES_WITH_VALUE = frozenset(("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"))
_META = re.compile(rb"<meta\b[^>]{0,500}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(rb"""(name|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)


class _Rule(NamedTuple):
    parts: list[str]  # what stands between its stars
    to_end: bool
    length: int
    allow: bool

    def fits(self, path: str) -> bool:
        """Whether a path begins as the rule says."""
        first, *others = self.parts
        if not path.startswith(first):
            return False
        if self.to_end and (not others or not path.endswith(others[-1])):
            return path == first and not others
        at, end = len(first), len(path) - (len(others.pop()) if self.to_end else 0)
        for part in others:
            at = path.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return at <= end


class Robots:
    """The rules of one host for us."""

    def __init__(self, text: str = "") -> None:
        groups = _groups(text)
        rules = [rule for names, found in groups if AGENT in names for rule in found]
        self._rules = rules or [rule for names, found in groups if "*" in names for rule in found]

    def allows(self, path: str) -> bool:
        """Whether a path with its query may be asked for: the longest rule that fits counts, of two the kinder."""
        fits = [(rule.length, rule.allow) for rule in self._rules if rule.fits(path)]
        return max(fits)[1] if fits else True


def opt_out(headers: Iterable[str]) -> str:
    """What values of ``X-Robots-Tag`` say against us, such as ``noai``; "" for nothing.

    A value may begin with the name of the robot that it is for.
    """
    for value in headers:
        agent = ""
        for part in value.split(","):
            name, colon, rest = part.strip().partition(":")
            if colon and name.strip().lower() not in _RULES_WITH_VALUE:
                agent, part = name.strip().lower(), rest
            word = part.strip().lower()
            if word in _WORDS and agent in ("", "*", AGENT):
                return word
    return ""


def page_opt_out(page: bytes) -> str:
    """What the robots tag of a page says against us; "" for nothing."""
    for tag in _META.findall(page):
        found = {name.lower(): b"".join(values).decode("latin-1") for name, *values in _ATTRIBUTE.findall(tag)}
        if found.get(b"name", "").lower() in ("robots", AGENT) and (word := opt_out([found.get(b"content", "")])):
            return word
    return ""


def _groups(text: str) -> list[tuple[set[str], list[_Rule]]]:
    found: list[tuple[set[str], list[_Rule]]] = []
    names: set[str] = set()
    open_names = False
    for line in text.splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if colon and key == "user-agent":
            if not open_names:
                names = set()
                found.append((names, []))
            names.add(value.lower().partition("/")[0])
            open_names = True
        elif colon and key in ("allow", "disallow"):
            open_names = False
            if found and value:
                parts = value.removesuffix("$").split("*")
                found[-1][1].append(_Rule(parts, value.endswith("$"), len(value), key == "allow"))
    return found
