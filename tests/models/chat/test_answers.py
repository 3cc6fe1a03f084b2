"""Which answers can be used, and which cannot."""

from __future__ import annotations

import pytest

from cliploom.engine.contract.errors import RowError
from cliploom.models.chat.answers import loops, used
from cliploom.models.chat.model import Answer


def answer(text: str, finish_reason: str = "stop") -> Answer:
    return Answer(text, finish_reason, 10, 20)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer("A dog ru", "length"), "truncated"),
        (answer("", "length"), "truncated"),
        (answer("<think>A dog, or is it a", "length"), "truncated"),
        (answer("A man " * 40, "length"), "looping"),
        (answer("  \n"), "empty"),
        (answer("<think>A dog.</think>"), "empty"),
        (answer("I'm sorry, but I can't assist with that."), "refused"),
        (answer("As an AI, I have no eyes."), "refused"),
        (answer("I cannot describe this video."), "refused"),
        (answer("", "content_filter"), "refused"),
        (answer("No.", "refusal"), "refused"),
        (answer("A red car and a red car and a red car and a red car and a red car."), "looping"),
        (answer("A dog runs home. It is dark. A dog runs home. Yes. A dog runs home."), "looping"),
    ],
)
def test_answers_that_cannot_be_used(given: Answer, kind: str) -> None:
    with pytest.raises(RowError) as caught:
        used(given)
    assert caught.value.kind == kind
    assert kind == "empty" or given.text[7:15] in caught.value.message  # what it said is in the message


def test_answers_that_can_be_used() -> None:
    assert used(answer(" A man says sorry to his sister. ")) == "A man says sorry to his sister."
    assert used(answer("<think>\nHm, a dog.\n</think>\n\nA dog runs.")) == "A dog runs."
    assert not loops("No, no, no! I said no, and no means no.")
    assert not loops(
        "Two people talk. Two people walk. A dog, a cat, a bird and a horse stand by a tree, a wall and a car."
    )
    assert loops("la " * 6)
    assert not loops("la " * 5)
    assert loops("one two " * 4)
    assert not loops("one two " * 3)


def test_a_long_raw_answer_is_shortened() -> None:
    with pytest.raises(RowError) as caught:
        used(answer(" ".join(f"word{i}" for i in range(900)), "length"))
    assert 1500 < len(caught.value.message) < 1600
    assert "…" in caught.value.message
