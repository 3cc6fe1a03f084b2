"""JSON objects in a text, and what is nearly one: models write JavaScript, Python, and raw line breaks in strings."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

_TRIES = 50  # opening brackets that are looked at in a text
_DEPTH = 40
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
_BARE = re.compile(r"[^\W\d][\w-]*")
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None, "undefined": None}
_QUOTES = {'"': '"', "'": "'", "“": '”"', "”": '”"', "‘": "’'", "’": "’'", "`": "`", "«": "»"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "u": ""}
# What shows that a quotation mark ends a string, by what the string is; others stand inside it, unescaped.
_AFTER_KEY = re.compile(r"\s*[:=]")
_NOTES = r"\s*(?:(?://[^\n]*\n|/\*.*?\*/|#[^\n]*\n)\s*)*"
_KEY = r"(?:[\"'“”‘`][^\"'“”‘’`\n]{1,60}[\"'“”’`]|[^\W\d]\w*)\s*:"
_AFTER_VALUE = re.compile(rf"{_NOTES}(?:[}}\]]|,{_NOTES}(?:[}}\]]|{_KEY}|\Z)|{_KEY}|\Z)", re.DOTALL)
_AFTER_ITEM = re.compile(rf"\s+[\"“]|{_NOTES}(?:\]|,{_NOTES}(?:\]|[\"'“‘`{{\[\d-]|\Z)|\Z)", re.DOTALL)

_BARE_FIELD = re.compile(r"""\A\s*["'“]\w{1,60}["'”]\s*:\s*["'“]""")  # an object without its braces
_FULL_WIDTH = str.maketrans("｛｝：，＂", '{}:,"')


class Found(NamedTuple):
    """An object in a text and where it ends; ``value`` is None for one that breaks off inside a value."""

    value: dict[str, Any] | None
    end: int
    closed: bool = True
    """Whether its brackets are all there."""


class _NotJson(Exception):
    """This is no object."""


class _NoEnd(Exception):
    """The text ends inside the object."""


def json_objects(text: str) -> list[dict[str, Any]]:
    """The objects in a text, outermost ones, in order; a text that is a JSON string or a list is looked into."""
    for _ in range(3):
        whole = _whole(text)
        if isinstance(whole, dict):
            return [whole]
        if isinstance(whole, list):
            return [item for item in whole if isinstance(item, dict)]
        if not isinstance(whole, str):
            break
        text = whole
    if '{\\"' in text:
        text = text.replace('\\"', '"')
    if "{" not in text and _BARE_FIELD.match(text):
        text = f"{{{text}}}"
    elif "｛" in text:
        text = text.translate(_FULL_WIDTH)
    return [found.value for found in _objects(text) if found.value is not None]


def ends_too_soon(text: str) -> bool:
    """Whether the last object in a text has no end."""
    found = list(_objects(text))
    return bool(found) and not found[-1].closed


def _whole(text: str) -> Any:
    try:
        return json.loads(text, strict=False, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse, strict=False)


def _objects(text: str) -> Iterator[Found]:
    at = text.find("{")
    for _ in range(_TRIES):
        if at < 0:
            return
        found = _object_at(text, at)
        if found is not None:
            yield found
        at = text.find("{", found.end if found else at + 1)


def _object_at(text: str, at: int) -> Found | None:
    """The object that begins there; None where there is none."""
    try:
        return Found(*_DECODER.raw_decode(text, at))
    except (ValueError, RecursionError):
        pass
    reader = _JsonReader(text, at)
    try:
        return Found(reader.object(0), reader.at, reader.closed)
    except _NoEnd:
        return Found(None, len(text), False)
    except _NotJson:
        return None


class _JsonReader:
    """Reads one value from a place on, with all that models make of JSON."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at, self.closed = text, at, True

    def object(self, depth: int) -> dict[str, Any]:
        """``{key: value, …}``: keys without quotes, commas too many or too few, the last brackets forgotten."""
        found: dict[str, Any] = {}
        self.at += 1
        while not self._ends("}", found):
            mark = self.text[self.at]
            key = self._string(_AFTER_KEY) if mark in _QUOTES else self._bare()
            self._take(":")
            found[key] = self._value(depth + 1, _AFTER_VALUE)
            self._pass(",")
        self.at += 1
        return found

    def _array(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        while not self._ends("]", found):
            found.append(self._value(depth + 1, _AFTER_ITEM))
            self._pass(",")
        self.at += 1
        return found

    def _value(self, depth: int, after: re.Pattern[str]) -> Any:
        mark = self._next()
        if depth > _DEPTH:
            raise _NotJson
        if mark == "{":
            return self.object(depth)
        if mark == "[":
            return self._array(depth)
        if mark in _QUOTES:
            return self._string(after)
        if (number := _NUMBER.match(self.text, self.at)) is not None:
            self.at = number.end()
            return float(number[0]) if set(number[0]) & set(".eE") else int(number[0])
        word = self._bare().lower()
        if word not in _CONSTANTS:
            raise _NotJson
        return _CONSTANTS[word]

    def _string(self, after: re.Pattern[str]) -> str:
        closes = _QUOTES[self.text[self.at]]
        made, at = [], self.at + 1
        while at < len(self.text):
            mark = self.text[at]
            if mark == "\\" and at + 1 < len(self.text):
                piece, at = _read_escape(self.text, at + 1)
                made.append(piece)
                continue
            at += 1
            if mark in closes and after.match(self.text, at):
                self.at = at
                return "".join(made)
            if after is _AFTER_KEY and mark in "{}\n":
                raise _NotJson
            made.append(mark)
        raise _NotJson if after is _AFTER_KEY and set(closes) & set(made) else _NoEnd

    def _bare(self) -> str:
        found = _BARE.match(self.text, self.at)
        if found is None:
            raise _NotJson
        self.at = found.end()
        return found[0]

    def _take(self, mark: str) -> None:
        if self._next() not in (mark, "="):
            raise _NotJson
        self.at += 1
        self._pass(mark)

    def _pass(self, mark: str) -> None:
        self._skip()
        self.at += self.text.startswith(mark, self.at)

    def _ends(self, mark: str, found: Collection[Any]) -> bool:
        """Whether the bracket is here, or the text ends behind a whole value."""
        self._skip()
        if self.at < len(self.text) or not found:
            return self._next() == mark
        self.closed = False
        return True

    def _skip(self) -> None:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at

    def _next(self) -> str:
        """The next character that is no space and no comment."""
        self._skip()
        if self.at >= len(self.text):
            raise _NoEnd
        return self.text[self.at]


def _read_escape(text: str, at: int) -> tuple[str, int]:
    """What stands after a backslash, and where it ends."""
    if text[at] == "u" and re.fullmatch("[0-9a-fA-F]{4}", text[at + 1 : at + 5]):
        return chr(int(text[at + 1 : at + 5], 16)), at + 5
    return _ESCAPES.get(text[at], text[at]), at + 1
