"""Which of many entries are in each of many texts, as MetaCLIP's substring rules say, without trying each entry."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .readers import Chars, Words
from .spacing import BLANKS, RULES, pattern_of
from .trie import ROOT, Places, Symbols, Trie, TrieBuilder

_AT_ONCE = 8192  # texts: their words then stay in the processor's cache
_FORMAT = 1


class Matches(NamedTuple):
    """Entries that are in texts: entry ``entry[i]`` is in text ``text[i]``; by text, then by entry, each pair once."""

    text: Places
    entry: Places

    def lists(self, texts: int) -> list[list[int]]:
        """The entries of each of ``texts`` texts, ascending."""
        ends = np.cumsum(np.bincount(self.text, minlength=texts)).tolist()
        flat = self.entry.tolist()
        return [flat[low:high] for low, high in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, eq=False)
class EntryMatcher:
    """Finds entries in texts; the result is that of ``match_one_by_one`` for each text.

    An entry whose pattern has a blank at both ends is in a text where its words, between single blanks, are words of
    the text that follow each other: a trie over words finds it. Patterns that begin or end without a blank (v2) are
    found by a trie over characters. Both are followed from all places of some thousand texts at once.

    Attributes:
        words: the trie over words in pieces of eight bytes; values are numbers of ``first``.
        chars: the trie over characters.
        order, first: entry numbers by group; group ``g`` is ``order[first[g]:first[g + 1]]``, the equal entries.
    """

    words: Trie
    chars: Trie
    order: Places
    first: Places

    @classmethod
    def of(cls, entries: Sequence[str], rule: str = "v1") -> EntryMatcher:
        """Build it, some seconds for 500,000 entries. Equal entries are all found.

        Raises:
            ValueError: there is no such rule.
        """
        if rule not in RULES:
            raise ValueError(f"no rule {rule!r}: {', '.join(RULES)}")
        groups: dict[str, list[int]] = {}
        for number, entry in enumerate(entries):
            groups.setdefault(entry, []).append(number)
        order = np.array([n for numbers in groups.values() for n in numbers], np.int64)
        first = np.concatenate([[0], np.cumsum([len(numbers) for numbers in groups.values()], dtype=np.int64)])
        able = ((e, g) for g, e in enumerate(groups) if (e or rule == "v1") and not any(b in e for b in BLANKS))
        patterns = [(pattern_of(entry, rule), group) for entry, group in able]
        spaced = [(p[1:-1], g) for p, g in patterns if len(p) > 1 and p[0] == " " == p[-1]]
        other = [(p, g) for p, g in patterns if not (len(p) > 1 and p[0] == " " == p[-1])]
        return cls(_build(Words, spaced), _build(Chars, other), order, first)

    @property
    def nbytes(self) -> int:
        """What it takes in memory, bytes."""
        return self.words.nbytes + self.chars.nbytes + self.order.nbytes + self.first.nbytes

    def match(self, texts: Sequence[str]) -> Matches:
        """What is in each text."""
        parts = [self._match(texts[low : low + _AT_ONCE]) for low in range(0, len(texts), _AT_ONCE)]
        text = [part.text + n * _AT_ONCE for n, part in enumerate(parts)]
        empty = np.zeros(0, np.int64)
        return Matches(np.concatenate([*text, empty]), np.concatenate([*(part.entry for part in parts), empty]))

    def _match(self, texts: Sequence[str]) -> Matches:
        found = [_walk(self.words, Words(texts))] if not self.words.is_empty else []
        found += [_walk(self.chars, Chars(texts))] if not self.chars.is_empty else []
        groups = len(self.first) - 1
        keys = _distinct(np.concatenate([np.zeros(0, np.int64), *(m.text * groups + m.entry for m in found)]))
        text = keys // max(groups, 1)
        group = keys - text * groups
        if len(self.order) == groups:  # no two entries are equal: a group is an entry
            return Matches(text, group)
        count = self.first[group + 1] - self.first[group]
        place = np.repeat(self.first[group] - np.cumsum(count) + count, count) + np.arange(count.sum())
        return _sorted(np.repeat(text, count), self.order[place])

    def save(self, folder: Path) -> None:
        """Write its arrays, a file each."""
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", array)

    @classmethod
    def load(cls, folder: Path) -> EntryMatcher:
        """What ``save`` wrote, mapped into memory: processes that load one folder share it."""
        words, chars, order, first = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS)
        return cls(Trie(words), Trie(chars), order, first)

    @classmethod
    def cached(cls, entries: Sequence[str], rule: str, cache: Path) -> EntryMatcher:
        """The matcher of these entries from a cache folder; built and put there where it is not yet."""
        told = hashlib.sha256(f"{_FORMAT} {rule}".encode())
        told.update("\0".join(entries).encode("utf-8", "surrogatepass"))
        folder = cache / "matchers" / told.hexdigest()[:24]
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=folder.parent))
            cls.of(entries, rule).save(part)
            try:
                os.replace(part, folder)
            except OSError:  # another process was quicker
                shutil.rmtree(part)
        return cls.load(folder)

    def _arrays(self) -> dict[str, Places | Symbols]:
        return dict(zip(_ARRAYS, (self.words.slots, self.chars.slots, self.order, self.first), strict=True))


_ARRAYS = ("words", "chars", "order", "first")


def _build(reader: type[Words] | type[Chars], patterns: Sequence[tuple[str, int]]) -> Trie:
    texts = reader([pattern for pattern, _ in patterns], spaced=False)
    builder, at = TrieBuilder(), texts.first_symbols()
    left, node = np.arange(len(patterns)), np.full(len(patterns), ROOT, np.int64)
    ends = np.zeros(len(patterns), np.int64)
    while len(left):
        node, at = builder.add(node, texts.symbols(at)), texts.after(at)
        over = texts.is_over(at)
        ends[left[over]] = node[over]
        left, node, at = left[~over], node[~over], at.take(np.flatnonzero(~over))
    return builder.finish(ends, np.array([group for _, group in patterns], np.int64))


def _walk(trie: Trie, texts: Words | Chars) -> Matches:
    """All that ends somewhere, from every place; a pair may come more than once."""
    at = texts.starts()
    node = np.full(len(at.word), ROOT, np.uint64)
    found = [Matches(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    while len(node):
        reached = trie.follow(node, texts.symbols(at))
        ends = np.flatnonzero(reached.value >= 0)
        found.append(Matches(texts.text_of(at.word[reached.at[ends]]), reached.value[ends]))
        inner = np.flatnonzero(reached.leads_on)
        node, at = reached.node[inner], texts.after(at.take(reached.at[inner]))
    return Matches(np.concatenate([one.text for one in found]), np.concatenate([one.entry for one in found]))


def _distinct(numbers: Places) -> Places:
    """Ascending, each once; much quicker here than ``numpy.unique``."""
    ordered = np.sort(numbers)
    fresh = np.ones(len(ordered), bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return ordered[fresh]


def _sorted(text: Places, entry: Places) -> Matches:
    order = np.lexsort((entry, text))
    return Matches(text[order], entry[order])
