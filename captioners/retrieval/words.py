"""Words for pictures by an image-text encoder, as functions of vectors of length 1.

Captions by retrieval: TAPS3D (Wei et al. 2023, https://arxiv.org/abs/2303.13273; plusmultiply/TAPS3D). Soft labels of
entities: ALPRO (Li et al. 2022, https://arxiv.org/abs/2112.09583; salesforce/ALPRO). Synonyms checked by pictures: GKC
(Liu et al. 2024; yongliu20/GKC).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Encode = Callable[[Sequence[str]], Floats]

NOUNS, ADJECTIVES = 3, 6
PREFIX = 0.8


class WordList(NamedTuple):
    """Words, and their vectors ``(N, D)``."""

    words: Sequence[str]
    vectors: Floats


def unit_draw(seed: int, key: str) -> float:
    """A number in ``[0, 1)`` that follows from a seed and a text."""
    digest = hashlib.blake2b(f"{seed}\0{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) * 2.0**-53


def nearest_words(picture: Floats, words: WordList, most: int) -> list[str]:
    """The ``most`` words with the largest products, the largest first; of equal ones the first."""
    if not words.words:
        return []
    order = np.argsort(-(words.vectors @ picture), kind="stable")[:most]
    return [words.words[at] for at in order.tolist()]


class RetrievalSlots(NamedTuple):
    """What captions are made of."""

    nouns: WordList
    adjectives: WordList
    colours: WordList


def retrieve_caption(picture: Floats, slots: RetrievalSlots, encode: Encode, seed: int, key: str) -> str:
    """``adjective noun.``, of a picture's vector ``(D,)``; empty where there are no nouns.

    As TAPS3D: three nouns, six adjectives and one colour are nearest; of the 21 captions the nearest is taken; where
    its adjective is not the colour, the colour is put before it with a probability of .8, drawn by ``seed`` and
    ``key``.
    """
    nouns = nearest_words(picture, slots.nouns, NOUNS)
    colours = nearest_words(picture, slots.colours, 1)
    adjectives = [*nearest_words(picture, slots.adjectives, ADJECTIVES), *colours]
    pairs = [(adjective, noun) for adjective in adjectives for noun in nouns]
    if not pairs:
        return f"{nouns[0]}." if nouns else ""
    texts = [f"{adjective} {noun}." for adjective, noun in pairs]
    best = int(np.argmax(encode(texts) @ picture))
    is_colour = pairs[best][0] in colours
    with_colour = bool(colours) and not is_colour and unit_draw(seed, key) < PREFIX
    return f"{colours[0]} {texts[best]}" if with_colour else texts[best]


def soft_labels(pictures: Floats, names: Floats, temperature: float = 0.01) -> Floats:
    """``(N, M)`` probabilities of M names for N pictures: the softmax of cosines over ``temperature``.

    ``names`` may be the means of several templates' vectors, as in ALPRO, of length 1 again.
    """
    logits = np.asarray(pictures, np.float64) @ np.asarray(names, np.float64).T / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True)) if logits.size else logits
    return np.asarray(powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-300))


def is_confident(probabilities: Floats, least: float = 0.2, profile: str = "published") -> NDArray[np.bool_]:
    """Which pictures' soft labels count, ``(N,)``.

    ALPRO says: those whose largest probability is at least .2 (``fixed``). Its ``published`` code compares the place of
    the largest with .2, so that only the first name's pictures are left out.
    """
    if profile == "published":
        return np.asarray(probabilities.argmax(axis=1) >= least)
    return np.asarray(probabilities.max(axis=1) >= least)


def check_synonyms(
    picture: Floats, synonyms: Sequence[str], vectors: Floats, temperature: float = 0.01
) -> dict[str, float]:
    """How probable each synonym of a class is for a picture: the softmax over all of them, in their order (GKC)."""
    found = soft_labels(picture[None], vectors, temperature)[0].tolist() if len(synonyms) else []
    return dict(zip(synonyms, found, strict=True))


def draw_synonym(probabilities: Mapping[str, float], name: str, seed: int, key: str, least: float = 0.1) -> str:
    """One of the synonyms more probable than ``least``, each as likely as the others; ``name`` where there is none."""
    able = sorted(synonym for synonym, probability in probabilities.items() if probability > least)
    return able[int(unit_draw(seed, key) * len(able))] if able else name
