"""Captions without the names of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import BatchFunction, RowAnswer, Split, Step, StepContext, each_row
from ..models.text import spacy_pipelines
from ..models.text.english_parser import LONGEST_CHARS, MODEL, EnglishParser, english_revision, load_english
from ..schemas import Caption, Col
from .text.deidentify import without_names
from .text.ids import caption_id


@dataclass(frozen=True)
class Anonymous(Split[Caption, Caption]):
    """Write ``person`` in the place of every name of a person, as Panda-70M (arXiv:2402.19479) does.

    Names are what spaCy's small model takes for them: it misses some, and takes some other words for them. Later steps
    read only what comes out here; a caption without names passes unchanged, under a new id. So it stands before steps
    that score captions. Of a caption that is changed the model's raw answer is left out, as the name stands there too.
    Transcripts, titles and files keep the names, and so do earlier steps' tables.

    Raises ``RowError`` for a caption in another language than English (``language``): translate after it.
    """

    cost = "cpu"
    memory_mb = 600
    batch = 64
    replaces_inputs = True

    word: Annotated[str, Col("what is written for a name")] = "person"
    parser: Annotated[str, Col("spaCy pipeline for English: the name of an installed package, or a folder")] = MODEL

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for an empty word."""
        if not self.word.strip():
            raise UserError("captioners.anonymous.word is empty", "such as person")

    def requirements(self) -> Sequence[Requirement]:
        """The parser."""
        return spacy_pipelines.requirements(self.parser)

    def revision(self) -> str:
        """The parser."""
        return english_revision(self.parser)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Caption, Caption]]:
        """Load the parser."""
        english = load_english(self.parser)
        yield each_row(lambda row: self._answer(row, english))

    def _answer(self, row: Caption, english: EnglishParser) -> RowAnswer[Caption]:
        if row.language.split("-")[0].lower() not in ("en", ""):
            return RowError(f"the caption is in {row.language}: names are found in English only", "language")
        if len(row.text) > LONGEST_CHARS:
            return RowError(f"the caption has {len(row.text)} characters, at most {LONGEST_CHARS}", "too_long")
        text = without_names(row.text, english.parse(row.text), self.word)
        parents = [row.caption_id]
        made = caption_id(self, row.clip_id, row.teacher, row.kind, parents)
        raw = row.raw if text == row.text else ""
        return [replace(row, caption_id=made, text=text, parents=parents, raw=raw)]
