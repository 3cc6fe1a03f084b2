"""Tags by a language model, and how far they agree with the rules'."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cliploom.annotation.llm_tags import LlmTags
from cliploom.annotation.parse.grounding import CaptionWords
from cliploom.annotation.tag_agreement import TagAgreement, TagAgreementInput, agreement
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.step import StepContext
from cliploom.models.chat.model import ChatAnswer, ChatModelOptions, ChatRequest
from cliploom.schemas import Caption, Pair, TagMention, TagRelation, Tags, problem

TEXT = "Two women in red coats ride brown horses past a brick wall."
CAPTION = Caption("c_1", "v", "c", "t", "teacher", TEXT, [], "m", "1")
TOLD: dict[str, Any] = {
    "objects": [
        {"name": "Woman", "attributes": [], "number": 2},
        {"name": "coat", "attributes": ["red", "woollen"]},
        {"name": "horse", "attributes": ["brown"], "number": None},
        {"name": "wall", "attributes": ["brick"]},
        {"name": "castle", "attributes": ["old"]},
    ],
    "relations": [
        {"subject": "woman", "relation": "ride", "object": "horse"},
        {"subject": "woman", "relation": "guard", "object": "castle"},
    ],
}


class Scripted:
    name, revision = "scripted", "1"

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), list[ChatRequest]()

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request)
        return ChatAnswer(self.answers.pop(0), "stop", 1, 1)


def read(*answers: str) -> tuple[Tags, Scripted]:
    model = Scripted(*answers)
    step = LlmTags(model=ChatModelOptions("fake"))
    [row] = asyncio.run(step.answer(CAPTION, model))
    return row, model


def test_a_model_reads_as_the_rules_write() -> None:
    row, model = read(json.dumps(TOLD))
    assert problem(row) is None
    assert (row.tags_id, row.caption_id, row.model) == ("c_1_llm", "c_1", "scripted 1")
    assert row.objects == ["woman", "coat", "horse", "wall"]  # the caption has no castle
    assert row.pairs == [Pair("red", "coat"), Pair("brown", "horse"), Pair("brick", "wall")]
    assert row.attributes == ["red", "brown", "brick"]
    assert row.relations == [TagRelation("woman", "ride", "horse")]
    assert row.mentions[0] == TagMention("woman", "object", 4, 9, 2)
    assert [TEXT[m.start : m.end] for m in row.mentions] == [
        "women", "red", "coats", "brown", "horses", "brick", "wall",
    ]  # fmt: skip
    assert model.asked[0].messages[-1]["content"] == TEXT


def test_an_answer_that_does_not_fit_is_sent_back_once() -> None:
    row, model = read('{"objects": "women"}', json.dumps(TOLD))
    assert row.objects[0] == "woman" and len(model.asked) == 2
    with pytest.raises(RowError):
        read("I see women.", "Women.")


@pytest.mark.parametrize(
    ("tag", "text", "found"),
    [
        ("bus", "Two BUSES wait", "BUSES"), ("person", "people", "people"), ("vase", "vases", "vases"),
        ("fire hydrant", "red fire hydrants", "fire hydrants"),
        ("hydrant fire", "red fire hydrants", None), ("cat", "cattle", None), ("", "cat", None),
        ("glass", "a glass", "glass"),
    ],
)  # fmt: skip
def test_a_tag_is_found_in_any_number(tag: str, text: str, found: str | None) -> None:
    place = CaptionWords(text).find(tag)
    assert (None if place is None else text[slice(*place)]) == found


def test_agreement_is_a_score_of_each_caption_that_was_read_twice() -> None:
    def tags(name: str, objects: list[str], pairs: list[Pair]) -> Tags:
        return Tags(f"c_1{name}", "v", "c", "c_1", objects, [pair.attribute for pair in pairs], pairs, f"m{name}")

    rules, model = tags("", ["man", "dog"], [Pair("big", "dog")]), tags("_llm", ["man"], [Pair("big", "man")])
    with TagAgreement().open(StepContext(None, {})) as work:  # type: ignore[arg-type]
        both, alone = work([TagAgreementInput(CAPTION, [model, rules]), TagAgreementInput(CAPTION, [rules])])
    assert isinstance(both, list)
    assert [(s.name, round(s.value, 3), s.model) for s in both] == [
        ("tags_objects_f1", 0.667, "m / m_llm"), ("tags_attributes_f1", 1.0, "m / m_llm"),
        ("tags_pairs_f1", 0.0, "m / m_llm"),
    ]  # fmt: skip
    assert alone == []
    assert agreement(set(), set()) == 1.0
