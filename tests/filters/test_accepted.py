"""Clips by what people said of them."""

from __future__ import annotations

import pytest

from cliploom.filters.accepted import Accepted, Answered
from cliploom.schemas import Clip, Review

CLIP = Clip("v_1", "v", 0.0, 2.0, shots=[])


def _said(person: str, verdict: str, caption_id: str | None = "one") -> Review:
    return Review(f"{caption_id}_{person}", "v", "v_1", caption_id, person, verdict)


@pytest.mark.parametrize(
    ("reviews", "reason"),
    [
        ([], None),
        ([_said("a", "accept")], None),
        ([_said("a", "edit")], None),
        ([_said("a", "reject")], "rejected"),
        ([_said("a", "reject"), _said("b", "reject"), _said("c", "accept")], "rejected"),
        ([_said("a", "reject"), _said("b", "accept"), _said("c", "edit")], None),
        ([_said("a", "reject"), _said("b", "accept")], None),
        # One caption of the clip is right for them: one person, for the clip.
        ([_said("a", "reject", "one"), _said("a", "reject", "two"), _said("a", "accept", "three")], None),
        # Choosing among captions: nobody's choice counts against the clip.
        ([_said("a", "reject", None), _said("b", "reject", None), _said("c", "accept", "two")], "rejected"),
        ([_said("a", "accept", "one"), _said("b", "accept", "two"), _said("c", "reject", None)], None),
    ],
)
def test_the_majority_of_people_decides(reviews: list[Review], reason: str | None) -> None:
    assert Accepted().drop(Answered(CLIP, reviews)) == reason


def test_a_tie_and_a_clip_without_answers_are_for_the_recipe_to_say() -> None:
    tie = Answered(CLIP, [_said("a", "reject"), _said("b", "accept")])
    assert Accepted(tie="drop").drop(tie) == "rejected"
    assert Accepted(unreviewed="drop").drop(Answered(CLIP)) == "unreviewed"
