"""Captions from lists of words, soft labels, and synonyms that pictures are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cliploom.captioners.retrieval.words import (
    Floats,
    RetrievalSlots,
    WordList,
    check_synonyms,
    draw_synonym,
    is_confident,
    nearest_words,
    retrieve_caption,
    soft_labels,
    unit_draw,
)
from cliploom.captioners.retrieve import Retrieve, RetrieveInput
from cliploom.captioners.text.chunks import split_text
from cliploom.engine.contract.errors import UserError
from cliploom.models.encoders.choice import model_of
from cliploom.models.encoders.conse import Conse
from cliploom.schemas import Clip, Embedding
from cliploom.testing import run_step

ANGLES = {"car": 0.0, "chair": 1.0, "dog": 2.0, "cup": 3.0, "old": 0.3, "big": 0.5, "red": 0.9, "blue": 2.5}


def words(*names: str) -> WordList:
    return WordList(names, np.array([[np.cos(ANGLES[n]), np.sin(ANGLES[n])] for n in names]))


def encode(texts: Sequence[str]) -> Floats:
    means = [np.mean([ANGLES[word.rstrip(".")] for word in text.split()]) for text in texts]
    return np.array([[np.cos(mean), np.sin(mean)] for mean in means])


def test_the_nearest_pair_is_the_caption_and_the_colour_goes_before_it() -> None:
    picture = np.array([np.cos(0.1), np.sin(0.1)])
    slots = RetrievalSlots(words("car", "chair", "dog", "cup"), words("old", "big"), words("red", "blue"))
    assert nearest_words(picture, slots.nouns, 3) == ["car", "chair", "dog"]
    found = [retrieve_caption(picture, slots, encode, 0, f"k{n}") for n in range(400)]
    assert set(found) == {"old car.", "red old car."}
    assert found.count("red old car.") / 400 == pytest.approx(0.8, abs=0.06)
    assert retrieve_caption(picture, slots, encode, 0, "k7") == found[7]
    only_colours = slots._replace(adjectives=words())
    assert retrieve_caption(picture, only_colours, encode, 0, "k") == "red car."
    assert retrieve_caption(picture, slots._replace(nouns=words()), encode, 0, "k") == ""
    assert retrieve_caption(picture, RetrievalSlots(words("car"), words(), words()), encode, 0, "k") == "car."
    assert 0 <= unit_draw(3, "x") < 1


def test_soft_labels_and_who_is_sure() -> None:
    found = soft_labels(np.eye(2), np.array([[1.0, 0], [0, 1.0], [0.6, 0.8]]), 0.1)
    assert found.sum(axis=1) == pytest.approx([1, 1]) and found.argmax(axis=1).tolist() == [0, 1]
    assert found[0, 2] / found[0, 0] == pytest.approx(np.exp(-4))
    unsure = np.full((1, 10), 0.1)
    assert is_confident(found, profile="published").tolist() == [False, True]
    assert is_confident(np.vstack([np.eye(10)[0], unsure[0]]), profile="fixed").tolist() == [True, False]
    assert soft_labels(np.zeros((0, 2)), np.eye(2)).shape == (0, 2)


def test_synonyms_are_drawn_among_those_that_the_picture_shows() -> None:
    checked = check_synonyms(np.array([1.0, 0.0]), ["couch", "sofa", "bed"], np.array([[1, 0], [0.99, 0.1], [0, 1]]))
    assert list(checked) == ["couch", "sofa", "bed"] and sum(checked.values()) == pytest.approx(1)
    drawn = {draw_synonym(checked, "couch", 0, str(n)) for n in range(50)}
    assert drawn == {"couch", "sofa"} and draw_synonym({}, "couch", 0, "x") == "couch"
    assert check_synonyms(np.ones(2), [], np.zeros((0, 2))) == {}


def test_long_texts_are_cut_between_sentences_and_words() -> None:
    assert split_text("one two. three four five. six", 5) == ["one two. three four five.", "six"]
    assert split_text("a b c d e f g", 3) == ["a b c", "d e f", "g"] and split_text("", 3) == [""]
    assert split_text("  as  it is ", 3) == ["  as  it is "]


@pytest.mark.models
def test_clips_are_captioned_with_words_of_lists(tmp_path: Path) -> None:
    (tmp_path / "nouns").write_text("dog\nfire truck\nviolin\n")
    (tmp_path / "adjectives").write_text("furry\nloud\n")
    encoder = Conse()
    vector = encoder.texts(["a furry dog"])[0].astype(np.float16)
    clip = Clip("k", "v", 0.0, 1.0, [])
    rows = [RetrieveInput(clip, [Embedding("e", "v", model_of(encoder), vector, "k")]), RetrieveInput(clip, [])]
    step = Retrieve(nouns=str(tmp_path / "nouns"), adjectives=str(tmp_path / "adjectives"))
    step.check([])
    captions, none = run_step(step, rows)
    assert captions[0].text.endswith("furry dog.") and none == []
    with pytest.raises(UserError, match="there is no file"):
        Retrieve(nouns=str(tmp_path / "none")).check([])
