"""Many texts as symbols that a trie is followed by: words in pieces of eight bytes, or single characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .spacing import BLANKS, PUNCTUATION
from .trie import Places, Symbols

_BETWEEN = "\n"  # stands between two texts; in a text it is as good as a blank
_PIECE = 8  # bytes

_OTHER, _BLANK, _MARK = 0, 1, 2
_KIND = np.zeros(256, np.uint8)
_KIND[[ord(char) for char in " " + BLANKS]] = _BLANK
_KIND[[*map(ord, PUNCTUATION), ord(_BETWEEN)]] = _MARK
_CUTS = _KIND != _OTHER
_ENTRY_CUTS = np.isin(np.arange(256), [ord(" "), ord(_BETWEEN)])  # entries keep their marks
_MASK = np.array([(1 << 8 * n) - 1 for n in range(_PIECE + 1)], np.uint64)
_END = np.array([ord(" ") << 8 * n for n in range(_PIECE)] + [0], np.uint64)


class Cursor(NamedTuple):
    """Places in texts that are followed: in which word, where in all texts, and how much of the word is left."""

    word: Places
    position: Places
    rest: Places

    def take(self, some: Places) -> Cursor:
        """Some of the places."""
        return Cursor(self.word[some], self.position[some], self.rest[some])


class Words:
    """The words of many texts, between single blanks as in the spaced text: two blanks have an empty word between them.

    A word and the blank after it are read in pieces of eight bytes, each an exact number; the piece that holds the
    blank ends the word. Between two texts is a word that no entry has.
    """

    def __init__(self, texts: Sequence[str], spaced: bool = True) -> None:
        data = _join(texts).encode("utf-8", "surrogatepass") + bytes(_PIECE)
        raw = np.frombuffer(data, np.uint8)[:-_PIECE]
        self._pieces: Symbols = np.ndarray((len(raw),), "<u8", data, 0, (1,))
        at = np.flatnonzero((_CUTS if spaced else _ENTRY_CUTS)[raw])
        found = raw[at]
        marks = (_KIND[found] == _MARK) if spaced else found == ord(_BETWEEN)
        last = np.cumsum(1 + marks) - 1
        end = np.repeat(at, 1 + marks)
        end[last] += marks  # a mark cuts twice: before it and behind it
        start = end[:-1].copy()
        start[last[~marks]] += 1  # a blank is in no word
        self._start, self._size = start, end[1:] - start
        self._first = last[found == ord(_BETWEEN)]  # the word that each text begins with
        self._text = np.repeat(np.arange(-1, len(self._first) - 1), np.diff(self._first, prepend=0))

    def starts(self) -> Cursor:
        """Every word of every text."""
        return Cursor(np.arange(len(self._start)), self._start, self._size)

    def first_symbols(self) -> Cursor:
        """The first piece of each text."""
        return self.starts().take(self._first[:-1])

    def symbols(self, at: Cursor) -> Symbols:
        """The piece at each place."""
        rest = np.minimum(at.rest, _PIECE)
        return np.asarray((self._pieces[at.position] & _MASK[rest]) | _END[rest])

    def after(self, at: Cursor) -> Cursor:
        """The place after that piece."""
        ends = at.rest < _PIECE
        word = at.word + ends
        position = np.where(ends, self._start[word], at.position + _PIECE)
        return Cursor(word, position, np.where(ends, self._size[word], at.rest - _PIECE))

    def is_over(self, at: Cursor) -> NDArray[np.bool_]:
        """Whether the text ends there."""
        return np.asarray((at.position == self._start[at.word]) & np.isin(at.word, self._first - 1))

    def text_of(self, word: Places) -> Places:
        """The number of the text that each word is in."""
        return np.asarray(self._text[word])


class Chars:
    """The characters of many texts as they are compared, with a blank at both ends of each."""

    def __init__(self, texts: Sequence[str], spaced: bool = True) -> None:
        raw = np.frombuffer(_join(texts).encode("utf-32-le", "surrogatepass"), "<u4")
        if spaced:
            kind = np.where(raw < len(_KIND), _KIND[np.minimum(raw, len(_KIND) - 1)], _OTHER)
            marks = kind == _MARK
            last = np.cumsum(1 + 2 * marks)
            wide = np.full(int(last[-1]), ord(" "), np.uint32)
            wide[last - 1 - marks] = np.where(kind == _BLANK, ord(" "), raw)
            raw = wide
        self._chars = np.append(raw, np.uint32(ord(_BETWEEN))).astype(np.uint64)  # what no entry goes on with
        self._between = np.flatnonzero(raw == ord(_BETWEEN))

    def starts(self) -> Cursor:
        """Every character."""
        every = np.arange(len(self._chars))
        return Cursor(every, every, every)

    def first_symbols(self) -> Cursor:
        """The first character of each text."""
        return self.starts().take(self._between[:-1] + 1)

    def symbols(self, at: Cursor) -> Symbols:
        """The character at each place."""
        return np.asarray(self._chars[at.word])

    def after(self, at: Cursor) -> Cursor:
        """The place after it."""
        return Cursor(at.word + 1, at.position, at.rest)

    def is_over(self, at: Cursor) -> NDArray[np.bool_]:
        """Whether the text ends there."""
        return np.asarray(self._chars[at.word] == ord(_BETWEEN))

    def text_of(self, word: Places) -> Places:
        """The number of the text that each character is in."""
        return np.asarray(np.searchsorted(self._between, word, "right") - 1)


def _join(texts: Sequence[str]) -> str:
    joined = _BETWEEN.join(texts)
    if joined.count(_BETWEEN) != len(texts) - 1:
        joined = _BETWEEN.join([text.replace(_BETWEEN, " ") for text in texts])
    return f"{_BETWEEN}{joined}{_BETWEEN}"
