"""How MetaCLIP's metadata is made: numbers, WordNet, frequent words, words that go together, titles often looked up.

Sources: Xu et al. 2023 (https://arxiv.org/abs/2309.16671, section 3.1), and the authors' code
(facebookresearch/MetaCLIP, ``metaclip/build_metadata.py`` for v1, ``metaclip/metadata/`` for v2).
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping
from math import log2
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import UserError
from ...models.text.lines import read_lines
from .spacing import has_no_space, is_mark

LIMIT = 500_000
_ASCII_MARKS = frozenset(string.punctuation)
_TAGS = re.compile(r"&lt;.*?&gt;|<.*?>")
_MARKERS = re.compile(r"\((?:a|p|ip)\)$")


class NgramCounts(NamedTuple):
    """How often words, and pairs of words that follow each other, are in a corpus; a pair has one blank in it."""

    unigrams: Counter[str]
    bigrams: Counter[str]


def split_words(text: str) -> list[str]:
    """Words between white space; a mark, or a character of a script without blanks, is a word of its own (v2)."""
    words: list[str] = []
    for part in text.split():
        word = ""
        for char in part:
            if not has_no_space(char):
                word += char
                continue
            words += [word, char] if word else [char]
            word = ""
        words += [word] if word else []
    return words


def count_ngrams(texts: Iterable[str]) -> NgramCounts:
    """The counts of a corpus. Markup is taken out, marks are not counted, and no pair reaches over a mark or a text."""
    counts = NgramCounts(Counter(), Counter())
    for text in texts:
        before = ""
        for word in split_words(_TAGS.sub("", text)):
            if is_mark(word):
                before = ""
                continue
            counts.unigrams[word] += 1
            if before:
                counts.bigrams[f"{before} {word}"] += 1
            before = word
    return counts


def frequent(counts: Mapping[str, int], least: int = 100) -> list[str]:
    """What is counted at least so often, the most frequent first, then by name."""
    return [name for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if n >= least]


def most_frequent(counts: Mapping[str, int], share: float, most: int) -> list[str]:
    """The most frequent ``share`` of all names, ``most`` at most (v2's rule for unigrams and titles)."""
    return frequent(counts, 0)[: min(most, int(len(counts) * share))]


def pmi(counts: NgramCounts) -> dict[str, float]:
    """Pointwise mutual information of each pair, in bits: ``log2(n(ab) N) - log2(n(a) n(b))``, ``N`` words in all."""
    total = counts.unigrams.total()
    found = {}
    for pair, n in counts.bigrams.items():
        one, other = pair.split(" ")
        found[pair] = log2(n * total) - log2(counts.unigrams[one] * counts.unigrams[other])
    return found


def bound_pairs(counts: NgramCounts, least: float = 30.0, least_count: int = 1) -> list[str]:
    """Pairs with at least this information, the most first, then by name."""
    found = {pair: value for pair, value in pmi(counts).items() if counts.bigrams[pair] >= least_count}
    return [pair for pair, value in sorted(found.items(), key=lambda item: (-item[1], item[0])) if value >= least]


def viewed_titles(lines: Iterable[str], least: int = 70, least_hourly: int = 50, project: str = "en") -> list[str]:
    """Titles by Wikipedia's page views, the most viewed first: lines of hourly files, ``project title views bytes``.

    An hour counts where the title has ``least_hourly`` views in it; titles with a colon are left out.
    """
    views: Counter[str] = Counter()
    for line in lines:
        cells = line.split(" ")
        if len(cells) != 4 or cells[0] != project or ":" in cells[1] or not cells[2].isdecimal():
            continue
        if int(cells[2]) >= least_hourly:
            views[cells[1].strip().replace("_", " ")] += int(cells[2])
    return frequent(views, least)


def wordnet_names(folder: Path) -> list[str]:
    """The names of WordNet's synsets, each once: the first lemma in lower case up to a full stop, with blanks.

    ``folder`` has WordNet's ``data.noun``, ``data.verb``, ``data.adj`` and ``data.adv``.
    """
    names: dict[str, None] = {}
    for part in ("adj", "adv", "noun", "verb"):
        with (folder / f"data.{part}").open(encoding="latin-1") as file:
            for line in file:
                if not line.startswith(" "):  # the licence
                    lemma = _MARKERS.sub("", line.split(" ", 5)[4]).lower()
                    names[lemma.partition(".")[0].replace("_", " ")] = None
    return list(names)


def numbers() -> list[str]:
    """``0`` to ``99``."""
    return [str(n) for n in range(100)]


def merge_sources(sources: Iterable[Iterable[str]], limit: int = LIMIT, longest: int | None = None) -> list[str]:
    """All entries of all sources in order, each once, at most ``limit``.

    Empty ones and single ASCII punctuation marks are left out; with ``longest`` (v2: 256 characters) also what is
    longer, and what consists of marks alone.
    """
    entries: dict[str, None] = {}
    for source in sources:
        for entry in source:
            if len(entries) >= limit:
                return list(entries)
            if entry and entry not in _ASCII_MARKS and (longest is None or _fits(entry, longest)):
                entries[entry] = None
    return list(entries)


def _fits(entry: str, longest: int) -> bool:
    return len(entry) <= longest and not is_mark(entry)


def read_entries(path: Path) -> list[str]:
    """Entries from a file: a JSON list, as MetaCLIP's ``metadata.json``, or a text with an entry a line; maybe gzip.

    Raises:
        UserError: it is neither, or there are none.
    """
    lines = list(read_lines(path))
    if path.name.removesuffix(".gz").endswith(".json"):
        try:
            found = json.loads("\n".join(lines))
        except ValueError as error:
            raise UserError(f"{path} is no JSON: {error}") from None
        if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
            raise UserError(f"{path}: entries are a JSON list of texts", 'such as ["dog", "hot dog"]')
        lines = found
    if entries := [entry for entry in lines if entry]:
        return entries
    raise UserError(f"{path} has no entries")
