"""Attributes that a sentence says of something: `the car is red`, `a woman dressed in black`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .absence import conjunction, is_denied
from .classes import is_shade
from .words import COLOURS, PLAIN_COLOURS, QUANTIFIERS

if TYPE_CHECKING:
    from spacy.tokens import Token

_WEARS = frozenset({"wear", "dress"})


def said_of(words: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    """Every (attribute, holder); holders may be pronouns."""
    for token in words:
        holders = _holders(token)
        if holders:
            denied = is_denied(token) or is_denied(token.head)
            for attribute in _conjuncts(token, denied):
                yield from ((attribute, holder) for holder in holders)


def _holders(token: Token) -> list[Token]:
    if token.dep_ in ("acomp", "oprd") and token.pos_ in ("ADJ", "VERB"):
        return list(subjects(token.head))
    if token.lower_ not in PLAIN_COLOURS or any(child.pos_ != "ADJ" for child in token.lefts):
        return []
    if token.dep_ == "pobj" and token.head.lower_ == "in":
        wearer = token.head.head
        return [wearer] if wearer.pos_ in ("NOUN", "PROPN", "PRON") else list(subjects(wearer))
    if token.dep_ == "dobj" and token.head.lemma_ in _WEARS:
        return list(subjects(token.head))
    return []


def _conjuncts(first: Token, denied: bool) -> Iterator[Token]:
    """An attribute and those joined to it, without the ones that are denied, that count or that shade another."""
    shade = is_shade(first.doc, first.i)
    if not denied and first.text[0].isalpha() and first.lower_ not in QUANTIFIERS and not shade:
        yield first
    for other in first.rights:
        if other.dep_ == "conj" and (other.pos_ in ("ADJ", "VERB", "ADV") or other.lower_ in COLOURS):
            yield from _conjuncts(other, (denied and conjunction(other) != "but") or is_denied(other))


def subjects(verb: Token) -> Iterator[Token]:
    """The nouns or pronouns that a verb speaks of."""
    subject = next((c for c in reversed(list(verb.children)) if c.dep_ in ("nsubj", "nsubjpass")), None)
    if subject is None:
        if verb.dep_ == "acl":
            yield verb.head
        elif verb.dep_ in ("conj", "xcomp", "advcl", "pcomp") and verb.head.pos_ in ("VERB", "AUX", "ADP"):
            yield from subjects(verb.head.head if verb.head.pos_ == "ADP" else verb.head)
        return
    if subject.tag_ in ("WDT", "WP") and verb.dep_ == "relcl":
        subject = verb.head
    yield subject
    yield from (c for c in subject.conjuncts if c.i > subject.i)
