"""Captions are marked by a model that does not know whose they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answering import Scripted, told, worked

from cliploom.captioners.judge import Judge, JudgeInput
from cliploom.captioners.select import Select
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.models.chat.model import ChatModelOptions, ImagePart
from cliploom.schemas import Caption, Clip, Frame, problem

CLIP = Clip("c", "v", 0.0, 5.0, [])
SERVED = ChatModelOptions("qwen", url=["http://127.0.0.1:8000/v1"])
FRAME = Frame("v_000001000", "v", 1.0, b"jpeg", 32, 18, "0" * 16, 1.0, 100.0)


def caption(teacher: str, text: str) -> Caption:
    return Caption(f"c_{teacher}_1", "v", "c", teacher, "teacher", text, [], "m", "1")


A, B, SAME = caption("a", "A dog runs."), caption("b", "A cat sleeps."), caption("same", "A dog runs.")
FAKE = replace(caption("fake", "[fake] A bird waits."), model="fake")


def verdicts(*marks: int) -> dict[str, dict[str, object]]:
    return {f"candidate_{i + 1}": {"why": f"reason {i + 1}", "mark": mark} for i, mark in enumerate(marks)}


def places(model: Scripted) -> list[str]:
    return [line.split('"')[1] for line in model.last().splitlines() if line.startswith("candidate_")]


def test_every_caption_gets_its_mark_and_the_reason() -> None:
    model = Scripted(verdicts(1, 4))
    scores = told(Judge(model=SERVED, frames=2), JudgeInput(CLIP, [A, B, SAME, FAKE], [FRAME]), model)
    assert all(problem(s) is None for s in scores)
    assert [(s.score_id, s.caption_id, s.name, s.model) for s in scores] == [
        (f"{c.caption_id}_judge", c.caption_id, "judge", "scripted") for c in (A, B, SAME)
    ]
    order = places(model)
    assert sorted(order) == ["A cat sleeps.", "A dog runs."]
    values = {text: (0.0, 0.75)[i] for i, text in enumerate(order)}
    assert [s.value for s in scores] == [values[c.text] for c in (A, B, SAME)]
    assert [s.note for s in scores] == [f"reason {order.index(c.text) + 1}" for c in (A, B, SAME)]
    assert model.shown() == [ImagePart(b"jpeg")]
    assert "teacher" not in model.last()


def test_no_place_is_favoured_and_the_order_is_the_same_in_every_build() -> None:
    firsts = []
    for i in range(24):
        clip = replace(CLIP, clip_id=f"c{i}")
        model = Scripted(verdicts(1, 4), verdicts(1, 4))
        told(Judge(), JudgeInput(clip, [A, B]), model)
        firsts.append(places(model)[0])
        told(Judge(), JudgeInput(clip, [B, A]), model)
        assert places(model)[0] == firsts[-1]
    assert 6 <= firsts.count("A dog runs.") <= 18


def test_an_answer_that_leaves_one_out_is_sent_back_and_then_a_bad_row() -> None:
    model = Scripted(verdicts(3), verdicts(3, 5))
    assert [s.value for s in told(Judge(), JudgeInput(CLIP, [A, B]), model)] != []
    with pytest.raises(RowError) as caught:
        told(Judge(), JudgeInput(CLIP, [A, B]), Scripted(verdicts(3, 9), verdicts(3, 9)))
    assert caught.value.kind == "invalid"


def test_many_captions_get_room_for_as_many_reasons() -> None:
    model = Scripted(verdicts(*[3] * 9))
    told(Judge(), JudgeInput(CLIP, [caption(f"t{i}", f"Dog {i} runs.") for i in range(9)]), model)
    assert model.asked[0].max_tokens == 720


def test_marks_become_numbers_from_0_to_1() -> None:
    [score] = told(Judge(marks=11, name="taste"), JudgeInput(CLIP, [A]), Scripted(verdicts(11)))
    assert (score.name, score.value) == ("taste", 1.0)
    [score] = told(Judge(teachers=["b"]), JudgeInput(CLIP, [A, B]), Scripted(verdicts(1)))
    assert (score.caption_id, score.value) == ("c_b_1", 0.0)


def test_without_captions_or_frames() -> None:
    assert told(Judge(), JudgeInput(CLIP, []), Scripted()) == []
    assert told(Judge(), JudgeInput(CLIP, [FAKE]), Scripted()) == []
    with pytest.raises(RowError) as caught:
        told(Judge(model=SERVED, frames=1), JudgeInput(CLIP, [A]), Scripted())
    assert caught.value.kind == "no_frames"


def test_a_dry_run_scores_its_own() -> None:
    [scores] = worked(Judge(model=ChatModelOptions("fake")), JudgeInput(CLIP, [A, FAKE]))
    assert all(problem(s) is None and s.model == "fake" and 0 <= s.value <= 1 for s in scores)
    assert len(scores) == 2


def test_later_steps_know_the_score_by_its_name() -> None:
    Select(by="taste").check([Judge(name="taste")])
    Select(by="judge").check([Judge()])
    with pytest.raises(UserError, match="judge"):
        Select(by="judge").check([Judge(name="taste")])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Judge(frames=4), "cannot see"),
        (Judge(name="my score"), "my score"),
        (Judge(prompt="{{ captions }}"), "captions"),
    ],
)
def test_options_that_make_no_sense(step: Judge, said: str) -> None:
    Judge().check([])
    with pytest.raises(UserError, match=said):
        step.check([])
