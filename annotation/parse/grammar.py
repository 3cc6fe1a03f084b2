"""Objects, attributes and their pairs of one parsed text, by rules over its dependency tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .words import (
    AMOUNTS,
    COLOURS,
    FIXED,
    FRAME_PLACES,
    FRAME_VERBS,
    PLACES,
    PLAIN_COLOURS,
    PLURALS,
    QUANTIFIERS,
    SHADES,
)

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token


class TextTags(NamedTuple):
    """What a text speaks of; each list in order of appearance, without repeats."""

    objects: list[str]
    attributes: list[str]
    pairs: list[tuple[str, str]]  # attribute, object


def find_tags(doc: Doc, frames: frozenset[str] = frozenset(), names: bool = True) -> TextTags:
    """The tags of a parsed text (English: Universal tags, CLEAR labels, as spaCy's pipelines give them).

    An object is a noun with what is compounded with it, as a lemma. Not objects: what the text says is
    absent, amounts (`a group of`), places (`in front of`), colours, and the words in ``frames`` where
    they stand for the caption's own frame. ``names`` says whether proper nouns count.

    An attribute is an adjective or participle before its noun, or an adjective said of it
    (`the car is red`); one that is denied is none.
    """
    objects = {t: name for t in doc if _is_noun(t, names) and (name := _object_name(t, frames))}
    attributes: dict[Token, str] = {}
    pairs: dict[tuple[Token, Token], tuple[str, str]] = {}
    for attribute, holder in _attribute_pairs(doc):
        if holder.pos_ == "PRON":
            attributes[attribute] = _attribute_name(attribute)
        elif holder in objects:
            attributes[attribute] = _attribute_name(attribute)
            pairs[attribute, holder] = attributes[attribute], objects[holder]
    return TextTags(
        _once(objects[t] for t in sorted(objects, key=_place)),
        _once(attributes[t] for t in sorted(attributes, key=_place)),
        list(dict.fromkeys(pairs[at] for at in sorted(pairs, key=lambda p: (p[0].i, p[1].i)))),
    )


def _place(token: Token) -> int:
    return token.i


def _once(words: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _is_noun(token: Token, names: bool) -> bool:
    if token.pos_ == "ADJ" and token.dep_ in ("pobj", "dobj", "nsubj"):  # a small tagger takes rare nouns for these
        return any(child.lower_ in ("a", "an") for child in token.lefts)
    if token.pos_ != "NOUN" and not (names and token.pos_ == "PROPN"):
        return False
    return token.dep_ not in ("compound", "amod", "npadvmod", "nmod") and any(c.isalpha() for c in token.text)


def _object_name(noun: Token, frames: frozenset[str]) -> str:
    """Its lemma after what is compounded with it; empty where it is no object."""
    parts = _compound(noun)
    if _is_amount(noun) or _is_place(noun) or _is_absent(noun) or _is_bare_colour(noun):
        return ""
    if _is_frame(noun, frames):  # of `a kitchen scene` the kitchen stays
        parts = [p for p in parts if p.lemma_.lower() not in frames]
        return " ".join(_lemma(p) for p in parts)
    return " ".join([*(p.lower_ for p in parts), _lemma(noun)])


def _compound(noun: Token) -> list[Token]:
    """What is compounded with a noun, in order: `chain link` of `chain link fence`."""
    parts: list[Token] = []
    for child in noun.lefts:
        if child.dep_ == "compound" and not _is_colour(child):
            parts += [p for p in child.subtree if p.dep_ == "compound"]
        elif _is_fixed(child):
            parts.append(child)
    return parts


def _lemma(noun: Token) -> str:
    text = noun.lower_
    if text in PLURALS or (text == "glasses" and noun.head.lemma_ == "wear"):
        return text
    return noun.lemma_.lower()


def _is_frame(noun: Token, frames: frozenset[str]) -> bool:
    if noun.lemma_.lower() not in frames:
        return False
    if noun.dep_ in ("nsubj", "nsubjpass"):
        return noun.head.lemma_ in FRAME_VERBS or _introduces(noun)
    if noun.dep_ == "pobj":
        anyone = any(c.lower_ in ("a", "an") for c in noun.lefts) and noun.head.lower_ != "for"
        return noun.head.lower_ in FRAME_PLACES and (not anyone or _introduces(noun))
    if noun.dep_ == "dobj":
        return noun.head.lemma_ == "take"
    return noun.dep_ in ("ROOT", "attr", "appos", "conj", "dep") and _introduces(noun)


def _introduces(noun: Token) -> bool:
    return any(
        c.dep_ in ("acl", "relcl") or (c.dep_ == "prep" and c.lower_ in ("of", "up", "with")) for c in noun.rights
    )


def _is_amount(noun: Token) -> bool:
    return noun.lemma_.lower() in AMOUNTS and any(c.dep_ == "prep" and c.lower_ == "of" for c in noun.rights)


def _is_place(noun: Token) -> bool:
    if noun.lower_ not in PLACES or noun.dep_ not in ("pobj", "acl", "advmod"):
        return False
    return not any(child.dep_ in ("compound", "poss", "nummod") for child in noun.lefts)


def _is_absent(noun: Token) -> bool:
    """Does the text deny it: `no X`, `not a X`, `without X`, `is not wearing X`, `there is no A or X`?"""
    if any(c.dep_ in ("neg", "preconj") and c.lower_ in ("not", "neither") for c in noun.lefts):
        return True
    determiner = next((c for c in noun.lefts if c.dep_ == "det"), None)
    if determiner is not None and determiner.lower_ in ("no", "neither"):
        return True
    if noun.dep_ == "conj":
        joiner, owned = _joiner(noun), determiner is not None and determiner.lower_ != "any"
        return (joiner in ("or", "nor") or (joiner in ("and", "") and not owned)) and _is_absent(noun.head)
    head = noun.head
    if noun.dep_ == "pobj":
        return head.lower_ == "without" or (head.lower_ == "of" and head.head.lower_ in ("lack", "absence", "devoid"))
    return noun.dep_ in ("dobj", "attr") and (_is_denied(head) or head.lemma_ == "lack")


def _joiner(token: Token) -> str:
    """The conjunction that joins a token to the one before: `and`, `or`, `but`; empty for a comma."""
    return next((c.lower_ for c in reversed(list(token.head.children)) if c.dep_ == "cc" and c.i < token.i), "")


def _is_denied(token: Token) -> bool:
    return any(c.dep_ == "neg" or (c.dep_ == "preconj" and c.lower_ == "neither") for c in token.children)


def _attribute_pairs(doc: Doc) -> Iterator[tuple[Token, Token]]:
    """Every (attribute, holder); holders may be pronouns."""
    for token in doc:
        if _is_fixed(token):
            continue
        if token.dep_ == "amod" and token.pos_ in ("ADJ", "VERB", "ADV") or _is_colour(token):
            noun = _top(token.head)
            holders = [noun, *_sharers(noun)]
        elif token.dep_ in ("acomp", "oprd") and token.pos_ in ("ADJ", "VERB"):
            holders = list(_subjects(token.head))
        elif token.dep_ == "pobj" and token.head.lower_ == "in" and _is_bare_colour(token):
            wearer = token.head.head
            holders = [wearer] if wearer.pos_ in ("NOUN", "PROPN", "PRON") else list(_subjects(wearer))
        else:
            continue
        denied = _is_denied(token) or (token.dep_ != "amod" and _is_denied(token.head))
        for attribute in _conjuncts(token, denied):
            yield from ((attribute, holder) for holder in holders)


def _top(noun: Token) -> Token:
    """The head of a compound: in `a small wooden kitchen sink` both adjectives are said of the sink."""
    while noun.dep_ == "compound":
        noun = noun.head
    return noun


def _conjuncts(first: Token, denied: bool) -> Iterator[Token]:
    """An attribute and those joined to it, without the ones that are denied, that count or that shade another."""
    if not denied and first.text[0].isalpha() and first.lower_ not in QUANTIFIERS and not _is_shade(first):
        yield first
    for other in first.rights:
        if other.dep_ == "conj" and other.pos_ in ("ADJ", "VERB", "NOUN", "ADV"):
            yield from _conjuncts(other, (denied and _joiner(other) != "but") or _is_denied(other))


def _sharers(noun: Token) -> Iterator[Token]:
    """Nouns under the same determiner, which share what stands before the first: `a tall man and woman`."""
    if not any(c.dep_ in ("det", "poss") for c in noun.lefts):
        return
    for other in noun.rights:
        if other.dep_ == "conj" and other.tag_ == noun.tag_ == "NN" and not any(other.lefts):
            yield other


def _subjects(verb: Token) -> Iterator[Token]:
    """The nouns or pronouns that a verb speaks of."""
    subject = next((c for c in verb.children if c.dep_ in ("nsubj", "nsubjpass")), None)
    if subject is None:
        if verb.dep_ == "acl":
            yield verb.head
        elif verb.dep_ == "conj":
            yield from _subjects(verb.head)
        return
    if subject.tag_ in ("WDT", "WP") and verb.dep_ == "relcl":
        subject = verb.head
    yield subject
    yield from (c for c in subject.conjuncts if c.i > subject.i)


def _is_colour(token: Token) -> bool:
    return token.dep_ == "compound" and token.lower_ in COLOURS


def _is_bare_colour(token: Token) -> bool:
    """A colour that stands alone: `dressed in red`, not `a black` or `the whites`."""
    return token.lower_ in PLAIN_COLOURS and not any(token.lefts)


def _is_fixed(token: Token) -> bool:
    """The first half of a name in two words: the `living` of `living room`."""
    following = token.nbor() if token.i + 1 < len(token.doc) else None
    heads = FIXED.get(token.lower_, ())
    return token.dep_ == "amod" and following is not None and following.lemma_.lower() in heads


def _is_shade(token: Token) -> bool:
    following = token.nbor() if token.i + 1 < len(token.doc) else None
    return token.lower_ in SHADES and following is not None and following.lower_ in COLOURS


def _attribute_name(token: Token) -> str:
    """Adjectives as lemmas, participles as they stand, with a shade or a hyphened part before them."""
    name = token.lower_ if token.pos_ == "VERB" or token.tag_ in ("VBN", "VBG") else token.lemma_.lower()
    doc, at = token.doc, token.i
    if at and doc[at - 1].head == token and doc[at - 1].dep_ in ("npadvmod", "advmod") and token.pos_ == "VERB":
        return f"{doc[at - 1].lower_} {name}"  # `dome shaped`, `brightly colored`
    while at >= 2 and doc[at - 1].tag_ == "HYPH" and not doc[at - 1].whitespace_:
        name = f"{doc[at - 2].lower_}-{name}"
        at -= 2
    if at >= 1 and _is_shade(doc[at - 1]) and token.lower_ in COLOURS:
        name = f"{doc[at - 1].lower_} {name}"
    return name
