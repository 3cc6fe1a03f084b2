"""Captions of what is done, with times, asked of a model in two forms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cliploom.captioners.actions import Actions, ActionsInput
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import RowAnswer, StepContext
from cliploom.models.chat import step as asking
from cliploom.models.chat.model import ChatAnswer, ChatModel, ChatModelOptions, ChatRequest
from cliploom.schemas import Caption, Clip, problem

CLIP = Clip("v_1", "v", 10.5, 30.2, [])
TEXT = Caption("v_1_transcript", "v", "v_1", "transcript", "source", "10s: Cut it.\n15s: Fry it.", [], "transcript", "")
ROW = ActionsInput(CLIP, [TEXT])


class Scripted:
    """A model that gives set answers and keeps what it was asked."""

    name, revision = "scripted", "1"

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), list[ChatRequest]()

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request)
        return ChatAnswer(self.answers.pop(0), "stop", 1, 1)


def run(model: ChatModel, monkeypatch: pytest.MonkeyPatch, *rows: ActionsInput, **options: Any) -> Sequence[Any]:
    @asynccontextmanager
    async def opened(of: ChatModelOptions, site: StepContext) -> AsyncIterator[ChatModel]:
        yield model

    monkeypatch.setattr(asking, "open_model", opened)
    with Actions(**options).open(StepContext(Path("."), {})) as work:
        return work(list(rows))


def test_json_becomes_captions_with_times(monkeypatch: pytest.MonkeyPatch) -> None:
    said = (
        '{"actions": [{"second": 15, "caption": "Someone fries it."}, {"second": 10, "caption": "Someone cuts it."},'
        ' {"second": 40, "caption": "Too late."}]}'
    )
    model = Scripted(said)
    [made] = run(model, monkeypatch, ROW)
    assert [(c.start_s, c.end_s, c.text) for c in made] == [
        (10, 18, "Someone cuts it."), (15, 23, "Someone fries it.")
    ]  # fmt: skip
    assert all(problem(c) is None and c.parents == ["v_1_transcript"] and c.teacher == "actions" for c in made)
    assert len({c.caption_id for c in made}) == 2 and [c.raw for c in made] == [said, ""]
    asked = str(model.asked[0].messages[-1]["content"])
    assert asked.splitlines() == ["This part runs from second 10 to second 31.", "10s: Cut it.", "15s: Fry it."]
    assert "JSON" in str(model.asked[0].messages[0]["content"]) and model.asked[0].schema


@pytest.mark.parametrize(
    ("profile", "texts"),
    [("fixed", ["Someone adds 2.5 cups.", "It boils.", "It cools."]), ("published", ["Someone adds 5 cups"])],
)
def test_lines_are_read_by_the_profile(profile: str, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted("12s: Someone adds 2.5 cups. It boils.\n00:20: It cools.")
    [made] = run(model, monkeypatch, ROW, form="lines", profile=profile)
    assert [c.text for c in made] == texts and model.asked[0].schema is None
    assert "15s: Someone peels" in str(model.asked[0].messages[0]["content"])


def test_a_block_without_text_has_none_and_a_refusal_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted('{"actions": []}', "I'm sorry, but I cannot help with that.")
    empty, nothing = run(model, monkeypatch, ActionsInput(CLIP, []), ROW)
    assert empty == nothing == [] and len(model.asked) == 1
    [refused] = run(model, monkeypatch, ROW, form="lines")
    assert isinstance(refused, RowError) and refused.kind == "refused"


def test_a_dry_run_says_so() -> None:
    with Actions(model=ChatModelOptions("fake")).open(StepContext(Path("."), {})) as work:
        made: RowAnswer[Caption]
        [made] = work([ActionsInput(Clip("v_1", "v", 0.0, 30.0, []), [TEXT])])
    assert not isinstance(made, RowError) and made
    assert all(isinstance(c, Caption) and c.teacher == "fake" and c.start_s is not None for c in made)


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(UserError, match="reads lines"):
        Actions(profile="published").check([])
    with pytest.raises(UserError, match="cannot be named"):
        Actions(teacher="a b").check([])
    with pytest.raises(UserError, match="lins"):
        Actions(prompt="{{ lins }}").check([])
