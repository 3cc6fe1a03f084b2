"""Who does what to whom, and where things are: (subject, relation, object) of a parsed text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .absence import is_denied
from .predicates import subjects
from .words import AMOUNTS, ANIMATES, PARTICLES, PLACES

if TYPE_CHECKING:
    from spacy.tokens import Token


class Roles(NamedTuple):
    """The name of each word that is an object, and where verbs stand that the tagger took for nouns."""

    names: dict[Token, str]
    verbs: frozenset[int]


class _Link(NamedTuple):
    words: str  # the prepositions between; empty for a direct object
    governor: Token


def find_relations(roles: Roles) -> Iterator[tuple[str, str, str]]:
    """``subject, relation, object`` in order of the objects, each once."""
    if len(roles.names) < 2:
        return
    found: dict[tuple[str, str, str], None] = {}
    for token, name in roles.names.items():
        role = _function(token)
        if role.dep_ == "pobj" and role.head.dep_ == "agent":  # `is ridden by a girl`: she rides
            done_to = (o for holder in subjects(role.head.head) for o in _objects_of(holder, roles))
            found |= {(name, _verb(role.head.head), roles.names[o]): None for o in done_to}
            continue
        for subject, relation in _relations_to(role, roles):
            if subject != token:
                found[roles.names[subject], relation, name] = None
    yield from found


def _function(token: Token) -> Token:
    """The word whose role it has: `a group of people` does what `people` do, and so do those joined by `and`."""
    while True:
        of = token.head
        if token.dep_ == "pobj" and of.lower_ == "of" and of.head.lemma_.lower() in AMOUNTS:
            token = of.head
        elif token.dep_ == "conj" and token.head.pos_ in ("NOUN", "PROPN"):
            token = token.head
        else:
            return token


def _relations_to(token: Token, roles: Roles) -> Iterator[tuple[Token, str]]:
    if token.dep_ in ("dobj", "attr") and token.head.lemma_ != "be":
        link: _Link | None = _Link("", token.head)
    else:
        link = _climb(token)
    if link is None or is_denied(link.governor):
        return
    governor = link.governor
    if governor.i in roles.verbs:
        before = [noun for noun in roles.names if noun.i < governor.i]
        holders = [n for n in before[-2:] if n == before[-1] or n == _function(before[-1])]
        yield from ((s, f"{governor.lemma_.lower()} {link.words}".strip()) for s in holders)
    elif governor.pos_ in ("VERB", "AUX"):
        relation = " ".join(filter(None, (_verb(governor), link.words)))
        said = list(subjects(governor))
        if governor.dep_ == "acl" and governor.tag_ == "VBG":
            said = list(map(_agent, said))
        yield from ((s, relation) for holder in said for s in _objects_of(holder, roles) if relation)
    elif link.words:
        yield from ((s, link.words) for s in _objects_of(governor, roles))


def _climb(token: Token) -> _Link | None:
    """Up the prepositions over a noun: `on`, `next to`, `in front of`."""
    words: list[str] = []
    while token.dep_ == "pobj":
        preposition = token.head
        words.insert(0, preposition.lower_)
        governor = preposition.head
        while (governor.pos_ in ("ADP", "ADV", "SCONJ") or governor.dep_ == "acomp") and governor.head != governor:
            words.insert(0, governor.lower_)
            governor = governor.head
        if governor.lower_ not in PLACES or governor.dep_ != "pobj":
            return _Link(" ".join(words), governor)
        words.insert(0, governor.lower_)
        token = governor
    return None


def _agent(noun: Token) -> Token:
    """Who does what is said right after a noun: of `a dog runs through water carrying a ball` the dog."""
    if noun.lemma_.lower() in ANIMATES or noun.dep_ != "pobj":
        return noun
    governor = noun.head.head
    above = [governor] if governor.pos_ in ("NOUN", "PROPN") else list(subjects(governor))
    return next((a for a in above if a.lemma_.lower() in ANIMATES), noun)


def _verb(verb: Token) -> str:
    if verb.lemma_ == "be":
        return ""
    particle = next((f" {c.lower_}" for c in verb.rights if c.dep_ == "prt" or _is_particle(c)), "")
    lemma = "ride" if verb.lower_ == "riding" else verb.lemma_.lower()  # its lemmatizer says `rid`
    return lemma + particle


def _is_particle(word: Token) -> bool:
    return word.dep_ == "advmod" and word.lower_ in PARTICLES


def _objects_of(token: Token, roles: Roles) -> Iterator[Token]:
    """The objects that a word stands for: itself, or what it is an amount of."""
    if token in roles.names:
        yield token
    elif token.lemma_.lower() in AMOUNTS or token.pos_ in ("DET", "PRON", "NUM"):
        for of in token.rights:
            if of.lower_ == "of":
                yield from (c for c in of.rights if c.dep_ == "pobj" and c in roles.names)
