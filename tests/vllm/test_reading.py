"""vLLM in this process with a small model of real weights: `make test-vllm` runs this."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vllm.v1.engine.llm_engine import LLMEngine

from cliploom.engine.contract.errors import RowError, UserError
from cliploom.models.chat.model import ChatAnswer, ChatModel, ChatModelOptions, ChatRequest, ImagePart, Message
from cliploom.models.chat.structured import ask_text
from cliploom.models.chat.vllm_model import open_vllm

SCHEMA = {
    "type": "object",
    "properties": {"caption": {"type": "string", "maxLength": 60}},
    "required": ["caption"],
    "additionalProperties": False,
}
CAPITAL = "What is the capital of France?"
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def reader(smollm: Path, opened: Callable[..., Any]) -> Iterator[tuple[asyncio.Runner, ChatModel]]:
    with opened(smollm, {"max_num_seqs": 16}) as pair:
        yield pair


@pytest.fixture
def ask(reader: tuple[asyncio.Runner, ChatModel]) -> Ask:
    """All questions at once, to their answers or errors."""
    runner, model = reader

    async def all_(*requests: ChatRequest) -> list[Any]:
        return await asyncio.gather(*map(model.ask, requests), return_exceptions=True)

    return lambda *requests: runner.run(all_(*requests))


def question(text: Any, schema: Any = None, max_tokens: int = 40, **options: Any) -> ChatRequest:
    return ChatRequest([Message(role="user", content=text)], schema, max_tokens, **options)


def test_it_answers_and_counts(ask: Ask, reader: tuple[asyncio.Runner, ChatModel]) -> None:
    (answer,) = ask(question(CAPITAL))
    assert "Paris" in answer.text and answer.finish_reason == "stop"
    assert 30 < answer.prompt_tokens < 50 and 5 < answer.completion_tokens < 20
    assert reader[1].name == "smollm2"
    weights, runner, _version = reader[1].revision.split()
    assert weights.startswith("sha256:") and runner == "vllm"


def test_answers_that_are_cut_off_say_so(ask: Ask) -> None:
    (answer,) = ask(question("Count to one hundred.", max_tokens=6))
    assert (answer.finish_reason, answer.completion_tokens) == ("length", 6)


def test_a_schema_gives_json_without_blanks(ask: Ask) -> None:
    for answer in ask(*(question(f"{CAPITAL} {word}.", SCHEMA, 80) for word in ("Please", "Now", "Quickly"))):
        assert answer.finish_reason == "stop" and list(json.loads(answer.text)) == ["caption"]
        assert answer.text.startswith('{"caption":"')


def test_the_seed_decides_where_words_are_drawn(ask: Ask) -> None:
    drawn = [question("Tell me a story.", max_tokens=20, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
    one, same, other = (answer.text for answer in ask(*drawn))
    assert one == same != other


def test_questions_of_one_moment_are_answered_together(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, step = itertools.count(), LLMEngine.step
    monkeypatch.setattr(LLMEngine, "step", lambda engine: (next(steps), step(engine))[1])
    answers = ask(*(question(f"Tell me of the number {i}.", max_tokens=12) for i in range(16)))
    assert [answer.completion_tokens for answer in answers] == [12] * 16
    assert 12 <= next(steps) <= 16  # one after the other they would take 192


def test_a_later_question_joins_those_under_way(reader: tuple[asyncio.Runner, ChatModel]) -> None:
    runner, model = reader

    async def two() -> list[str]:
        ended: list[str] = []

        async def one(name: str, tokens: int) -> None:
            await model.ask(question(f"Tell me of {name}.", max_tokens=tokens))
            ended.append(name)

        long = asyncio.create_task(one("Rome", 40))
        for _ in range(10):
            await asyncio.sleep(0)
        await asyncio.gather(long, one("Oslo", 3))
        return ended

    assert runner.run(two()) == ["Oslo", "Rome"]


def test_who_asked_may_go_away(reader: tuple[asyncio.Runner, ChatModel]) -> None:
    runner, model = reader

    async def one_goes() -> ChatAnswer:
        gone = [asyncio.create_task(model.ask(question(f"{CAPITAL} {i}", max_tokens=30))) for i in range(2)]
        for turns in (1, 5):
            for _ in range(turns):
                await asyncio.sleep(0)
            gone.pop().cancel()
        return await model.ask(question(CAPITAL))

    assert "Paris" in runner.run(one_goes()).text


def test_a_question_that_does_not_fit_costs_only_itself(ask: Ask, jpegs: list[bytes]) -> None:
    blind = question(["What is this?", ImagePart(jpegs[0])])
    odd = question("x", {"type": "object", "properties": {"a": {"type": "colour"}}, "required": ["a"]})
    good, *bad = ask(question(CAPITAL), question("word " * 3000), blind, odd)
    assert "Paris" in good.text
    assert [(type(error), error.kind) for error in bad] == [
        (RowError, "too_long"), (RowError, "bad_request"), (RowError, "bad_request"),
    ]  # fmt: skip
    assert "give it less to read" in bad[0].message and "\n" not in bad[0].message
    assert "not a multimodal model" in bad[1].message


def test_an_engine_that_fails_fails_all_and_goes_on(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(engine: LLMEngine) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(LLMEngine, "step", broken)
        failed = ask(question("One."), question("Two."))
    assert [str(error) for error in failed] == ["out of memory"] * 2
    (answer,) = ask(question(CAPITAL))
    assert "Paris" in answer.text


def test_steps_may_use_it(reader: tuple[asyncio.Runner, ChatModel]) -> None:
    runner, model = reader
    asked = ask_text(model, ChatModelOptions(max_tokens=40), [Message(role="user", content=CAPITAL)])
    assert "Paris" in runner.run(asked).text


def failure(opened: Callable[..., Any], name: Path | str, settings: Any = None, **options: Any) -> UserError:
    with pytest.raises(UserError) as caught, opened(name, settings, **options):
        pass
    assert "\n" not in caught.value.message and caught.value.hint
    return caught.value


def test_what_cannot_be_loaded_is_one_line(seer: Path, opened: Callable[..., Any], tmp_path: Path) -> None:
    assert "folder with a model's files" in failure(opened, "nobody/nothing").hint
    assert "folder with a model's files" in failure(opened, tmp_path / "absent").hint
    assert "cannot load" in failure(opened, tmp_path).message  # a folder without a model
    assert "engine arguments" in failure(opened, seer, {"colour": "red"}).hint
    assert "nonsense" in failure(opened, seer, {"dtype": "nonsense"}).message
    assert "max_model_len" in failure(opened, seer, {"kv_cache_memory_bytes": 100_000}).hint
    assert "colour" in failure(opened, seer, extra={"colour": "red"}).message
    assert "top_p" in failure(opened, seer, extra={"top_p": 7}).message


def test_a_missing_package_is_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)

    async def open_() -> None:
        async with open_vllm(ChatModelOptions("any", run="vllm")):
            pass

    with pytest.raises(UserError) as caught:
        asyncio.run(open_())
    assert 'pip install "cliploom[vllm]"' in caught.value.hint
