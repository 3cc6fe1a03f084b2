"""Answers of a known shape are asked for, checked, and mended once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from cliploom.engine.contract.errors import RowError
from cliploom.models.chat.answer_schema import shape_of
from cliploom.models.chat.fake import FakeModel
from cliploom.models.chat.model import ChatAnswer, ChatModelOptions, ChatRequest, Message
from cliploom.models.chat.structured import ask_structured, ask_text
from cliploom.schemas import Col

HELLO = [Message(role="user", content="Hello?")]
OPTIONS = ChatModelOptions("m", max_tokens=99, temperature=0.5, seed=3)


@dataclass(frozen=True)
class Thing:
    name: Annotated[str, Col("what it is")]
    count: Annotated[int, Col("how many", low=1, high=9)]


@dataclass(frozen=True)
class View:
    caption: Annotated[str, Col("the caption")]
    sure: Annotated[float, Col("how sure", low=0, high=1)]
    mood: Annotated[str, Col("the mood", choices=("calm", "tense"))]
    where: Annotated[Literal["indoors", "outdoors"], Col("where")]
    night: Annotated[bool, Col("is it night?")]
    things: Annotated[list[Thing], Col("what is seen")]
    song: Annotated[str | None, Col("a song's name")] = None
    note: Annotated[str, Col("anything else")] = ""
    marks: Annotated[list[int], Col("marks", low=0, high=5)] = field(default_factory=list)


GOOD: dict[str, Any] = {
    "caption": "Two  dogs\n run.", "sure": 1, "mood": "Calm ", "where": "outdoors", "night": False,
    "things": [{"name": "dog", "count": "2", "colour": "red"}], "song": None, "note": " ", "marks": [1, 2.0],
}  # fmt: skip
VIEW = View("Two dogs run.", 1.0, "calm", "outdoors", False, [Thing("dog", 2)], None, "", [1, 2])


class Scripted:
    name, revision = "scripted", "1"

    def __init__(self, *answers: str | ChatAnswer) -> None:
        self.answers = [ChatAnswer(a, "stop", 1, 1) if isinstance(a, str) else a for a in answers]
        self.asked: list[ChatRequest] = []

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request)
        return self.answers.pop(0)


def ask(*answers: str | ChatAnswer) -> View:
    return asyncio.run(ask_structured(Scripted(*answers), OPTIONS, HELLO, View)).value


def but(**others: Any) -> str:
    return json.dumps({**GOOD, **others})


def test_the_schema_says_types_ranges_and_choices() -> None:
    schema = shape_of(View).schema
    fields = schema["properties"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(fields) == list(GOOD)
    assert fields["caption"] == {"type": "string", "description": "the caption"}
    assert fields["sure"] == {"type": "number", "minimum": 0, "maximum": 1, "description": "how sure"}
    assert fields["mood"]["enum"] == ["calm", "tense"]
    assert fields["where"]["enum"] == ["indoors", "outdoors"]
    assert fields["things"]["items"]["properties"]["count"]["maximum"] == 9
    assert fields["song"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    model = Scripted(json.dumps(GOOD))
    asyncio.run(ask_structured(model, OPTIONS, HELLO, View))
    assert model.asked == [ChatRequest(HELLO, schema, 99, 0.5, 1.0, 3)]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD, indent=2),
        f"```json\n{json.dumps(GOOD)}\n```",
        f"Sure! Here it is:\n```\n{json.dumps(GOOD)}\n```\nAnything else?",
        f'The {{"caption"}} is {{}} and the answer {json.dumps(GOOD)}, I think.',
        f"<think>{{}} maybe</think>{json.dumps(GOOD)}",
        ChatAnswer(json.dumps(GOOD) + " " * 50, "length", 1, 99),  # it is whole all the same
        json.dumps({k: v for k, v in GOOD.items() if k not in ("song", "note")}),
        json.dumps({**GOOD, "more": 1}),
    ],
)
def test_answers_that_fit(text: str | ChatAnswer) -> None:
    assert ask(text) == VIEW


@dataclass(frozen=True)
class Line:
    caption: Annotated[str, Col("the caption")]


@dataclass(frozen=True)
class Rating:
    score: Annotated[float, Col("how good", low=0, high=10)]
    tags: Annotated[list[str], Col("tags")]


NEARLY_JSON = {
    "a raw line break": '{"caption": "Two\ndogs run."}',
    "a comma too many": '{"caption": "Two dogs run.",}',
    "single quotes": "{'caption': 'Two dogs run.'}",
    "typographic quotes": "{“caption”: “Two dogs run.”}",
    "no quotes around the key": '{caption: "Two dogs run."}',
    "Python's words": '{"caption": "Two dogs run.", "sure": True, "song": None}',
    "comments": '{ // here\n"caption": "Two dogs run." /* so */ }',
    "a missing comma": '{"sure": 1 "caption": "Two dogs run."}',
    "the key written otherwise": '{"Caption ": "Two dogs run."}',
    "another key": '{"merged_caption": "Two dogs run."}',
    "JSON in JSON": json.dumps(json.dumps({"caption": "Two dogs run."})),
    "escaped quotes": '{\\"caption\\": \\"Two dogs run.\\"}',
    "a list of one": '[{"caption": "Two dogs run."}]',
    "a list inside": '{"caption": ["Two dogs run."]}',
    "an object around it": '{"result": {"caption": "Two dogs run."}}',
    "a fence": '```json\n{"caption": "Two dogs run."}\n```',
    "words around it": 'Sure: {"caption": "Two dogs run."}\nThat is all.',
    "reasoning before it": 'Two {dogs}?\n</think>\n{"caption": "Two dogs run."}',
    "a draft before it": '{"caption": "A first draft, much longer."}\n</think>\n{"caption": "Two dogs run."}',
    "an example before it": 'As in {"caption": "A long example of a caption."}: {"caption": "Two dogs run."}',
    "half a character": '{"caption": "Two dogs \\ud800 run."}',
    "a special token": '{"caption": "Two dogs run.<|im_end|>"}<|im_end|>',
    "a label and quotes": '{"caption": "Caption: \\"Two dogs run.\\""}',
    "the last bracket forgotten": '{"caption": "Two dogs run."',
    "more brackets forgotten": '{"result": {"caption": "Two dogs run.", "tags": ["dog"',
    "no braces": '"caption": "Two dogs run."',
    "another mark after the key": '{"caption" = "Two dogs run."}',
    "two colons": '{"caption":: "Two dogs run."}',
    "full-width marks": '｛"caption"："Two dogs run."｝',
    "a call of a tool": '<tool_call>{"name": "answer", "arguments": {"caption": "Two dogs run."}}</tool_call>',
    "a call with its JSON as text": '{"name": "answer", "arguments": "{\\"caption\\": \\"Two dogs run.\\"}"}',
    "a list around it": '{"items": [{"caption": "Two dogs run."}]}',
    "another object behind it": '{"caption": "Two dogs run."}\n\nExplanation: {"why": "there are two dogs"}',
    "reasoning inside": '{"caption": "<think>dogs</think> Two dogs run."}',
}


@pytest.mark.parametrize("text", NEARLY_JSON.values(), ids=[*NEARLY_JSON])
def test_what_is_nearly_json_is_mended_without_a_second_question(text: str) -> None:
    got = asyncio.run(ask_structured(Scripted(text), OPTIONS, HELLO, Line))
    assert got == (Line("Two dogs run."), text)


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("{'caption': 'A man's dog, Rex, runs.'}", "A man's dog, Rex, runs."),
        ('{"caption": "A man says "hi", then leaves."}', 'A man says "hi", then leaves.'),
        ('{"caption": "A man says \\"hi\\"."}', 'A man says "hi".'),
        ('{"caption": "A sign: {open}, 24/7 // all week"}', "A sign: {open}, 24/7 // all week"),
        ("{'caption': 'True love, None of it, # 1'}", "True love, None of it, # 1"),
    ],
)
def test_mending_leaves_the_words_alone(text: str, caption: str) -> None:
    assert asyncio.run(ask_structured(Scripted(text), OPTIONS, HELLO, Line)).value == Line(caption)


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("Two dogs.", "malformed", "not a JSON object"),
        ('["caption"]', "malformed", "not a JSON object"),
        ('{"caption": NaN}', "malformed", "not a JSON object"),
        ('{"caption": "Two dogs run."}', "invalid", "sure is missing"),
        (but(caption=3), "invalid", "caption is no text"),
        (but(sure=1.5), "invalid", "sure is 1.5; it must be from 0 to 1"),
        (but(sure="high"), "invalid", "it must be a number"),
        (but(sure=True), "invalid", "it must be a number"),
        (but(mood="happy"), "invalid", "one of calm, tense"),
        (but(night="perhaps"), "invalid", "true or false"),
        (but(things={}), "invalid", "things is no list"),
        (but(things=[{"name": "dog", "count": 2.5}]), "invalid", "things[0].count is 2.5; it must be a whole"),
        (but(marks=[1, 9]), "invalid", "marks[1] is 9"),
        (but(where=None), "invalid", "where is None"),
        ('{"caption" "Two dogs."}', "malformed", "not a JSON object"),
        ('{"error": "no dogs"}', "invalid", "caption is missing"),
    ],
)
def test_answers_that_do_not_fit_are_sent_back_once(text: str, kind: str, what: str) -> None:
    model = Scripted(text, json.dumps(GOOD))
    got = asyncio.run(ask_structured(model, OPTIONS, HELLO, View))
    assert (got.value, got.raw) == (VIEW, json.dumps(GOOD))
    first, second = model.asked
    assert second.messages[:1] == first.messages
    assert [m["role"] for m in second.messages] == ["user", "assistant", "user"]
    assert str(second.messages[1]["content"]) == text[:4000]
    assert what in str(second.messages[2]["content"])
    with pytest.raises(RowError) as caught:
        ask("{}", text)
    assert caught.value.kind == kind
    assert what in caught.value.message
    assert repr(text[:40])[1:-1] in caught.value.message


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ChatAnswer('{"caption": "A dog ru', "length", 1, 99), "truncated"),
        (ChatAnswer('{"caption": ' + " \n" * 200, "length", 1, 99), "truncated"),
        ("", "empty"),
        (but(caption=" "), "empty"),
        (but(things=[{"name": "", "count": 1}]), "empty"),
        ("I'm sorry, I can't assist with that.", "refused"),
        (but(caption="I cannot see the video."), "refused"),
        (but(caption="a dog " * 9), "looping"),
        ('{"caption": "A dog ru', "truncated"),
        (ChatAnswer('{"caption": "A dog runs."', "length", 1, 99), "truncated"),
        (f"<think>{json.dumps(GOOD)}", "truncated"),
        (but(caption="..."), "empty"),
        (but(caption="<think>Hm"), "truncated"),
        (but(caption="Lo siento, no puedo ver el vídeo."), "refused"),
        ("[" * 100_000, "looping"),
        ('{"a":' * 3000, "looping"),
    ],
)
def test_answers_that_asking_again_would_not_mend(answer: str | ChatAnswer, kind: str) -> None:
    with pytest.raises(RowError) as caught:
        ask(answer)
    assert caught.value.kind == kind


def test_items_without_a_comma_are_two_and_a_number_may_name_its_scale() -> None:
    text = '{"tags": ["dog" "red ball"], "score": "7/10"}'
    assert asyncio.run(ask_structured(Scripted(text), OPTIONS, HELLO, Rating)).value == Rating(7.0, ["dog", "red ball"])
    with pytest.raises(RowError, match="must be a number"):
        asyncio.run(ask_structured(Scripted(*['{"tags": [], "score": "7/5"}'] * 2), OPTIONS, HELLO, Rating))


def test_a_text_that_may_be_blank_is_blank_where_it_is_none() -> None:
    for note in ("", "N/A", "I'm sorry, I can't help.", "so " * 30):
        assert ask(but(note=note)).note == ""
    assert ask(but(note="Caption: all is well.")).note == "all is well."


def test_plain_text() -> None:
    got = asyncio.run(ask_text(Scripted(" A dog. "), OPTIONS, HELLO))
    assert (got.text, got.raw) == ("A dog.", " A dog. ")
    with pytest.raises(RowError, match="refused"):
        asyncio.run(ask_text(Scripted("I'm sorry, I can't help."), OPTIONS, HELLO))


def test_the_fake_model_fits_every_shape() -> None:
    views = [
        asyncio.run(ask_structured(FakeModel(), OPTIONS, [Message(role="user", content=str(i))], View))
        for i in range(40)
    ]
    assert {v.value.mood for v in views} == {"calm", "tense"}
    assert all(v.value.caption.startswith("[fake] ") for v in views)
    assert len({v.raw for v in views}) == 40


def test_a_field_that_json_cannot_give_is_our_mistake() -> None:
    @dataclass(frozen=True)
    class Wrong:
        when: Annotated[Mapping[str, str], Col("when")]

    with pytest.raises(TypeError, match="text, a number"):
        shape_of(Wrong)
