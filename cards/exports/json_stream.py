"""JSON files read value by value: what is in them need not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ...engine.contract.errors import UserError

_CHUNK = 1 << 20  # characters
_BLANK = " \t\r\n"
_ENDS = (*_BLANK, ",", ":", "]", "}")  # what may follow a value
_DECODER = json.JSONDecoder()


def read_list(path: Path, key: str = "") -> Iterator[Any]:
    """The values of the list that a file is, or of the one under a key of the object that it is.

    Raises:
        UserError: the file is no such JSON.
    """
    with path.open(encoding="utf-8") as file:
        stream = _JsonStream(file.read, path)
        if not key:
            yield from stream.values()
            return
        for name in stream.names():
            if name == key:
                yield from stream.values()
                return
            stream.skip()
    raise UserError(f"{path} has no {key}")


def read_items(path: Path) -> Iterator[tuple[str, Any]]:
    """The keys and values of the object that a file is; raises as ``read_list``."""
    with path.open(encoding="utf-8") as file:
        stream = _JsonStream(file.read, path)
        for name in stream.names():
            yield name, stream.value()


def find_next(objects: Iterator[dict[str, Any]], key: str, value: Any) -> dict[str, Any]:
    """The next object whose key has a value, of a stream that is in the order in which they are asked for.

    Raises:
        UserError: there is none.
    """
    for found in objects:
        if found[key] == value:
            return found
    raise UserError(f"nothing has the {key} {value!r}, or it is not in order")


class _JsonStream:
    """A place in a JSON text that is read in chunks."""

    def __init__(self, read: Callable[[int], str], path: Path) -> None:
        self.read, self.path, self.text, self.at = read, path, "", 0

    def names(self) -> Iterable[str]:
        """The keys of an object; the value of each must be taken before the next."""
        for _ in self._inside("{", "}"):
            name = self.value()
            self._take(":")
            yield str(name)

    def values(self) -> Iterator[Any]:
        """The values of a list."""
        for _ in self._inside("[", "]"):
            yield self.value()

    def value(self) -> Any:
        """The next value, whole."""
        self._peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise UserError(f"{self.path} is no JSON: {error.msg}") from None
                continue
            if self.text[end : end + 1] in _ENDS or not self._more():  # a number may go on in the next chunk
                self.at = end
                return found

    def skip(self) -> None:
        """Pass over the next value; over a list value by value."""
        if self._peek() == "[":
            for _ in self.values():
                pass
        else:
            self.value()

    def _inside(self, first: str, last: str) -> Iterator[None]:
        """Stops before each thing between two brackets."""
        self._take(first)
        if self._peek() == last:
            self._take(last)
            return
        while True:
            yield
            if self._peek() == last:
                self._take(last)
                return
            self._take(",")

    def _peek(self) -> str:
        while True:
            while self.at < len(self.text) and self.text[self.at] in _BLANK:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def _take(self, mark: str) -> None:
        found = self._peek()
        if found != mark:
            raise UserError(f"{self.path} is no JSON: {found or 'its end'!r} where {mark!r} must be")
        self.at += 1

    def _more(self) -> bool:
        chunk = self.read(max(_CHUNK, len(self.text) - self.at))  # twice as much each time: a long value costs little
        self.text, self.at = self.text[self.at :] + chunk, 0
        return bool(chunk)
