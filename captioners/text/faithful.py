"""What a rewrite claims that none of its sources says."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ...models.text.english_parser import ParseResult, SyntaxWord

OF_ITSELF = frozenset({
    "video", "clip", "scene", "image", "picture", "photo", "shot", "frame", "footage", "view", "film", "caption",
    "camera", "background", "foreground", "moment", "setting", "time", "front", "side", "top", "way", "middle", "part",
    "group", "couple", "pair", "bunch", "number", "lot", "variety", "series", "sequence", "set", "kind", "type", "sort",
    "thing", "something", "someone", "other", "another", "same", "several", "many", "few", "more", "most", "own",
    "various", "different", "such", "first", "second", "last", "next", "main", "whole", "only", "certain", "overall",
    "visible", "present", "possible", "likely", "mainly", "total", "single",
})  # fmt: skip
"""Words about the caption itself, its frame and how many: they claim nothing that can be seen."""
OF_SPEECH = frozenset({
    "voice", "speech", "speaker", "narrator", "narration", "word", "conversation", "dialogue", "dialog", "question",
    "statement", "audio", "sentence", "person", "viewer", "audience", "message", "remark",
})  # fmt: skip
"""Words that report what is said: where something is said they claim nothing more."""
_ALIKE = (
    {"person", "people", "human", "individual", "figure", "somebody", "someone"}, {"man", "guy", "gentleman", "male"},
    {"woman", "lady", "female"}, {"child", "kid"}, {"boy", "lad"}, {"car", "automobile"}, {"bike", "bicycle"},
    {"motorcycle", "motorbike"}, {"airplane", "plane", "aeroplane", "aircraft", "jet"}, {"couch", "sofa"},
    {"tv", "television", "screen", "monitor", "display"}, {"phone", "cellphone", "smartphone"}, {"street", "road"},
    {"gray", "grey", "greyish", "grayish"}, {"dark", "dim", "dimly"}, {"big", "large", "huge"},
    {"small", "little", "tiny"},
    {"text", "caption", "writing", "inscription"}, {"movement", "motion", "activity"}, {"colour", "color"},
    {"sound", "noise", "audio"}, {"sea", "ocean"}, {"picture", "image", "photo", "photograph"}, {"rock", "stone"},
    {"forest", "wood", "woods"}, {"fast", "quick", "rapid"}, {"quiet", "silent", "still"}, {"title", "heading"},
    {"spaceship", "spacecraft"}, {"ship", "boat"}, {"rug", "carpet"}, {"lorry", "truck"}, {"film", "movie"},
    {"begin", "start", "beginning"}, {"speech", "talk"}, {"lot", "much"},
)  # fmt: skip
_PEOPLE = {
    "man", "woman", "boy", "girl", "child", "kid", "baby", "lady", "guy", "player", "speaker", "adult", "student",
    "worker", "singer", "dancer", "actor", "actress", "astronaut", "driver", "rider", "president", "doctor", "teacher",
    "soldier", "chef", "cook", "athlete", "reporter", "narrator", "crowd", "audience", "mother", "father", "officer",
}  # fmt: skip
_ANIMALS = {
    "dog", "cat", "bird", "horse", "cow", "sheep", "bear", "elephant", "zebra", "giraffe", "rabbit", "squirrel", "fish",
    "lion", "tiger", "monkey", "mouse", "duck", "chicken", "puppy", "kitten", "insect", "deer", "fox", "wolf", "goat",
}  # fmt: skip
_KINDS: dict[str, frozenset[str]] = {
    "person": frozenset(_PEOPLE), "animal": frozenset(_ANIMALS), "creature": frozenset(_ANIMALS),
    "vehicle": frozenset({"car", "truck", "bus", "motorcycle", "bicycle", "train", "van", "boat", "airplane", "taxi"}),
    "food": frozenset({"pizza", "cake", "apple", "banana", "bread", "sandwich", "meat", "fruit", "vegetable", "soup"}),
    "clothing": frozenset({"shirt", "suit", "dress", "jacket", "coat", "hat", "trousers", "jeans", "skirt", "uniform"}),
    "furniture": frozenset({"chair", "table", "couch", "bed", "desk", "bench", "sofa"}),
    "weapon": frozenset({"knife", "sword", "gun", "rifle", "spear", "axe"}),
    "plant": frozenset({"tree", "flower", "grass", "bush"}),
    "building": frozenset({"house", "tower", "church", "barn"}),
    "device": frozenset({"phone", "computer", "laptop", "camera", "tablet"}),
    "instrument": frozenset({"guitar", "piano", "violin", "drum", "flute"}),
}  # fmt: skip
"""Going from one of these to its kind claims nothing new; the other way it does."""
_DERIVED = ("s", "es", "ed", "d", "ing", "ly", "y", "er", "or", "r", "ment", "ness", "ish", "al", "ful", "en", "n",
            "ation", "tion", "ion", "like", "ist", "ity")  # fmt: skip
_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBERS = {
    **{word: i for i, word in enumerate(_UNITS)}, **{word: 10 * i for i, word in enumerate(_TENS, 2)},
    "a": 1, "an": 1, "single": 1, "pair": 2, "couple": 2, "both": 2, "trio": 3, "dozen": 12, "hundred": 100,
    "thousand": 1000, "million": 1_000_000,
}  # fmt: skip
_DIGITS = re.compile(r"(\d+(?:[.,]\d+)*)(?:st|nd|rd|th|%|s)?")


class SourceWords(NamedTuple):
    """What the sources say: lemmas and words as they stand, lower case, and numbers."""

    words: frozenset[str]
    numbers: frozenset[float]


def pool_of(sources: Iterable[ParseResult]) -> SourceWords:
    """All words of all sources, whatever the parser takes them for."""
    words = [word for source in sources for word in source.words]
    said = {form for word in words for form in (word.lemma, word.text.lower(), _bare(word.text))}
    numbers = {value for word in words if (value := number(word.text)) is not None}
    return SourceWords(frozenset(said), frozenset(numbers))


def find_unsupported(said: ParseResult, sources: Sequence[ParseResult], allowed: Collection[str] = ()) -> list[str]:
    """Nouns, attributes, numbers and names in ``said`` that no source has, in order, each once.

    A word is supported by its own lemma, a synonym, a word that it is derived from or that is derived from it, and a
    noun also by one of its kinds: ``person`` by ``man``, not ``man`` by ``person``. ``two`` is supported by ``2``.
    """
    pool = pool_of(sources)
    found = (word for word in said.words if word.kind and not _is_supported(word, pool, allowed))
    return list(dict.fromkeys(w.text if w.kind == "name" else w.lemma for w in found))


def number(text: str) -> float | None:
    """The number that a word or some digits are; None for what is none: ``twenty-five`` and ``25`` are 25."""
    low = text.lower()
    if (digits := _DIGITS.fullmatch(low)) is not None:
        bare = digits[1].replace(",", "")
        return float(bare) if bare.count(".") <= 1 else None
    parts = low.split("-")
    if not all(part in _NUMBERS for part in parts):
        return None
    return float(sum(_NUMBERS[part] for part in parts))


def _bare(text: str) -> str:
    return re.sub(r"['’]s?$", "", text.lower())


def _is_supported(word: SyntaxWord, pool: SourceWords, allowed: Collection[str]) -> bool:
    forms = {word.lemma, word.text.lower(), _bare(word.text)}
    if forms & pool.words or forms & OF_ITSELF or any(form in allowed for form in forms):
        return True
    value = number(word.text)
    if value is not None:
        return value in pool.numbers
    if word.kind == "number":
        return False  # a year, a score, a number in a form of its own
    return any(_has_relative(form, pool.words) for form in forms)


def _has_relative(form: str, words: Collection[str]) -> bool:
    alike = {form}.union(*(group for group in _ALIKE if form in group))
    if any(other in words for other in alike):
        return True
    if any(one in words for other in alike for one in _KINDS.get(other, ())):
        return True
    return any(_is_derived(form, word) or _is_derived(word, form) for word in words)


def _is_derived(long: str, short: str) -> bool:
    """``moving``, ``mover`` and ``movement`` of ``move``; ``sunny`` of ``sun``."""
    stems = {short, short.removesuffix("e"), short.removesuffix("y") + "i", short + short[-1:]}
    return any(
        len(stem) >= 3 and len(short) >= 3 and long.startswith(stem) and long[len(stem) :] in _DERIVED for stem in stems
    )


def describe_finding(words: Sequence[str], done: str) -> str:
    """``unsupported: dog, red; replaced``; empty without words."""
    return f"unsupported: {', '.join(words)}; {done}" if words else ""
