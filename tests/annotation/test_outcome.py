"""What the answers of several people come to."""

from __future__ import annotations

import pytest

from cliploom.annotation.tasks.outcome import Correction, Judgement, Rules, Text

A, B, MOMENT = Text("a", "A dog."), Text("b", "A cat."), Text("m", "It turns.", "differential", start_s=1.0, end_s=2.0)


def said(*answers: str) -> list[Judgement]:
    """``person verdict caption text``; ``-`` is no caption."""
    split = [answer.split(" ", 3) for answer in answers]
    return [Judgement(None if c == "-" else c, p, v, text[0] if text else "") for p, v, c, *text in split]


@pytest.mark.parametrize(
    ("answers", "dropped", "written", "reason"),
    [
        ([], {}, [], ""),
        (["ann accept a"], {}, [], ""),
        (["ann reject a"], {"a": "rejected"}, [], "rejected"),
        (["ann edit a A wolf."], {"a": "edited"}, ["A wolf."], ""),
        (["ann edit a A dog."], {}, [], ""),  # as it was
        (["ann cannot_tell a"], {}, [], ""),
        (["ann cannot_tell a", "bo reject a"], {"a": "rejected"}, [], "rejected"),
        (["ann reject a", "bo accept a"], {}, [], ""),
        (["ann reject a", "bo reject a", "cy edit a A wolf."], {"a": "rejected"}, [], "rejected"),
        (["ann reject a", "bo accept a", "cy edit a A wolf."], {"a": "edited"}, ["A wolf."], ""),
        (["ann accept a", "bo accept a", "cy edit a A wolf."], {}, [], ""),
        (["bo edit a Two.", "ann edit a One."], {"a": "edited"}, ["One."], ""),
        (["bo edit a Two.", "ann edit a One.", "cy edit a Two."], {"a": "edited"}, ["Two."], ""),
    ],
)
def test_a_judged_caption_goes_the_way_that_most_people_say(
    answers: list[str], dropped: dict[str, str], written: list[str], reason: str
) -> None:
    found = Rules().outcome([A], said(*answers))
    assert (found.dropped, [c.text for c in found.written], found.reason) == (dropped, written, reason)
    assert all(correction.parent == "a" for correction in found.written)


def test_a_clip_stays_while_one_of_its_captions_is_right() -> None:
    assert Rules().outcome([A, B], said("ann reject a")).reason == ""
    assert Rules().outcome([A, B], said("ann reject a", "ann reject b")).reason == "rejected"
    assert Rules().outcome([A, MOMENT], said("ann reject a", "ann accept m")).reason == "rejected"
    assert Rules().outcome([A, MOMENT], said("ann reject m")).reason == ""


@pytest.mark.parametrize(
    ("answers", "left", "written", "reason"),
    [
        ([], "ab", [], ""),
        (["ann cannot_tell -"], "ab", [], ""),
        (["ann accept a"], "a", [], ""),
        (["ann reject -"], "", [], "rejected"),
        (["ann reject -", "bo reject -", "cy accept a"], "", [], "rejected"),
        (["ann reject -", "bo accept a"], "a", [], ""),
        (["ann accept a", "bo accept b"], "ab", [], ""),
        (["ann accept a", "bo accept b", "cy edit b A lynx."], "", [Correction("A lynx.", "b")], ""),
        (["ann edit - A fox."], "", [Correction("A fox.", None)], ""),
        (["ann edit - A fox.", "bo accept b", "cy accept b"], "b", [], ""),
    ],
)
def test_the_most_chosen_caption_is_left(answers: list[str], left: str, written: list[Correction], reason: str) -> None:
    found = Rules(kind="choose").outcome([A, B, MOMENT], said(*answers))
    assert "".join(text.caption_id for text in (A, B) if text.caption_id not in found.dropped) == left
    assert (found.written, found.reason) == (written, reason)
    assert "m" not in found.dropped  # nobody could choose it


def test_ties_and_what_nobody_answered_about_are_for_the_recipe_to_say() -> None:
    tie = said("ann accept a", "bo reject a")
    assert Rules(tie="drop").outcome([A], tie).reason == "rejected"
    assert Rules(kind="choose", tie="drop").outcome([A], said("ann accept a", "bo reject -")).reason == "rejected"
    for answers in ([], said("ann cannot_tell a")):
        assert Rules(unreviewed="drop").outcome([A], answers).reason == "unreviewed"
        assert Rules(kind="choose", unreviewed="drop").outcome([A], answers).reason == "unreviewed"
    assert Rules(unreviewed="drop").outcome([A, B], said("ann accept a")).dropped == {"b": "unreviewed"}
