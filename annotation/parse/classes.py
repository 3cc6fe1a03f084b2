"""What each word may be in a noun phrase: the tagger's answer, put right by word lists."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from .words import (
    ADJECTIVE_ENDINGS,
    ADVERBS_OF_ATTRIBUTES,
    ANIMATES,
    COLOURS,
    ENDINGS,
    FIXED,
    FRAME_VERBS,
    GERUNDS,
    IMPERATIVES,
    JOINED_PARTICIPLES,
    MATERIALS,
    PLURALS,
    QUANTIFIERS,
    SHADES,
    STEPS,
    VERBS_LIKE_NOUNS,
)

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Token


_AFTER_VERBS = frozenset({"ADP", "ADV", "PUNCT", "SYM", "CCONJ", "DET", "PART", "PRON", "SCONJ"})
_JOINING = JOINED_PARTICIPLES | {"-"}


class WordClass(Enum):
    """What a word may be in a noun phrase."""

    DETERMINER = "determiner"
    QUANTITY = "quantity"  # how many, or which
    ATTRIBUTE = "attribute"
    COLOUR = "colour"
    MATERIAL = "material"
    ADVERB = "adverb"  # of an attribute: `brightly`
    NOUN = "noun"
    PART = "part"  # goes with the word before it: the rest of `half-eaten`
    JOINER = "joiner"  # a comma, `and`, `or`
    OTHER = "other"


class Lexicon:
    """The words of each kind that a pipeline's own lemmatizer knows; empty where it has no lists."""

    def __init__(
        self,
        nouns: frozenset[str] = frozenset(),
        adjectives: frozenset[str] = frozenset(),
        verbs: frozenset[str] = frozenset(),
    ) -> None:
        self.nouns, self.adjectives, self.verbs = nouns, adjectives, verbs

    @classmethod
    def of(cls, nlp: Language) -> Lexicon:
        """The lists of ``nlp``'s rule lemmatizer (WordNet's, in spaCy's English pipelines)."""
        lookups = nlp.get_pipe("lemmatizer").lookups if nlp.has_pipe("lemmatizer") else None  # type: ignore[attr-defined]
        if lookups is None or not lookups.has_table("lemma_index"):
            return cls()
        table = lookups.get_table("lemma_index")
        return cls(*(frozenset(table.get(kind, ())) for kind in ("noun", "adj", "verb")))

    def only_noun(self, word: str) -> bool:
        """Is it a noun and never an adjective?"""
        return word in self.nouns and word not in self.adjectives

    def is_no_verb(self, lemma: str) -> bool:
        """Is it known not to be one?"""
        return bool(self.verbs) and lemma not in self.verbs

    def only_adjective(self, word: str) -> bool:
        """Is it an adjective and never a noun?"""
        return word in self.adjectives and word not in self.nouns


_BY_TAG = {
    **dict.fromkeys(("DT", "PDT", "PRP$", "WP$"), WordClass.DETERMINER),
    **dict.fromkeys((",", "CC"), WordClass.JOINER),
    **dict.fromkeys(
        ("IN", "PRP", "TO", "MD", ".", "VBG", "VBN", "VBD", "WDT", "WP", "EX", "POS", "RP"), WordClass.OTHER
    ),
    "CD": WordClass.QUANTITY,
}
_NOMINAL = ("JJ", "NN", "RB")


def word_classes(words: Sequence[Token], lexicon: Lexicon) -> list[WordClass]:
    """One class for each word of a text."""
    classes = [_class(word, lexicon) for word in words]
    texts = [word.lower_ for word in words]
    for i in range(len(words)):
        if texts[i] in FIXED and is_name(words, i):
            classes[i] = classes[i + 1] = WordClass.NOUN
        elif classes[i] is WordClass.NOUN:
            if texts[i] in SHADES and is_shade(words, i):
                classes[i] = WordClass.ATTRIBUTE  # `lime green`
            elif _is_verb(words, i, classes) or _is_verb_form(words, i, classes, lexicon):
                classes[i] = WordClass.OTHER
    for i in range(len(words) - 1, -1, -1):
        if words[i].tag_ in ("VBN", "VBG", "VBD", "VB") and _is_participle(words, i, classes):
            classes[i] = WordClass.ATTRIBUTE
    if not _JOINING.isdisjoint(texts):
        _join(words, texts, classes)
    return classes


def _join(words: Sequence[Token], texts: list[str], classes: list[WordClass]) -> None:
    """Put together what is hyphened, and what is `snow covered`."""
    for i in range(1, len(words)):
        if texts[i] in ENDINGS and classes[i - 1] is WordClass.NOUN and not _is_part(words, i, classes):
            classes[i - 1] = WordClass.OTHER  # `sits cross legged`
        if _is_hyphen(words, i) and classes[i - 1] in (WordClass.OTHER, WordClass.DETERMINER, WordClass.QUANTITY):
            classes[i - 1] = WordClass.ATTRIBUTE  # `half-eaten`, `two-story`
        if _is_part(words, i, classes):
            classes[i] = WordClass.PART


