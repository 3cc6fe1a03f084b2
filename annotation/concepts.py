"""MetaCLIP's metadata: which of its entries each caption has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.step import Global, Step, StepContext
from ..engine.storage.files import write_json
from ..models.text.lines import read_lines
from ..models.weights import cache_dir
from ..schemas import Caption, Col, TagLabels
from .metaclip.matcher import EntryMatcher
from .metaclip.metadata import (
    LIMIT,
    bound_pairs,
    count_ngrams,
    frequent,
    merge_sources,
    numbers,
    read_entries,
    viewed_titles,
    wordnet_names,
)
from .metaclip.spacing import RULES
from .vocabularies.synonyms import find_wordnet

if TYPE_CHECKING:
    import duckdb

_FETCHED = 20_000
_LONGEST = 256  # characters of an entry (v2)


@dataclass(frozen=True)
class Concepts(Global[Caption, TagLabels]):
    """Find the entries of MetaCLIP's metadata in each caption, by its substring rules, for ``filters.balance``.

    Xu et al. 2023 (https://arxiv.org/abs/2309.16671). An entry is in a caption where it stands between blanks; case
    counts, marks such as `,` and `.` get blanks around, hyphens and quotes do not. By ``v2`` (Chuang et al. 2025,
    https://arxiv.org/abs/2507.22062) an entry needs no blank beside a Han, Thai, Lao, Burmese, Khmer or Tibetan
    character, or a mark. The rows' ``numbers`` are places in the list of entries.

    Without ``metadata`` the list is made by the rules of v1: 0 to 99, WordNet's synsets, words that the corpus has
    ``word_count`` times, pairs with ``pair_pmi`` bits of mutual information, titles. The build folder's ``<sheet>``
    gets ``metadata.json`` (give it to a later build with ``metadata``) and ``counts.csv``. What finds the entries is
    built once for each list and kept in the cache folder; processes that use it share its memory.
    """

    metadata: Annotated[str, Col("the entries: a JSON list, or a text with an entry a line; empty: they are made")] = ""
    rule: Annotated[str, Col("which version's blanks", choices=RULES)] = "v1"
    corpus: Annotated[str, Col("a text whose words are counted, a document a line, or gzip; empty: the captions")] = ""
    wordnet: Annotated[bool, Col("take the names of WordNet's synsets; its files must be installed")] = False
    word_count: Annotated[int, Col("how often the corpus has a word that becomes an entry", low=1)] = 100
    pair_pmi: Annotated[float, Col("mutual information of a pair of words that becomes one", unit="bit")] = 30.0
    pair_count: Annotated[int, Col("how often the corpus has such a pair at least", low=1)] = 1
    titles: Annotated[str, Col("a file of Wikipedia's hourly page views; empty: no titles")] = ""
    title_views: Annotated[int, Col("views of a title that becomes an entry", low=0)] = 70
    limit: Annotated[int, Col("how many entries are made at most", low=1)] = LIMIT
    sheet: Annotated[str, Col("name of its folder in the build folder")] = "concepts"

    memory_mb = 1500

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for files that are not there, and for what is no folder name."""
        if not self.sheet or Path(self.sheet).name != self.sheet or self.sheet.startswith("."):
            raise UserError(f"annotation.concepts.sheet is {self.sheet!r}: it must be a plain folder name")
        for name, file in self._files():
            if not file.is_file():
                raise UserError(f"annotation.concepts.{name}: there is no file {file}")

    def external_digest(self, context: StepContext) -> str:
        """A digest of the files."""
        return "".join(hashlib.sha256(file.read_bytes()).hexdigest() for _, file in self._files())

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[TagLabels]:
        """Write the list; then each caption's entries, in order of the captions' ids; then the counts."""
        entries = self._entries(db)
        version = hashlib.sha256(json.dumps(entries).encode()).hexdigest()[:12]
        folder = context.root / self.sheet
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "metadata.json", entries)
        matcher = EntryMatcher.cached(entries, self.rule, cache_dir())
        counts = np.zeros(len(entries), np.int64)
        found = db.execute("SELECT caption_id, video_id, clip_id, text FROM captions ORDER BY caption_id")
        while rows := found.fetchmany(_FETCHED):
            matches = matcher.match([str(text) for *_, text in rows])
            counts += np.bincount(matches.entry, minlength=len(entries))
            for (caption_id, video_id, clip_id, _), numbers_ in zip(rows, matches.lists(len(rows)), strict=True):
                yield TagLabels(str(caption_id), str(video_id), str(clip_id), str(caption_id), numbers_, version)
        (folder / "counts.csv").write_text(_csv(entries, counts.tolist()), encoding="utf-8")

    def _entries(self, db: duckdb.DuckDBPyConnection) -> list[str]:
        if self.metadata:
            return read_entries(Path(self.metadata).expanduser())
        counts = count_ngrams(read_lines(Path(self.corpus).expanduser()) if self.corpus else _captions(db))
        words, pairs = frequent(counts.unigrams, self.word_count), bound_pairs(counts, self.pair_pmi, self.pair_count)
        known = wordnet_names(find_wordnet()) if self.wordnet else []
        lines = read_lines(Path(self.titles).expanduser()) if self.titles else ()
        sources = [numbers(), known, words, pairs, viewed_titles(lines, self.title_views)]
        return merge_sources(sources, self.limit, _LONGEST if self.rule == "v2" else None)

    def _files(self) -> list[tuple[str, Path]]:
        named = (("metadata", self.metadata), ("corpus", self.corpus), ("titles", self.titles))
        return [(name, Path(file).expanduser()) for name, file in named if file]


def _captions(db: duckdb.DuckDBPyConnection) -> Iterator[str]:
    found = db.execute(_TEXTS)
    while rows := found.fetchmany(_FETCHED):
        yield from (str(text) for (text,) in rows)


def _csv(entries: Sequence[str], counts: Sequence[int]) -> str:
    """Every entry and how many captions have it."""
    quoted = (entry.replace('"', '""') for entry in entries)
    lines = (f'{n},"{entry}",{count}\n' for n, (entry, count) in enumerate(zip(quoted, counts, strict=True)))
    return "number,entry,captions\n" + "".join(lines)


_TEXTS = "SELECT text FROM captions ORDER BY caption_id"
