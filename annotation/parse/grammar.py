"""Objects, attributes, their pairs and relations of one parsed text, by rules over its noun phrases and its tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...schemas import Pair, TagMention, TagRelation
from .absence import is_absent, is_denied
from .classes import Lexicon, WordClass, is_shade, word_classes
from .phrases import Phrase, find_phrases
from .predicates import said_of
from .relations import Roles, find_relations
from .words import ABSTRACT, AMOUNTS, COLOURS, FRAME_KINDS, FRAME_PLACES, FRAME_VERBS, PAIRED, PLACES, PLURALS, TIMES

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token


class TextTags(NamedTuple):
    """What a text speaks of; each list in order of appearance, without repeats."""

    objects: list[str]
    attributes: list[str]
    pairs: list[Pair]
    relations: list[TagRelation]
    mentions: list[TagMention]  # every one, in order, with its place in what was parsed


class _Attribute(NamedTuple):
    name: str
    tokens: Sequence[Token]


def find_tags(
    doc: Doc, frames: frozenset[str] = frozenset(), names: bool = True, lexicon: Lexicon | None = None
) -> TextTags:
    """The tags of a parsed text (English: Universal tags, CLEAR labels, as spaCy's pipelines give them).

    An object is a noun with what is compounded with it, as a lemma. Not objects: what the text says is absent, amounts
    (`a group of`), places (`in front of`), times, what no picture shows (`way`), colours, and the words in ``frames``
    where they stand for the caption's own frame. ``names`` says whether proper nouns count.

    An attribute is an adjective or participle before its noun, a colour or material, or an adjective said of it
    (`the car is red`); one that is denied is none.
    """
    tokens = list(doc)
    classes = word_classes(tokens, lexicon or Lexicon())
    phrases = find_phrases(tokens, classes)
    objects = {p.head: (name, p) for p in phrases if (names or not _is_name(p)) and (name := _object_name(p, frames))}
    attributes: dict[int, _Attribute] = {}
    pairs: dict[tuple[int, int], Pair] = {}
    for words, holder in _attributes(tokens, phrases):
        named = objects.get(holder)
        if named is None and holder.pos_ != "PRON":
            continue
        said = _Attribute(_attribute_name(words), words)
        attributes[words[0].i] = said
        if named is not None:
            pairs[words[0].i, holder.i] = Pair(said.name, named[0])
    pairs_of = zip(tokens, classes, strict=True)
    verbs = frozenset(t.i for t, kind in pairs_of if kind is WordClass.OTHER and t.pos_ in ("NOUN", "PROPN"))
    roles = Roles({head: name for head, (name, _) in objects.items()}, verbs)
    return TextTags(
        list(dict.fromkeys(name for name, _ in objects.values())),
        list(dict.fromkeys(attributes[i].name for i in sorted(attributes))),
        list(dict.fromkeys(pairs[at] for at in sorted(pairs))),
        [TagRelation(*found) for found in find_relations(roles)],
        sorted([*_object_mentions(objects), *_attribute_mentions(attributes.values())], key=_start),
    )


def _start(mention: TagMention) -> int:
    return mention.start or 0


def _object_mentions(objects: dict[Token, tuple[str, Phrase]]) -> Iterator[TagMention]:
    for head, (name, phrase) in objects.items():
        yield TagMention(name, "object", phrase.nouns[0].idx, head.idx + len(head), _count(phrase))


def _attribute_mentions(attributes: Iterable[_Attribute]) -> Iterator[TagMention]:
    for name, words in attributes:
        yield TagMention(name, "attribute", words[0].idx, words[-1].idx + len(words[-1]))


def _count(phrase: Phrase) -> int | None:
    """The number before a noun; two of `a couple of`."""
    if phrase.count is not None:
        return phrase.count
    of = phrase.head.head
    if phrase.head.dep_ != "pobj" or of.lower_ != "of" or of.head.lower_ not in ("couple", "pair"):
        return None
    return None if of.head.lower_ == "pair" and phrase.head.lower_ in PAIRED | PLURALS else 2


def _is_name(phrase: Phrase) -> bool:
    return phrase.head.pos_ == "PROPN"


def _object_name(phrase: Phrase, frames: frozenset[str]) -> str:
    """Its lemma after what is compounded with it; empty where it is no object."""
    noun, parts = phrase.head, phrase.nouns[:-1]
    lemma = _lemma(noun)
    if lemma in ABSTRACT or lemma in TIMES or len(noun.text.strip(".")) < 2:
        return ""
    if _is_amount(noun) or _is_place(phrase) or is_absent(noun):
        return ""
    if _is_frame(noun, frames):  # of `a kitchen scene` the kitchen stays
        parts = [p for p in parts if p.lemma_.lower() not in frames]
        if not parts or phrase.nouns[-2].text == "-":
            return ""
        noun, lemma, parts = parts[-1], _lemma(parts[-1]), parts[:-1]
    return "".join(p.lower_ + p.whitespace_ for p in parts) + lemma


def _lemma(noun: Token) -> str:
    text = noun.lower_
    if text in PLURALS or (text == "glasses" and _is_worn(noun)):
        return text
    return noun.lemma_.lower()


def _is_worn(noun: Token) -> bool:
    head = noun.head
    return head.lemma_ == "wear" or (head.lower_ in ("with", "in") and head.head.pos_ in ("NOUN", "PRON", "PROPN"))


def _is_frame(noun: Token, frames: frozenset[str]) -> bool:
    if noun.lemma_.lower() not in frames:
        return False
    if noun.dep_ in ("nsubj", "nsubjpass"):
        return noun.head.lemma_ in FRAME_VERBS or _introduces(noun)
    if noun.dep_ == "compound" and noun.head.i == noun.i + 1 and noun.head.lemma_.lower() in FRAME_VERBS:
        return True  # `the camera returns`, taken for one name
    if noun.dep_ == "pobj":
        anyone = any(c.lower_ in ("a", "an") for c in noun.lefts) and noun.head.lower_ != "for"
        return noun.head.lower_ in FRAME_PLACES and (not anyone or _introduces(noun))
    if noun.dep_ == "dobj":
        return noun.head.lemma_ == "take"
    if noun.dep_ == "ROOT" and noun.lemma_.lower() in FRAME_KINDS:
        return True
    return noun.dep_ in ("ROOT", "attr", "appos", "conj", "dep") and _introduces(noun)


def _introduces(noun: Token) -> bool:
    return any(
        c.dep_ in ("acl", "relcl") or (c.dep_ == "prep" and c.lower_ in ("of", "up", "with")) for c in noun.rights
    )


def _is_amount(noun: Token) -> bool:
    return noun.lemma_.lower() in AMOUNTS and any(c.dep_ == "prep" and c.lower_ == "of" for c in noun.rights)


def _is_place(phrase: Phrase) -> bool:
    noun = phrase.head
    if noun.lower_ in ("inside", "outside"):
        return True
    if noun.lower_ not in PLACES or noun.dep_ not in ("pobj", "acl", "advmod", "npadvmod"):
        return False
    return (
        len(phrase.nouns) == 1
        and phrase.count is None
        and not phrase.attributes
        and not any(c.dep_ == "poss" for c in noun.lefts)
    )


def _attributes(tokens: Sequence[Token], phrases: list[Phrase]) -> Iterator[tuple[Sequence[Token], Token]]:
    """Every attribute's words, and the head that holds it; heads may be pronouns."""
    for phrase in phrases:
        for words in phrase.attributes:
            if not _is_denied_before(words):
                yield words, phrase.head
                if phrase.shares is None:
                    yield from ((words, p.head) for p in phrases if p.shares is phrase)
        yield from ((words, phrase.head) for words in phrase.postponed)
    before = {word.i for phrase in phrases for words in phrase.attributes for word in words}
    heads = {word.i: phrase.head for phrase in phrases for word in phrase.nouns}
    for word, holder in said_of(tokens):
        if word.i not in before and word.i not in heads:
            yield _group(word), heads.get(holder.i, holder)


def _is_denied_before(words: Sequence[Token]) -> bool:
    return any(is_denied(word) for word in words)


def _group(word: Token) -> list[Token]:
    """An adjective with its shade or what is hyphened with it."""
    doc, words = word.doc, [word]
    while words[0].i >= 2 and doc[words[0].i - 1].text == "-" and not doc[words[0].i - 1].whitespace_:
        words = [doc[words[0].i - 2], doc[words[0].i - 1], *words]
    if words[0].i and is_shade(doc, words[0].i - 1) and word.lower_ in COLOURS:
        words = [doc[word.i - 1], *words]
    return words


def _attribute_name(words: Sequence[Token]) -> str:
    """Adjectives as lemmas, participles and all words but the last as they stand."""
    last = words[-1]
    verb = last.pos_ == "VERB" or last.tag_ in ("VBN", "VBG") or len(words) > 1
    name = last.lower_ if verb else last.lemma_.lower()
    return "".join(word.lower_ + word.whitespace_ for word in words[:-1]) + name
