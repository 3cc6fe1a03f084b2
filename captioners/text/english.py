"""The little English grammar that a template needs."""

from __future__ import annotations

from collections.abc import Sequence

_NUMBERS = ("no", "one", "two", "three", "four", "five")
_PLURALS = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "mouse": "mice", "knife": "knives",
    "goose": "geese", "leaf": "leaves", "wolf": "wolves", "ox": "oxen", "foot": "feet", "tooth": "teeth",
    "sheep": "sheep", "fish": "fish", "aircraft": "aircraft", "deer": "deer", "bison": "bison",
}  # fmt: skip
_MASS = {
    "broccoli", "sunglasses", "seashore", "jeans", "pajamas", "guacamole", "hay", "chainmail", "chain mail", "corn",
    "toilet tissue", "plastic", "water", "fur", "ice", "food", "bubble", "carbonara", "mashed potato", "dough",
}  # fmt: skip
_PAIRS = {"skis", "scissors", "binoculars", "maracas", "swimming trunks"}
_SOUNDS_LIKE_YOU = ("uni", "use", "eu", "ukulele", "one-")
_SILENT_H = ("hour", "honest", "heir")


def article(noun: str) -> str:
    """``a`` or ``an``, by how the noun sounds."""
    low = noun.lower()
    if low.startswith(_SILENT_H):
        return "an"
    return "an" if low[:1] in "aeiou" and not low.startswith(_SOUNDS_LIKE_YOU) else "a"


def plural(noun: str) -> str:
    """The plural of a noun of one or more words; the last word carries it."""
    before, _, word = noun.rpartition(" ")
    made = _PLURALS.get(word.lower()) or _regular_plural(word)
    return f"{before} {made}" if before else made


def _regular_plural(word: str) -> str:
    low = word.lower()
    if low in _MASS or low in _PAIRS:
        return word
    if low.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if low.endswith("y") and low[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


def count_phrase(noun: str, count: int = 1) -> str:
    """``a dog``, ``two dogs``, ``several dogs``, ``a group of people``; mass nouns stay bare."""
    if noun.lower() in _MASS:
        return noun
    if noun.lower() in _PAIRS:
        return f"a pair of {noun}"
    if count == 1:
        return f"{article(noun)} {noun}"
    if count < len(_NUMBERS):
        return f"{_NUMBERS[count]} {plural(noun)}"
    return "a group of people" if noun == "person" else f"several {plural(noun)}"


def join_words(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def sentence(words: str) -> str:
    """With a capital first letter and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."
