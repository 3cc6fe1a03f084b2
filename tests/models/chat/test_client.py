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
from cliploom.engine.contract.step import Site
from cliploom.engine.contract.usage import Budget, Price, Spend, Usage
from cliploom.models.chat.client import Counted, check_model, model_revision, open_model, rows_at_once
from cliploom.models.chat.embedded import EmbeddedModel
from cliploom.models.chat.fake import FakeModel, fake_text
from cliploom.models.chat.model import Answer, ChatModel, Film, Message, Picture, Request

SCHEMA = {
    "type": "object",
    "properties": {"caption": {"type": "string"}},
    "required": ["caption"],
    "additionalProperties": False,
}


def ask(model: FakeModel | EmbeddedModel, *content: str | Picture | Film, **options: Any) -> Answer:
    text = content[0] if len(content) == 1 and isinstance(content[0], str) else content
    return asyncio.run(model.ask(Request([Message(role="user", content=text)], **options)))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (ChatModel("embeded"), "no model embeded here; did you mean embedded"),
        (ChatModel("gpt"), "give its url"),
        (ChatModel(url=["http://x/v1"]), "as its server calls it"),
        (ChatModel("m", url=["http://x/v1"], run="vllm"), "url and run"),
        *((ChatModel("m", url=[url]), "no server's address") for url in (
            "x:8000/v1", "http://", "http:///v1", "http://h:99999/v1", "http://h:-1/v1", "http://h:x/v1",
            "http://[::1/v1", "http://a b/v1",
        )),
        (ChatModel(run="vllm"), "names no model"),
    ],
)  # fmt: skip
def test_models_that_there_are_not(model: ChatModel, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_model(model)


def test_what_is_known_of_a_model_before_it_is_loaded() -> None:
    server = ChatModel("m", url=["http://a/v1", "http://b/v1"], revision="abc", at_once=8)
    check_model(server)
    check_model(ChatModel("m", run="vllm"))
    assert (model_revision(server), server.lanes, ChatModel().lanes) == ("abc", 16, 0)
    assert "sha256" in model_revision(ChatModel("embedded"))
    assert [rows_at_once(m) for m in (ChatModel(), ChatModel("fake"), server)] == [1, 256, 32]
    assert rows_at_once(ChatModel("m", run="vllm")) == 256
    assert rows_at_once(ChatModel("m", run="vllm", settings={"max_num_seqs": 16})) == 16


def test_the_fake_model_says_so_and_looks_at_everything() -> None:
    model = FakeModel()
    first = ask(model, "What is this?")
    assert first == ask(model, "What is this?")
    assert first.text.startswith("[fake] ")
    assert json.loads(ask(model, "What is this?", schema=SCHEMA).text)["caption"].startswith("[fake] ")
    assert ask(model, "What is this?", max_tokens=2).finish_reason == "length"
    film = Film((Picture(b"1"), Picture(b"2")), (0.0, 1.0))
    shown = [ask(model, *c, "What?").prompt_tokens for c in ((Picture(b"1"),), (Picture(b"1"), Picture(b"2")), (film,))]
    assert shown == [2, 3, 3]
    assert len({ask(model, Picture(bytes([i])), "What?").text for i in range(50)}) > 30
    assert len({ask(model, "What?", temperature=1.0, seed=i).text for i in range(50)}) > 30
    assert len({fake_text(str(i)) for i in range(50)}) > 30


def test_where_money_is_limited_a_server_s_price_must_be_known(tmp_path: Path) -> None:
    async def opened(name: str, **limits: Any) -> None:
        spend = Spend(tmp_path, "step", Budget(prices={"gpt-5-mini": Price(0.25, 2.0)}, **limits))
        async with open_model(ChatModel(name, url=["http://127.0.0.1:9/v1"]), Site(tmp_path, {}, spend)):
            pass

    with pytest.raises(UserError, match=r"(?s)no gpt-5-mimi; did you mean gpt-5-mini.*zeros"):
        asyncio.run(opened("gpt-5-mimi", max_cost=1.0))
    for name, limits in (("gpt-5-mini", {"max_cost": 1.0}), ("other", {"max_calls": 1})):
        with pytest.raises(UserError, match="nothing answers"):  # it is asked
            asyncio.run(opened(name, **limits))


def test_calls_are_counted_and_a_spent_budget_stops_them(tmp_path: Path) -> None:
    spend = Spend(tmp_path, "step", Budget(max_calls=2))

    async def go() -> Usage:
        async with open_model(ChatModel("fake"), Site(tmp_path, {}, spend)) as model:
            assert isinstance(model, Counted)
            for _ in range(2):
                await model.ask(Request([Message(role="user", content="three short words")]))
            with pytest.raises(Waiting, match="max_calls"):
                await model.ask(Request([Message(role="user", content="one more")]))
        return spend.total()

    used = asyncio.run(go())
    assert (used.calls, used.prompt_tokens) == (2, 6)
    assert used.completion_tokens > 4
    assert (tmp_path / "spend" / "step.json").exists()


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
        ask(embedded, Picture(b"x"), "What is this?")


@pytest.mark.models
def test_nobody_else_can_ask_the_embedded_model(embedded: EmbeddedModel) -> None:
    address = embedded.address
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{address}/v1/models", timeout=10)
    assert caught.value.code == 401
