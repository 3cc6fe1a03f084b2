"""Captions by rules about their text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import Filter, Step, StepContext
from ..models.text import languages, spacy_pipelines
from ..models.text.english_parser import LONGEST_CHARS, MODEL
from ..models.text.lines import read_lines
from ..schemas import Caption, Col
from .texts.rules import PhraseList, TextRules, broken_rule, collapse

Verdicts = Sequence[str | None | RowError]


@dataclass(frozen=True)
class TextStep(Filter[Caption]):
    """Keep captions that are long enough, not too long, in the right language, name a thing and nothing banned.

    COYO-700M's rules for texts (https://github.com/kakaobrain/coyo-dataset) are ``min_chars: 6, max_chars: 1000,
    min_words: 3, max_words: 256, spoken: en, noun: true`` and lists of banned words; it counts characters after blanks
    were collapsed. What words are there is not said with certainty: its `word_count` counts runs of letters
    (``words: letters``), and has values above its own limit. Reasons: ``too_short``, ``too_long``, ``few_words``,
    ``many_words``, ``banned``, ``other_language``, ``no_noun``.
    """

    min_chars: Annotated[int, Col("characters that a caption has at least", low=0)] = 1
    max_chars: Annotated[int | None, Col("characters at most; null: no limit", low=1)] = None
    min_words: Annotated[int, Col("words at least", low=0)] = 1
    max_words: Annotated[int | None, Col("words at most; null: no limit", low=1)] = None
    words: Annotated[
        str, Col("what a word is: what stands between blanks, or a run of letters", choices=("blanks", "letters"))
    ] = "blanks"
    spoken: Annotated[str, Col("BCP 47 code of the language that it must be in, as fastText sees it; empty: any")] = ""
    noun: Annotated[bool, Col("it must have a noun or a name, as spaCy sees it (English)")] = False
    banned: Annotated[str, Col("a text file of words and phrases that it must not have, one a line")] = ""

    cost = "cpu"
    memory_mb = 500
    batch = 256
    depends_on = ("text",)

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` where nothing could stay, and for a file that is not there."""
        for name in ("chars", "words"):
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if high is not None and low > high:
                raise UserError(f"filters.text: min_{name} is {low}, more than max_{name}, {high}")
        if self.banned and not Path(self.banned).expanduser().is_file():
            raise UserError(f"filters.text.banned: there is no file {self.banned}")

    def requirements(self) -> Sequence[Requirement]:
        """What tells languages and nouns."""
        told = languages.requirements() if self.spoken else []
        return [*told, *(spacy_pipelines.requirements(MODEL) if self.noun else [])]

    def revision(self) -> str:
        """What stands in the file of banned words."""
        path = Path(self.banned).expanduser()
        return "\n".join(read_lines(path)) if self.banned and path.is_file() else ""

    @contextmanager
    def open(self, context: StepContext) -> Iterator[Callable[[list[Caption]], Verdicts]]:
        """Load what tells languages and nouns, where it is asked for."""
        rules = TextRules(self.min_chars, self.max_chars, self.min_words, self.max_words, self.words == "blanks")
        banned = PhraseList(read_lines(Path(self.banned).expanduser()) if self.banned else ())
        nlp = spacy_pipelines.load_pipeline(MODEL) if self.noun else None

        def judge(captions: list[Caption]) -> Verdicts:
            texts = [caption.text for caption in captions]
            found = [broken_rule(text, rules) or ("banned" if banned.find(text) else "") for text in texts]
            for at, text in enumerate(texts):
                if self.spoken and not found[at] and not _is_in(text, self.spoken):
                    found[at] = "other_language"
            left = [at for at, reason in enumerate(found) if not reason] if nlp is not None else []
            if nlp is not None:
                plain = (collapse(texts[at])[:LONGEST_CHARS] for at in left)
                for at, doc in zip(left, nlp.pipe(plain, disable=["parser", "ner"]), strict=True):
                    found[at] = "" if any(token.pos_ in ("NOUN", "PROPN") for token in doc) else "no_noun"
            return [reason or None for reason in found]

        yield judge


def _is_in(text: str, language: str) -> bool:
    return languages.is_language(languages.detect(text), text, language)
