"""One answer out of several."""

from __future__ import annotations

import numpy as np

from cliploom.models.people.adjudication import Ruling, by_majority, by_senior, by_unanimity, by_weight, dawid_skene


def test_most_votes_hold_and_a_tie_goes_to_a_senior() -> None:
    assert by_majority({"ann": "a", "bo": "b", "cy": "a"}) == Ruling("a", "majority", ("bo",))
    assert by_majority({"ann": "a", "bo": "b"}).value is None
    assert by_unanimity({"ann": "a", "bo": "a"}) == Ruling("a", "unanimous", ())
    assert by_unanimity({"ann": "a", "bo": "b"}).value is None and by_unanimity({}).value is None
    assert by_senior({"ann": "a", "bo": "b"}, "bo") == Ruling("b", "senior", ("ann",))
    assert by_senior({"ann": "a"}, "bo").value is None


def test_who_is_right_more_often_weighs_more() -> None:
    accuracy = {"ann": 0.95, "bo": 0.6, "cy": 0.6}
    assert by_weight({"ann": "a", "bo": "b", "cy": "b"}, accuracy) == Ruling("a", "weighted", ("bo", "cy"))
    assert by_weight({"ann": "a", "bo": "b", "cy": "b"}, {}).value == "b"


def test_dawid_and_skene_find_who_confuses_what() -> None:
    """One good person among four who guess: the majority is wrong far more often than the model."""
    dice = np.random.default_rng(3)
    truth = dice.integers(0, 2, 300)
    right = {"good": 0.95, "fair": 0.85, "a": 0.55, "b": 0.55, "c": 0.55}
    answers = [
        {person: int(value if dice.random() < chance else 1 - value) for person, chance in right.items()}
        for value in truth
    ]
    model = np.mean([ruling.value == value for ruling, value in zip(dawid_skene(answers), truth, strict=True)])
    voted = np.mean([by_majority(votes).value == value for votes, value in zip(answers, truth, strict=True)])
    assert model > 0.92 > voted + 0.05
    assert dawid_skene([{}]) == [Ruling(None, "dawid_skene", ())]
