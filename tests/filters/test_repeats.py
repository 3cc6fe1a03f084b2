"""Repeated captions: too frequent, with the same picture, nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from step_tables import step_tables

from cliploom.engine.contract.step import StepContext
from cliploom.filters.repeats import Repeats
from cliploom.filters.texts.minhash import (
    bands_for,
    jaccard,
    near_texts,
    normal_text,
    shingles,
    signatures,
)
from cliploom.schemas import Caption, Clip, Frame

HERE = StepContext(Path(), {"": Path("x")})


def test_texts_are_compared_by_their_words() -> None:
    assert normal_text("  A “Red”  bus,\tＯＫ? ") == "a red bus ok"
    assert shingles("a red bus stops", 3) == {"a red bus", "red bus stops"}
    assert shingles("Bus!", 3) == {"bus"} and shingles("...", 3) == frozenset()
    assert jaccard(frozenset("ab"), frozenset("bc")) == 1 / 3 and jaccard(frozenset(), frozenset()) == 0


def test_signatures_estimate_what_sets_share() -> None:
    sets = [frozenset(map(str, range(0, 100))), frozenset(map(str, range(25, 125))), frozenset[str]()]
    made = signatures(sets, 512)
    assert made.shape == (3, 512) and (made[2] == 2**32 - 1).all()
    assert abs((made[0] == made[1]).mean() - 0.6) < 0.08
    assert (signatures(sets[::-1], 512)[::-1] == made).all()
    assert [bands_for(t) for t in (1.0, 0.9, 0.5, 0.3)] == sorted(bands_for(t) for t in (1.0, 0.9, 0.5, 0.3))


WORDS = ["a", "red", "bus", "stops", "near", "the", "old", "town", "hall", "at", "noon"]
words = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


@given(st.lists(words, max_size=12))
def test_pairs_that_are_found_are_near_and_equal_texts_are_found(texts: list[str]) -> None:
    found = near_texts(texts, 0.6, 2)
    for one, other in zip(found.one.tolist(), found.other.tolist(), strict=True):
        assert one < other and jaccard(shingles(texts[one], 2), shingles(texts[other], 2)) >= 0.6
    first = {text: at for at, text in reversed(list(enumerate(texts)))}
    pairs = set(zip(found.one.tolist(), found.other.tolist(), strict=True))
    assert {(first[text], at) for at, text in enumerate(texts) if text and first[text] != at} <= pairs


def test_near_texts_of_many_are_found() -> None:
    random = np.random.default_rng(0)
    texts = [" ".join(map(str, random.integers(0, 5000, 40))) for _ in range(500)]
    changed = [" ".join(text.split()[:38] + ["new", "end"]) for text in texts]
    found = near_texts([*texts, *changed], 0.8)
    assert len(set(found.one.tolist())) >= 490 and (found.other - found.one == 500).all()


def reasons(said: Sequence[tuple[str, str]], **options: object) -> dict[str, str]:
    """By caption: why it leaves; captions are ``(text, hash of the picture)``."""
    captions = [
        Caption(f"c{n}", f"v{n}", f"k{n}", "t", "source", text, [], "m", "1") for n, (text, _) in enumerate(said)
    ]
    clips = [Clip(f"k{n}", f"v{n}", 0.0, 0.0, []) for n in range(len(said))]
    frames = [Frame(f"f{n}", f"v{n}", 0.0, b"", 1, 1, h, 9.0, 9.0) for n, (_, h) in enumerate(said) if h]
    with step_tables([*captions, *clips, *frames]) as db:
        return {drop.id: drop.reason for drop in Repeats(**options).rows(db, HERE)}  # type: ignore[arg-type]


def test_a_text_that_is_said_too_often_leaves_everywhere() -> None:
    said = [("image for sale", f"{n:016x}") for n in range(3)] + [("a dog", f"{9:016x}")]
    assert reasons(said, max_times=2) == {f"c{n}": "too_frequent" for n in range(3)}
    assert reasons(said, max_times=3) == {} and reasons(said, max_times=None) == {}
    assert reasons([]) == {}


def test_one_of_the_same_pairs_stays() -> None:
    said = [
        ("a dog", "a" * 16),
        ("a dog", "a" * 16),
        ("a dog", "b" * 16),
        ("a cat", "a" * 16),
        ("a dog", ""),
        ("a dog", ""),
    ]
    assert reasons(said) == {"c1": "same_pair"}
    assert reasons(said, pairs=False) == {}


def test_the_longest_of_nearly_equal_texts_stays() -> None:
    said = [("A man rides a brown horse!", ""), ("a man rides a brown horse now", ""), ("a cat", ""), ("A cat.", "")]
    assert reasons(said, near=0.6, words=2) == {"c0": "near_text", "c2": "near_text"}