def is_name(words: Sequence[Token] | Doc, at: int) -> bool:
    """Do the word at ``at`` and the next one name one thing: `living room`, `park benches`?"""
    heads = FIXED.get(words[at].lower_)
    if not heads or at + 1 >= len(words):
        return False
    verb = words[at].tag_[:2] == "VB" and words[at].dep_ not in ("amod", "compound", "nmod")
    if verb and not (at and words[at - 1].tag_ in ("DT", "PRP$", "JJ")):
        return False
    following = words[at + 1].lower_
    return any(following in (head, f"{head}s", f"{head}es") for head in heads)


def is_shade(words: Sequence[Token] | Doc, at: int) -> bool:
    """Is the word at ``at`` a shade of the colour after it: the `light` of `light blue`?"""
    return words[at].lower_ in SHADES and at + 1 < len(words) and words[at + 1].lower_ in COLOURS


def _class(token: Token, lexicon: Lexicon) -> WordClass:
    tag, text = token.tag_, token.lower_
    known = _BY_TAG.get(tag)
    if known is not None:
        return known
    if text in QUANTIFIERS:
        return WordClass.QUANTITY
    if text in COLOURS and not (tag == "NNP" and token.i and token.nbor(-1).tag_ == "NNP") and tag[:2] in _NOMINAL:
        return WordClass.COLOUR
    if text in MATERIALS and tag[:2] in _NOMINAL:
        return WordClass.MATERIAL
    return _open_class(token, lexicon)


def _open_class(token: Token, lexicon: Lexicon) -> WordClass:
    text, pos = token.lower_, token.pos_
    if not text[0].isalpha() and not any(c.isalpha() for c in text):
        return WordClass.OTHER
    if pos in ("NOUN", "PROPN"):
        return WordClass.ATTRIBUTE if _is_adjective(token, lexicon) else WordClass.NOUN
    if pos == "ADJ":
        return WordClass.NOUN if token.tag_ == "JJ" and _is_no_adjective(token, lexicon) else WordClass.ATTRIBUTE
    if pos == "ADV" and (text.endswith("ly") or text in ADVERBS_OF_ATTRIBUTES):
        return WordClass.ADVERB
    if pos == "VERB" and token.tag_ in ("VBZ", "VB", "VBP") and _is_noun_like_verb(token, lexicon):
        return WordClass.NOUN
    first = token.i == 0 or token.nbor(-1).is_sent_end or token.is_sent_start
    if first and pos in ("INTJ", "X") and lexicon.only_noun(text):
        return WordClass.NOUN
    return WordClass.OTHER


def _is_noun_like_verb(token: Token, lexicon: Lexicon) -> bool:
    """Is it a noun that the tagger took for a verb: `blows kisses`, `owl on branch`?"""
    if token.dep_ == "dobj" and token.tag_ == "VBZ" and token.head.i == token.i - 1:
        return True
    lemma = token.lemma_.lower()
    return lexicon.is_no_verb(lemma) and (token.tag_ == "VBZ" or lemma in lexicon.nouns)


def _is_no_adjective(token: Token, lexicon: Lexicon) -> bool:
    """Is it a noun, or a word that no list has and that ends as no adjective does: `griboyedov channel`?"""
    text = token.lower_
    if lexicon.only_noun(text):
        return True
    unknown = bool(lexicon.nouns) and text.isalpha() and text not in lexicon.adjectives and text not in lexicon.nouns
    return unknown and token.dep_ == "amod" and len(text) > 3 and not text.endswith(ADJECTIVE_ENDINGS)


def _is_adjective(token: Token, lexicon: Lexicon) -> bool:
    text = token.lower_
    odd = text.endswith(("less", "ish")) and bool(lexicon.nouns) and text not in lexicon.nouns
    return token.tag_ in ("NN", "NNP") and (odd or lexicon.only_adjective(text)) and token.i + 1 < len(token.doc)


def _is_verb(words: Sequence[Token], i: int, classes: list[WordClass]) -> bool:
    """Is it a verb that the tagger took for a noun: `outfits dance together`, `and mix`?"""
    token, lemma = words[i], words[i].lemma_.lower()
    if lemma not in VERBS_LIKE_NOUNS and lemma not in IMPERATIVES or (i and is_name(words, i - 1)):
        return False
    before = classes[i - 1] if i else WordClass.OTHER
    if lemma in IMPERATIVES and (before is WordClass.JOINER or i == 0):
        return True
    after = words[i + 1].pos_ if i + 1 < len(words) else "PUNCT"
    if after not in _AFTER_VERBS:
        return False
    if lemma in STEPS and token.tag_ == "NN":
        joined = before is WordClass.JOINER or (before is WordClass.NOUN and after == "CCONJ")
        return joined and words[0].pos_ == "VERB"
    if before is WordClass.JOINER and token.tag_ == "NNS" and i > 1:
        return classes[i - 2] is WordClass.OTHER and words[i - 2].pos_ != "ADP"  # `turns around and smiles`
    return before in (WordClass.NOUN, WordClass.QUANTITY) and _follows_subject(words, i, classes)


