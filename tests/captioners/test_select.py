"""One caption per clip is chosen, the same one every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.captioners.clip_score import ClipScore
from cliploom.captioners.select import Select, SelectInput
from cliploom.captioners.teacher import Teacher
from cliploom.captioners.text.description import is_description
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import Caption, Clip, Score, problem

CLIP = Clip("c", "v", 0.0, 5.0, [])


def caption(teacher: str, text: str = "A dog runs.", model: str = "m") -> Caption:
    return Caption(
        f"c_{teacher}_1", "v", "c", teacher, "teacher", text, [], model, "1", raw="raw", seed=3, language="de"
    )


def score(teacher: str, value: float, name: str = "conse") -> Score:
    return Score(f"c_{teacher}_1_{name}", "v", "c", f"c_{teacher}_1", name, value, "m")


def choose(step: Select, captions: list[Caption], scores: list[Score]) -> list[Any]:
    with step.open(StepContext(Path("."), {})) as work:
        [chosen] = work([SelectInput(CLIP, captions, scores)])
    assert isinstance(chosen, list)
    return chosen


def winner(step: Select, captions: list[Caption], scores: list[Score]) -> str:
    [chosen] = choose(step, captions, scores)
    return str(chosen.teacher)


A, B, C = caption("a"), caption("b", "A dog runs over a field."), caption("c")


def test_the_best_score_wins_and_the_choice_names_it() -> None:
    scores = [score("a", 0.1), score("b", 0.4), score("c", 0.3), score("a", 0.9, "other")]
    [chosen] = choose(Select(), [A, B, C], [*scores, Score("c_conse", "v", "c", None, "conse", 1.0, "m")])
    assert problem(chosen) is None
    assert (chosen.kind, chosen.parents, chosen.text) == ("choice", ["c_b_1"], B.text)
    assert (chosen.teacher, chosen.model, chosen.revision, chosen.raw, chosen.language) == ("b", "m", "1", "raw", "de")
    assert chosen.caption_id.startswith("c_b_")
    assert chosen.caption_id != B.caption_id


def test_without_a_score_it_comes_last() -> None:
    assert winner(Select(), [A, B], [score("b", -0.5)]) == "b"
    assert winner(Select(), [A, B], []) == "a"


def test_ties_go_to_the_preferred_teacher_then_to_the_smaller_id() -> None:
    scores = [score("a", 0.4), score("b", 0.4), score("c", 0.4)]
    assert winner(Select(), [C, B, A], scores) == "a"
    assert winner(Select(prefer=["c", "b"]), [A, B, C], scores) == "c"
    assert winner(Select(prefer=["z", "b"]), [A, B, C], scores) == "b"


def test_by_length_or_order() -> None:
    assert winner(Select(by="longest"), [A, B, C], []) == "b"
    assert winner(Select(by="first", prefer=["c", "a"]), [A, B, C], []) == "c"


def test_a_dry_run_is_never_preferred() -> None:
    fake, other = (
        caption("fake", "[fake] A dog runs over a long field."),
        caption("rewrite", "[fake] Long. " * 9, "fake"),
    )
    assert winner(Select(prefer=["fake"]), [fake, other, A], [score("fake", 1.0), score("rewrite", 1.0)]) == "a"
    assert winner(Select(by="longest"), [fake, A], []) == "a"
    assert winner(Select(), [fake], []) == "fake"


def test_what_a_person_corrected_comes_first_and_names_what_it_corrects() -> None:
    edit = replace(caption("person"), kind="edit", parents=["c_b_1"])
    [chosen] = choose(Select(), [A, edit], [score("a", 0.9), score("person", 0.1)])
    assert (chosen.teacher, chosen.parents) == ("person", ["c_person_1", "c_b_1"])
    assert winner(Select(minimum=0.5), [A, edit], [score("a", 0.9), score("person", 0.1)]) == "a"


def test_below_the_minimum_none_is_chosen() -> None:
    [drop] = choose(Select(minimum=0.5), [A, B], [score("a", 0.4)])
    assert drop == Drop("c", "v", "below_minimum", f"{A.text!r}; {B.text!r}")
    assert winner(Select(minimum=0.4), [A, B], [score("a", 0.4), score("b", 0.3)]) == "a"
    assert choose(Select(), [], []) == []


def test_the_score_must_have_been_measured() -> None:
    Select().check([Teacher(), ClipScore()])
    Select(by="longest").check([])
    with pytest.raises(UserError, match="did you mean conse") as caught:
        Select(by="conce").check([Teacher(), ClipScore()])
    assert "conse, clip_score, longest, first" in caught.value.hint
    with pytest.raises(UserError, match="no step before it measures"):
        Select().check([Teacher()])
    with pytest.raises(UserError, match="minimum"):
        Select(by="first", minimum=1.0).check([])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from([0.0, 0.5, 1.0])), min_size=1), st.randoms())
def test_the_order_of_rows_does_not_matter(found: list[tuple[str, float]], random: Random) -> None:
    captions, scores = [caption(n) for n in dict(found)], [score(n, v) for n, v in dict(found).items()]
    first = choose(Select(), captions, scores)
    random.shuffle(captions)
    random.shuffle(scores)
    assert choose(Select(), captions, scores) == first


@pytest.mark.parametrize(
    "text",
    ["MYTITLE", "gatekeepers?", "The search", "EXIT NOW", "THE LAST WAVE", "Who are you?", "Wohin gehst du?", "...", "",
     "10:45", "出口", "¿Quién eres?"],
)  # fmt: skip
def test_what_describes_nothing_is_not_chosen(text: str) -> None:
    odd = caption("odd", text)
    assert winner(Select(), [A, odd], [score("odd", 0.9), score("a", 0.1)]) == "a"
    assert choose(Select(), [odd], [score("odd", 0.9)]) == [Drop("c", "v", "no_description", repr(text))]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A dog runs.", "en"), ("Dogs running on grass", "en"), ("A MAN RIDES A HORSE", "en"),
        ('A man asks: "Who are you?"', "en"), ("A man walks in. Who is he?", "en"), ("Ein Hund läuft.", "de"),
        ("一只狗在跑。", "zh"), ("كلب بني يركض", "ar"), ("สุนัขวิ่งบนหาด", "th"),
    ],
)  # fmt: skip
def test_plain_descriptions_are(text: str, language: str) -> None:
    assert is_description(text, language)


def test_a_caption_that_a_dataset_brought_is_taken_as_it_is() -> None:
    [chosen] = choose(Select(), [replace(caption("alt", "Sunset timelapse"), kind="source")], [])
    assert chosen.text == "Sunset timelapse"


def test_what_is_said_is_chosen_only_where_nothing_is_described() -> None:
    said, title = caption("speech", "I told you to go."), caption("title", "The search for gold")
    scores = [score("speech", 0.9), score("title", 0.8), score("a", 0.1)]
    assert winner(Select(), [said, title, A], scores) == "a"
    assert winner(Select(), [said, title, A], scores[:2]) == "a"
    assert winner(Select(), [said, title], scores) == "speech"
    assert winner(Select(prefer=["title"]), [said, title, A], scores) == "title"
    assert winner(Select(spoken=[]), [said, title, A], scores) == "speech"
