"""Noun phrases of a tagged sentence: what is named, what stands before it, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .classes import WordClass, is_name, is_shade
from .words import CONTAINERS, CONTENTS, DEGREES, NAMERS, NUMBERS, PLAIN_COLOURS, PLURAL_MODIFIERS, TIMES

if TYPE_CHECKING:
    from spacy.tokens import Token

_BEFORE_NOUN = (WordClass.ATTRIBUTE, WordClass.COLOUR, WordClass.MATERIAL)
_NEVER_FIRST = (WordClass.OTHER, WordClass.JOINER, WordClass.PART)
_OWN_ROLES = frozenset({"nsubj", "nsubjpass", "dobj", "pobj", "iobj", "dative", "appos"})
"""A noun in one of these is no part of the noun after it."""


@dataclass(slots=True)
class Phrase:
    """One noun phrase: the words before its head, and the head with what is compounded with it."""

    determiner: Token | None = None
    count: int | None = None  # the number that is named
    attributes: list[list[Token]] = field(default_factory=list)  # each of one or more words
    nouns: list[Token] = field(default_factory=list)  # in order; the last is the head
    shares: Phrase | None = None  # the phrase before it, whose attributes hold for it too
    postponed: list[list[Token]] = field(default_factory=list)  # attributes after the head: `its mouth open`

    @property
    def head(self) -> Token:
        """The last noun."""
        return self.nouns[-1]

    @property
    def is_bare(self) -> bool:
        """Does nothing stand before its nouns?"""
        return self.determiner is None and not self.attributes and self.count is None


def find_phrases(words: Sequence[Token], classes: Sequence[WordClass]) -> list[Phrase]:
    """The noun phrases of a text whose words have these classes, in order."""
    return list(_share(_Reader(words, classes).read()))


def _share(phrases: Iterator[Phrase]) -> Iterator[Phrase]:
    """Let `a tall man and woman` share what stands before the first."""
    before: Phrase | None = None
    for phrase in phrases:
        joined = before is not None and phrase.is_bare and before.determiner is not None
        if before is not None and joined and _stands_joined(before, phrase):
            phrase.shares = before
        yield phrase
        before = phrase


def _stands_joined(first: Phrase, second: Phrase) -> bool:
    between = second.nouns[0].i - first.head.i
    return between == 2 and second.nouns[0].nbor(-1).lower_ == "and" and first.head.tag_ == second.head.tag_ == "NN"


class _Reader:
    """One walk over the classes of a text's words."""

    def __init__(self, words: Sequence[Token], classes: Sequence[WordClass]) -> None:
        self.words, self.classes, self.at = words, classes, 0
        self.pending: list[list[Token]] = []  # attributes whose noun comes after `and a`

    def read(self) -> Iterator[Phrase]:
        """Every phrase, in order."""
        while self.at < len(self.words):
            if self.classes[self.at] in _NEVER_FIRST:
                self.at += 1
                self.pending = []
                continue
            phrase = self._phrase()
            if phrase.nouns:
                self._after(phrase)
                yield phrase

    def _class(self, at: int) -> WordClass:
        return self.classes[at] if at < len(self.classes) else WordClass.OTHER

    def _phrase(self) -> Phrase:
        """The next phrase; without nouns where there is none at this place."""
        phrase, begun = Phrase(attributes=self.pending), self.at
        self.pending = []
        while self.at < len(self.words) and self._take(phrase):
            pass
        if not phrase.nouns:
            self._rescue(phrase)
        if self.at == begun:
            self.at += 1
        return phrase

    def _take(self, phrase: Phrase) -> bool:
        """Take the next word into the phrase, if it belongs there."""
        token, kind = self.words[self.at], self.classes[self.at]
        if kind is WordClass.DETERMINER:
            if phrase.nouns or phrase.attributes:
                return False
            phrase.determiner = token
        elif kind is WordClass.QUANTITY:
            if phrase.nouns:
                return False
            phrase.count = _number(token, phrase.count)
        elif kind in _BEFORE_NOUN or kind is WordClass.ADVERB:
            return self._take_attribute(phrase)
        elif kind is WordClass.NOUN:
            return self._take_noun(phrase)
        else:
            return kind is WordClass.JOINER and self._take_joiner(phrase)
        self.at += 1
        return True

    def _take_attribute(self, phrase: Phrase) -> bool:
        group_end = self._group_end(self.at)
        group = [self.words[i] for i in range(self.at, group_end)]
        if phrase.nouns and self.classes[self.at] is WordClass.MATERIAL and not self._before_noun(group_end):
            if not _goes_on(phrase.nouns[-1], group[0]):
                return False
            phrase.nouns += group
        elif phrase.nouns:
            return False
        elif not self._before_noun(group_end) and self._may_be_noun(group):
            phrase.nouns += group
        elif not self._is_mute(group):
            phrase.attributes.append(group)
        self.at = group_end
        return True

    def _may_be_noun(self, group: list[Token]) -> bool:
        """Can it stand alone: a material, or `x-ray`?"""
        return self.classes[self.at] is WordClass.MATERIAL or (len(group) > 1 and group[-1].pos_ in ("NOUN", "PROPN"))

    def _is_mute(self, group: list[Token]) -> bool:
        return self.classes[group[-1].i] is WordClass.ADVERB

    def _before_noun(self, at: int) -> bool:
        """Does a noun of the same phrase stand at ``at``, or after more attributes?"""
        while self._class(at) in (WordClass.MATERIAL, WordClass.COLOUR, WordClass.ATTRIBUTE):
            if at + 1 >= len(self.words):
                return False
            at += 1
        return self._class(at) is WordClass.NOUN and not (
            self.words[at].tag_ == "NNP" and self.words[at - 1].tag_ != "NNP"
        )

    def _group_end(self, at: int) -> int:
        """Past the words that are one attribute: `light blue`, `half-eaten`, `brightly colored`."""
        end = at + 1
        while end < len(self.words) and (
            self.classes[end] is WordClass.PART
            or (is_shade(self.words, end - 1) and self.classes[end] is WordClass.COLOUR)
            or (self._is_manner(end - 1) and self.classes[end] is WordClass.ATTRIBUTE)
        ):
            end += 1
        return end

    def _is_manner(self, at: int) -> bool:
        """Does an adverb say how a participle is so: `brightly colored`, not `currently unused`?"""
        word = self.words[at]
        return (
            self.classes[at] is WordClass.ADVERB
            and word.lower_ not in DEGREES
            and self.words[at + 1].text.endswith(("ed", "t"))
        )

    def _take_noun(self, phrase: Phrase) -> bool:
        token = self.words[self.at]
        if phrase.nouns and not _goes_on(phrase.nouns[-1], token):
            return False
        end = self._group_end(self.at)
        if self._class(end - 1) is WordClass.PART and self._join_attribute(end):
            phrase.attributes.append([*phrase.nouns, *(self.words[i] for i in range(self.at, end))])
            phrase.nouns = []
        else:
            phrase.nouns += [self.words[i] for i in range(self.at, end)]
        self.at = end
        return True

    def _join_attribute(self, end: int) -> bool:
        """Is a hyphened word before a noun: `country-style kitchen`, `snow covered ground`?"""
        return self._class(end) in (*_BEFORE_NOUN, WordClass.NOUN)

    def _take_joiner(self, phrase: Phrase) -> bool:
        """Go past a comma or `and` between attributes of one noun: `pink and black striped top`."""
        counts = phrase.count is not None and self.classes[self.at - 1] is WordClass.QUANTITY
        if phrase.nouns or not (phrase.attributes or counts):
            return False
        at = self.at
        if counts and self._class(at + 1) is WordClass.QUANTITY:
            phrase.count = None  # `three or four`: no one number
            self.at += 2
            return True
        while self._class(at) is WordClass.JOINER:
            at += 1
        if self._class(at) is WordClass.DETERMINER and self._class(at + 1) is WordClass.COLOUR:
            self.pending, phrase.attributes = phrase.attributes, []
            self.at = at
            return False
        if self._class(at) not in (*_BEFORE_NOUN, WordClass.ADVERB):
            return False
        self.at = at
        return True

    def _rescue(self, phrase: Phrase) -> None:
        """Take the last attribute for the noun where it may be one: `an orange`, `the blond`."""
        if not phrase.attributes:
            return
        last = phrase.attributes[-1]
        word = last[-1]
        if word.lower_ in PLAIN_COLOURS or len(last) > 1 or phrase.determiner is None:
            return
        if self.classes[word.i] is WordClass.COLOUR or (
            phrase.determiner.lower_ in ("a", "an") and word.dep_ in _OWN_ROLES
        ):
            phrase.attributes.pop()
            phrase.nouns = last

    def _after(self, phrase: Phrase) -> None:
        """Adjectives right after the noun that are said of it."""
        head, at = phrase.head, self.at
        if self._class(at) is not WordClass.ATTRIBUTE or self.words[at].pos_ != "ADJ":
            return
        word = self.words[at]
        subject = any(c.i == head.i and c.dep_ == "nsubj" for c in word.children)
        if subject and word.dep_ not in ("ROOT", "acomp") and self._class(at + 1) is not WordClass.NOUN:
            phrase.postponed.append([word])
            self.at += 1


def _number(token: Token, before: int | None) -> int | None:
    if token.text.isdecimal() and len(token) < 7:
        return int(token.text)
    return NUMBERS.get(token.lower_, before)


def _goes_on(before: Token, token: Token) -> bool:
    """May two nouns in a row be one name?"""
    if before.tag_ == token.tag_ == "NNP" or before.i + 1 != token.i:
        return before.i + 1 == token.i
    if token.pos_ == "VERB" or is_name(before.doc, before.i):  # put right by `word_classes`
        return True
    if before.lower_ in NAMERS or before.lemma_ == token.lemma_:
        return False
    if (
        before.lower_ in CONTENTS
        and token.lemma_.lower() not in CONTAINERS
        and before.i
        and before.nbor(-1).pos_ == "NOUN"
    ):
        return False
    if before.lemma_.lower() in TIMES and before.dep_ != "compound":
        return False
    if before.tag_ in ("NNS", "NNPS"):
        return before.lower_ in PLURAL_MODIFIERS
    return before.dep_ not in _OWN_ROLES or before.head.i == token.i and before.dep_ != "nsubj"