def _follows_subject(words: Sequence[Token], i: int, classes: list[WordClass]) -> bool:
    """Does a word that may be a verb stand after its subject: `three men hike in`?"""
    token, before = words[i], words[i - 1]
    if token.tag_ == "NNS":
        return before.lemma_.lower() in ANIMATES or (before.tag_ == "NN" and _verbless(token))
    if before.tag_ in ("NNS", "NNPS"):
        return True
    if i > 1 and classes[i - 2] is WordClass.JOINER and _verbless(token):
        return True
    apart = token.text.endswith("ing") or before.dep_ not in ("compound", "nmod", "amod")
    return apart and token.dep_ in ("ROOT", "dep")


def _is_verb_form(words: Sequence[Token], i: int, classes: list[WordClass], lexicon: Lexicon) -> bool:
    """Is it a verb by its form: `a dog pounces`, `in the river washing`, `the camera pans`?"""
    token = words[i]
    if not i or token.tag_ not in ("NN", "NNS"):
        return False
    if token.tag_ == "NN" and words[i - 1].tag_ == "TO":
        return True
    if classes[i - 1] is not WordClass.NOUN or words[i - 1].tag_ != "NN" or is_name(words, i - 1):
        return False
    text = token.lower_
    if token.tag_ == "NN" and text.endswith("s") and lexicon.nouns and text not in lexicon.nouns:
        return _disagrees(words, i, classes, lexicon)
    if token.tag_ == "NN":
        if not text.endswith("ing") or text in GERUNDS:
            return False
        return not all(lexicon.is_no_verb(stem) for stem in (text[:-3], f"{text[:-3]}e", text[:-4]))
    return (
        token.tag_ == "NNS"
        and token.lower_.endswith("s")
        and token.lower_ not in PLURALS
        and _disagrees(words, i, classes, lexicon)
    )


def _disagrees(words: Sequence[Token], at: int, classes: list[WordClass], lexicon: Lexicon) -> bool:
    """Does `a` or `this` stand before a noun in the plural that may be a verb: `a girl in a skirt watches`?"""
    lemma, first = words[at].lemma_.lower(), at - 1
    if lemma not in lexicon.nouns:
        lemma = lemma.removesuffix("s")
    if words[first].lower_ == "camera":
        return lemma in FRAME_VERBS
    if (lexicon.is_no_verb(lemma) and lemma in lexicon.nouns) or words[min(at + 1, len(words) - 1)].pos_ == "NOUN":
        return False
    while first and classes[first] not in (WordClass.DETERMINER, WordClass.OTHER, WordClass.JOINER):
        first -= 1
    return words[first].lower_ in ("a", "an", "this")


def _verbless(token: Token) -> bool:
    return not any(t.pos_ in ("VERB", "AUX") for t in token.sent)


def _is_participle(words: Sequence[Token], at: int, classes: list[WordClass]) -> bool:
    """Does a participle stand before its noun: `the cut leaves`, `a parked car`?"""
    token = words[at]
    if token.dep_ == "amod" and token.head.i > at:
        return True
    after = classes[at + 1] if at + 1 < len(words) else WordClass.OTHER
    if after not in (WordClass.NOUN, WordClass.ATTRIBUTE, WordClass.COLOUR, WordClass.MATERIAL):
        return False
    if token.dep_ == "conj" and classes[token.head.i] in (WordClass.ATTRIBUTE, WordClass.COLOUR) and token.head.i < at:
        return True
    if token.dep_ == "acl" and token.tag_ in ("VBN", "VBD") and after is WordClass.NOUN:
        return token.lower_ not in ("named", "called", "titled", "labeled", "marked")
    if token.tag_ in ("VBN", "VBG") and at and words[at - 1].lower_ in ("a", "an", "the", "his", "her", "their", "its"):
        return True
    return (
        token.tag_ == "VBN" and at > 0 and classes[at - 1] is WordClass.ADVERB and token.dep_ not in ("ROOT", "relcl")
    )


def _is_part(words: Sequence[Token], at: int, classes: list[WordClass]) -> bool:
    """Does a word go with the one before it: by a hyphen, or as the `covered` of `snow covered`?"""
    token, before = words[at], words[at - 1]
    if _is_hyphen(words, at):
        return True
    if before.text == "-" and classes[at - 1] is WordClass.PART:
        return True
    if token.lower_ not in JOINED_PARTICIPLES or at + 1 >= len(words):
        return False
    first = classes[at - 1] in (WordClass.NOUN, WordClass.ATTRIBUTE, WordClass.COLOUR, WordClass.MATERIAL)
    return first and classes[at + 1] in (WordClass.NOUN, WordClass.ATTRIBUTE, WordClass.COLOUR)


def _is_hyphen(words: Sequence[Token], at: int) -> bool:
    return words[at].text == "-" and not words[at - 1].whitespace_ and not words[at].whitespace_ and at + 1 < len(words)
