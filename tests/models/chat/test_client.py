"""Models by name: what there is, what is counted, and the model that ships."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from cliploom.engine.contract.errors import RowError, UserError, Waiting
from cliploom.engine.contract.step import StepContext
from cliploom.engine.contract.usage import Budget, Price, Usage, UsageCounter
from cliploom.models.chat.client import BudgetModel, check_model, model_revision, open_model, rows_at_once
from cliploom.models.chat.embedded import EmbeddedModel
from cliploom.models.chat.fake import FakeModel, fake_text
from cliploom.models.chat.model import ChatAnswer, ChatModelOptions, ChatRequest, ImagePart, Message, VideoPart

SCHEMA = {
    "type": "object",
    "properties": {"caption": {"type": "string"}},
    "required": ["caption"],
    "additionalProperties": False,
}


def ask(model: FakeModel | EmbeddedModel, *content: str | ImagePart | VideoPart, **options: Any) -> ChatAnswer:
    text = content[0] if len(content) == 1 and isinstance(content[0], str) else content
    return asyncio.run(model.ask(ChatRequest([Message(role="user", content=text)], **options)))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (ChatModelOptions("embeded"), "no model embeded here; did you mean embedded"),
        (ChatModelOptions("gpt"), "give its url"),
        (ChatModelOptions(url=["http://x/v1"]), "as its server calls it"),
        (ChatModelOptions("m", url=["http://x/v1"], run="vllm"), "url and run"),
        *((ChatModelOptions("m", url=[url]), "no server's address") for url in (
            "x:8000/v1", "http://", "http:///v1", "http://h:99999/v1", "http://h:-1/v1", "http://h:x/v1",
            "http://[::1/v1", "http://a b/v1",
        )),
        (ChatModelOptions(run="vllm"), "names no model"),
    ],
)  # fmt: skip
def test_models_that_there_are_not(model: ChatModelOptions, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_model(model)


def test_what_is_known_of_a_model_before_it_is_loaded() -> None:
    server = ChatModelOptions("m", url=["http://a/v1", "http://b/v1"], revision="abc", at_once=8)
    check_model(server)
    check_model(ChatModelOptions("m", run="vllm"))
    assert (model_revision(server), server.max_concurrency, ChatModelOptions().max_concurrency) == ("abc", 16, 0)
    assert "sha256" in model_revision(ChatModelOptions("embedded"))
    assert [rows_at_once(m) for m in (ChatModelOptions(), ChatModelOptions("fake"), server)] == [1, 256, 32]
    assert rows_at_once(ChatModelOptions("m", run="vllm")) == 256
    assert rows_at_once(ChatModelOptions("m", run="vllm", settings={"max_num_seqs": 16})) == 16


def test_the_fake_model_says_so_and_looks_at_everything() -> None:
    model = FakeModel()
    first = ask(model, "What is this?")
    assert first == ask(model, "What is this?")
    assert first.text.startswith("[fake] ")
    assert json.loads(ask(model, "What is this?", schema=SCHEMA).text)["caption"].startswith("[fake] ")
    assert ask(model, "What is this?", max_tokens=2).finish_reason == "length"
    film = VideoPart((ImagePart(b"1"), ImagePart(b"2")), (0.0, 1.0))
    shown = [
        ask(model, *c, "What?").prompt_tokens for c in ((ImagePart(b"1"),), (ImagePart(b"1"), ImagePart(b"2")), (film,))
    ]
    assert shown == [2, 3, 3]
    assert len({ask(model, ImagePart(bytes([i])), "What?").text for i in range(50)}) > 30
    assert len({ask(model, "What?", temperature=1.0, seed=i).text for i in range(50)}) > 30
    assert len({fake_text(str(i)) for i in range(50)}) > 30


def test_where_money_is_limited_a_server_s_price_must_be_known(tmp_path: Path) -> None:
    async def opened(name: str, **limits: Any) -> None:
        usage = UsageCounter(tmp_path, "step", Budget(prices={"gpt-5-mini": Price(0.25, 2.0)}, **limits))
        async with open_model(ChatModelOptions(name, url=["http://127.0.0.1:9/v1"]), StepContext(tmp_path, {}, usage)):
            pass

    with pytest.raises(UserError, match=r"(?s)no gpt-5-mimi; did you mean gpt-5-mini.*zeros"):
        asyncio.run(opened("gpt-5-mimi", max_cost=1.0))
    for name, limits in (("gpt-5-mini", {"max_cost": 1.0}), ("other", {"max_calls": 1})):
        with pytest.raises(UserError, match="nothing answers"):  # it is asked
            asyncio.run(opened(name, **limits))


def test_calls_are_counted_and_a_spent_budget_stops_them(tmp_path: Path) -> None:
    usage = UsageCounter(tmp_path, "step", Budget(max_calls=2))

    async def go() -> Usage:
        async with open_model(ChatModelOptions("fake"), StepContext(tmp_path, {}, usage)) as model:
            assert isinstance(model, BudgetModel)
            for _ in range(2):
                await model.ask(ChatRequest([Message(role="user", content="three short words")]))
            with pytest.raises(Waiting, match="max_calls"):
                await model.ask(ChatRequest([Message(role="user", content="one more")]))
        return usage.total()

    used = asyncio.run(go())
    assert (used.calls, used.prompt_tokens) == (2, 6)
    assert used.completion_tokens > 4
    assert (tmp_path / "usage" / "step.json").exists()


@pytest.mark.models
def test_the_embedded_model_answers_as_asked_and_the_same_again(embedded: EmbeddedModel) -> None:
    first = ask(embedded, "Which pet barks? JSON:", schema=SCHEMA, max_tokens=30)
    other = ask(embedded, "Say hi.", max_tokens=2)
    assert first == ask(embedded, "Which pet barks? JSON:", schema=SCHEMA, max_tokens=30)
    assert "dog" in json.loads(first.text)["caption"].lower()
    assert 5 < first.prompt_tokens < 60
    assert (other.finish_reason, other.completion_tokens) == ("length", 2)
    with pytest.raises(RowError) as caught:
        ask(embedded, "word " * 5000)
    assert caught.value.kind == "too_long"
    with pytest.raises(UserError, match="cannot see pictures"):
        ask(embedded, ImagePart(b"x"), "What is this?")


@pytest.mark.models
def test_nobody_else_can_ask_the_embedded_model(embedded: EmbeddedModel) -> None:
    address = embedded.address
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{address}/v1/models", timeout=10)
    assert caught.value.code == 401
