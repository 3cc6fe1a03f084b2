"""Models on servers: what is sent, what may come back, and who is told what when it goes wrong."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from chaos import Chaos, reply

from cliploom.captioners.rewrite import Rewrite, RewriteInput
from cliploom.engine.contract.errors import RowError, UserError, Waiting
from cliploom.engine.contract.step import StepContext
from cliploom.engine.contract.usage import UsageCounter
from cliploom.models.chat import load_balancer as polite
from cliploom.models.chat import remote
from cliploom.models.chat.client import open_model
from cliploom.models.chat.embedded import NAME, PARTS, SHA256
from cliploom.models.chat.model import ChatAnswer, ChatModel, ChatModelOptions, ImagePart, Message, VideoPart
from cliploom.models.chat.openai_protocol import after_s
from cliploom.models.weights import join_parts
from cliploom.schemas import Caption, Clip

OPTIONS = ChatModelOptions("m", at_once=8, timeout_s=5.0, max_wait_s=60.0, key_env="TEST_KEY")
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(polite, "BACK_OFF_S", 0.005)
    monkeypatch.setattr(polite, "_LONGEST_S", 0.05)
    monkeypatch.setenv("CLIPLOOM_CACHE", str(tmp_path / "cache"))


def site() -> StepContext:
    return StepContext(Path("."), {}, UsageCounter())


@asynccontextmanager
async def model_at(*servers: Chaos, **options: Any) -> AsyncIterator[ChatModel]:
    async with open_model(replace(OPTIONS, url=[s.url for s in servers], **options), site()) as model:
        yield model


def says(text: str) -> list[Message]:
    return [Message(role="user", content=text)]


def meet(server: Chaos, act: Callable[[ChatModel], Awaitable[Any]], **options: Any) -> Any:
    """Open a model on a server, and do something with it."""

    async def go() -> Any:
        async with server.open(), model_at(server, **options) as model:
            return await act(model)

    return asyncio.run(go())


def ask(server: Chaos, messages: list[Message], schema: Any = None, **options: Any) -> ChatAnswer:
    answer: ChatAnswer = meet(
        server, lambda model: model.ask(replace(OPTIONS, **options).request(messages, schema)), **options
    )
    return answer


def rows(count: int) -> list[RewriteInput]:
    return [
        RewriteInput(
            Clip(f"c{i}", "v", 0.0, 5.0, []),
            [Caption(f"c{i}_e_1", "v", f"c{i}", "evidence", "teacher", f"Number {i} is seen.", [], "m", "1")],
        )
        for i in range(count)
    ]


async def rewritten(step: Rewrite, given: list[RewriteInput]) -> list[Any]:
    """All rows through a step, as the engine does it: twice as many under way as are asked."""
    left, made = iter(given), {}
    async with step.open_async(site()) as work:

        async def lane() -> None:
            for row in left:
                made[row.clip.clip_id] = await work(row)

        await asyncio.gather(*(lane() for _ in range(2 * step.max_concurrency())))
    return [made[row.clip.clip_id] for row in given]


def caption(body: dict[str, Any]) -> dict[str, Any]:
    number = body["messages"][-1]["content"].split()[2]
    return reply(json.dumps({"caption": f"The number is {number}."}))


def test_every_row_ends_well_on_servers_that_misbehave_and_nothing_answered_is_asked_again() -> None:
    called = Counter[str]()  # by both: a question is in trouble twice at most
    one, two = (Chaos(answer=caption, trouble=0.3, slow=slow, called=called) for slow in (True, False))

    async def go() -> list[Any]:
        async with one.open(), two.open():
            step = Rewrite(model=replace(OPTIONS, url=[one.url, two.url], at_once=16, timeout_s=3.0))
            return await rewritten(step, rows(300))

    made = asyncio.run(go())
    assert [m[0].text for m in made] == [f"The number is {i}." for i in range(300)]
    answered = one.answered + two.answered
    assert len(answered.keys() - {"Hello."}) == 300
    assert sum(answered.values()) - len(answered) < 10  # one is asked again to see whether a server is well
    assert called.total() > 360  # it did misbehave
    assert min(one.answered.total(), two.answered.total()) > 60
    assert max(one.most, two.most) <= 16


def test_answers_that_are_known_are_not_asked_for_and_not_counted() -> None:
    server = Chaos(answer=caption)

    async def go() -> tuple[list[Any], list[Any]]:
        async with server.open():
            step = Rewrite(model=replace(OPTIONS, url=[server.url]))
            return await rewritten(step, rows(20)), await rewritten(step, rows(20))

    first, second = asyncio.run(go())
    assert first == second
    assert server.called.total() == 20


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "secret")
    server = Chaos(key="secret")
    film = VideoPart((ImagePart(b"one"), ImagePart(b"two")), (0.0, 1.0))
    messages = [
        Message(role="system", content="Look."),
        Message(role="user", content=[ImagePart(b"pic"), film, "What is it?"]),
    ]
    options = {"top_p": 0.9, "seed": 4, "extra": {"top_k": 5, "max_tokens": None, "max_completion_tokens": 9}}
    ask(server, messages, SCHEMA, **options)
    ask(server, messages, film="video")
    first, second = server.bodies
    assert first["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}
    }  # fmt: skip
    assert [first[k] for k in ("model", "temperature", "top_p", "seed", "top_k", "max_completion_tokens")] == [
        "m", 0, 0.9, 4, 5, 9
    ]  # fmt: skip
    assert "max_tokens" not in first
    assert "top_p" not in second
    assert second["max_tokens"] == 256
    pictures = [p["image_url"]["url"] for p in first["messages"][1]["content"][:3]]
    assert pictures == [f"data:image/jpeg;base64,{data}" for data in ("cGlj", "b25l", "dHdv")]
    assert second["messages"][1]["content"][1] == {
        "type": "video_url", "video_url": {"url": "data:video/jpeg;base64,b25l,dHdv"}
    }  # fmt: skip
    assert first["messages"][1]["content"][3] == {"type": "text", "text": "What is it?"}
    assert all("Bearer secret" in head for head in server.headers)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (reply("Hi."), ChatAnswer("Hi.", "stop", 7, 1)),
        (reply("Hi", "length"), ChatAnswer("Hi", "length", 7, 1)),
        (reply("Hi", "MAX_TOKENS"), ChatAnswer("Hi", "length", 7, 1)),
        (reply("", reasoning="Hm.", reasoning_content="Hm."), ChatAnswer("", "stop", 7, 0)),
        (reply("", refusal="I won't."), ChatAnswer("I won't.", "refusal", 7, 0)),
        (reply("", "content_filter"), ChatAnswer("", "content_filter", 7, 0)),
        ({"choices": [{"message": {"content": None}}]}, ChatAnswer("", "stop", 10, 0)),
        (
            {"choices": [{"message": {"content": [{"text": "Hi"}]}, "finish_reason": None}], "usage": None},
            ChatAnswer("Hi", "stop", 10, 1),
        ),
        (reply("Half \ud83d a pair"), ChatAnswer("Half \ufffd a pair", "stop", 7, 4)),
    ],
)  # fmt: skip
def test_what_may_come_back(body: dict[str, Any], wanted: ChatAnswer) -> None:
    assert ask(Chaos(answer=lambda _: body), says("Hello?")) == wanted


@pytest.mark.parametrize(
    ("answer", "error", "kind"),
    [
        ((400, {"error": {"message": "This model's maximum context length is 9 tokens."}}), RowError, "too_long"),
        ((413, b"too big"), RowError, "too_long"),
        ((422, {"detail": [{"msg": "no"}]}), RowError, "bad_request"),
        ((400, {"error": {"message": "filtered", "code": "content_filter"}}), RowError, "refused"),
        ((501, b""), RowError, "bad_request"),
        ((401, {"error": "no"}), UserError, "key_env"),
        ((500, {"error": {"message": "image input is not supported - hint: mmproj"}}), UserError, "sees pictures"),
        ((429, {"error": {"message": "pay", "code": "insufficient_quota"}}), Waiting, "credit"),
        ((402, {"error": {"message": "pay"}}), Waiting, "credit"),
        ((200, {"error": {"message": "context size exceeded", "code": 400}}), RowError, "too_long"),
        ((429, {"error": {"message": "Request too large for m: limit 30000"}}), RowError, "too_long"),
        ((500, b"boom"), RowError, "server_error"),
        ((200, b"[1]"), RowError, "server_error"),
    ],
)
def test_errors_are_for_the_row_the_user_or_the_build(answer: Any, error: type[Exception], kind: str) -> None:
    server = Chaos(answer=lambda _: answer)
    with pytest.raises(error) as caught:
        ask(server, says("Hello?"))
    said = caught.value
    assert kind in (said.kind if isinstance(said, RowError) else f"{said} {getattr(said, 'hint', '')}")
    assert server.called.total() <= (6 if kind == "server_error" else 1)


def test_a_server_that_takes_no_schemas_gets_them_in_words() -> None:
    def answer(body: dict[str, Any]) -> Any:
        if "response_format" in body:
            return 400, {"error": {"message": "response_format of type json_schema is not available"}}
        return reply('{"a": "b"}')

    server = Chaos(answer=answer)

    async def twice(model: ChatModel) -> None:
        for text in ("one", "two"):
            assert (await model.ask(OPTIONS.request(says(text), SCHEMA))).text == '{"a": "b"}'

    meet(server, twice)
    assert ["response_format" in body for body in server.bodies] == [True, False, False]
    assert json.dumps(SCHEMA) in server.bodies[-1]["messages"][-1]["content"]


REFUSALS: dict[str, tuple[str, Any]] = {
    "max_tokens": ("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
    "temperature": ("temperature", "Unsupported value: 'temperature' does not support 0.0 with this model. Only the "
                    "default (1) value is supported."),
    "seed": ("seed", [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]),
    "top_p": ("top_p", "top_p cannot be set for this model"),
    "extra": ("top_k", "Unrecognized request argument supplied: top_k"),
    "strict": ("temperature", "`temperature` must be strictly positive"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_server_does_not_take_it_is_not_sent_again(name: str) -> None:
    part, said = REFUSALS[name]

    def answer(body: dict[str, Any]) -> Any:
        return (400, {"error": {"message": said}}) if part in body else reply("Hi.")

    server = Chaos(answer=answer)

    async def many(model: ChatModel) -> list[ChatAnswer]:
        questions = [OPTIONS.request(says(f"{i}"))._replace(top_p=0.5) for i in range(40)]
        return await asyncio.gather(*(model.ask(question) for question in questions))

    with pytest.warns(UserWarning, match=f"does not take {part}"):
        answers = meet(server, many, extra={"top_k": 3})
    assert [answer.text for answer in answers] == ["Hi."] * 40
    assert sum(part in body for body in server.bodies) <= OPTIONS.at_once  # those under way learn it at the same time
    assert len(server.bodies) == 40 + sum(part in body for body in server.bodies)
    assert server.bodies[-1].get("max_completion_tokens") == (256 if part == "max_tokens" else None)


def test_a_server_may_refuse_all_of_it() -> None:
    def answer(body: dict[str, Any]) -> Any:
        for part in ("response_format", "max_tokens", "temperature", "seed"):
            if part in body:
                return 422, {"error": {"message": f"{part} is not supported", "param": part}}
        if any(turn["role"] == "system" for turn in body["messages"]):
            return 500, {"error": {"message": "System role not supported"}}
        return reply('{"a": "b"}')

    server = Chaos(answer=answer)
    messages = [Message(role="system", content="Be brief."), Message(role="user", content=[ImagePart(b"x"), "What?"])]
    with pytest.warns(UserWarning, match="does not take"):
        assert ask(server, messages, SCHEMA).text == '{"a": "b"}'
    assert server.called.total() == 6
    (turn,) = server.bodies[-1]["messages"]
    assert [part.get("text", "")[:9] for part in turn["content"]] == ["Be brief.", "", "What?", "Answer wi"]


def test_a_refusal_of_something_else_takes_nothing_away() -> None:
    server = Chaos(answer=lambda _: (400, {"error": {"message": "temperature is not supported on Sundays"}}))
    with pytest.warns(UserWarning), pytest.raises(RowError, match="Sundays"):
        ask(server, says("Hello?"))
    assert ["temperature" in body for body in server.bodies] == [True, False]


def test_an_answer_that_comes_twice_is_no_answer_to_the_next_question() -> None:
    server = Chaos(twice=True)

    async def all_of_them(model: ChatModel) -> list[str]:
        return [(await model.ask(OPTIONS.request(says(f"{i}")))).text for i in range(12)]

    assert meet(server, all_of_them) == [f"Answer to {i}" for i in range(12)]


def test_a_body_without_end_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_MOST_BYTES", 1 << 20)
    server = Chaos(endless=True)
    with pytest.raises(RowError, match="sends more than 1 MB"):
        ask(server, says("Hello?"))


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "many",
        {"prompt_tokens": 10**30},
        {"prompt_tokens": -5},
        {"prompt_tokens": "x"},
        {"prompt_tokens": True},
    ],
)
def test_tokens_that_cannot_be_are_estimated_and_the_answer_is_used(usage: Any) -> None:
    body = {**reply("Hi there, all of you."), "usage": usage}
    server = Chaos(answer=lambda _: body)
    answer = ask(server, says("What is it? " * 30))
    assert (answer.text, answer.finish_reason) == ("Hi there, all of you.", "stop")
    assert 80 < answer.prompt_tokens < 140
    assert 3 < answer.completion_tokens < 10
    assert server.called.total() == 1
    assert ask(server, says("What is it? " * 30)) == answer  # the cache has taken it
    assert server.called.total() == 1


def test_a_time_out_is_said_as_a_time_out() -> None:
    server = Chaos(hold=asyncio.Event())
    with pytest.raises(RowError) as caught:
        ask(server, says("Hello?"), timeout_s=0.5)
    assert caught.value.kind == "time_out"
    assert "took longer than 0.5 s for its answer" in caught.value.message


@pytest.mark.parametrize(
    ("server", "options", "said"),
    [
        (Chaos(key="right"), {}, "answered 401.*key_env"),
        (Chaos(models=("qwen-7b", "m2")), {"name": "qwen-7B"}, "has no model qwen-7B; did you mean qwen-7b"),
        (Chaos(models=("qwen-7b", "m2")), {}, "models there: qwen-7b, m2"),
    ],
)
def test_what_is_wrong_is_said_at_once(server: Chaos, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=f"(?s){said}"):
        ask(server, says("Hello?"), **options)
    assert not server.called


def test_a_wrong_address_is_said_at_once() -> None:
    server = Chaos(models=None)

    async def opened(url: str) -> None:
        async with open_model(replace(OPTIONS, url=[url], max_wait_s=0.01), site()):
            pass

    async def go() -> None:
        async with server.open():
            root = server.url.removesuffix("/v1")
            with pytest.raises(UserError, match=r"(?s)no OpenAI-compatible server.*ends in /v1"):
                await opened(root)
            await opened(server.url)  # it has no list of models, but takes questions
        with pytest.raises(UserError, match="nothing answers at http://127.0.0.1"):
            await opened(f"{root}/v1")
        with pytest.raises(UserError, match="nothing answers at http://127.0.0.1:9/v1"):
            await opened("http://user:password@127.0.0.1:9/v1")
        with pytest.raises(UserError, match="no server's address"):
            await opened("http://[::1/v1")

    asyncio.run(go())


def test_one_dead_server_of_two_is_done_without() -> None:
    dead, well = Chaos(), Chaos()

    async def go() -> list[ChatAnswer]:
        async with dead.open():
            pass
        async with well.open(), model_at(dead, well) as model:
            return await asyncio.gather(*(model.ask(OPTIONS.request(says(str(i)))) for i in range(30)))

    assert [a.text for a in asyncio.run(go())] == [f"Answer to {i}" for i in range(30)]


def test_a_server_that_dies_is_waited_for_and_its_answers_are_kept() -> None:
    server = Chaos()

    async def go() -> None:
        async with server.open():
            opened = model_at(server, max_wait_s=0.05, revision="1")
            model = await opened.__aenter__()
            await model.ask(OPTIONS.request(says("one")))
            server.hold = asyncio.Event()
        server.hold.set()
        server.key = "changed"  # whoever still has a connection is sent away
        with pytest.raises((Waiting, UserError)):
            await model.ask(OPTIONS.request(says("two")))
        assert (await model.ask(OPTIONS.request(says("one")))).text == "Answer to one"
        await opened.__aexit__(None, None, None)

    asyncio.run(go())


def test_the_revision_is_what_the_server_tells_and_stays_the_same() -> None:
    async def revision(model: ChatModel) -> str:
        return model.revision

    told = {"root": "/data/models/snapshots/abc123", "created": 1, "meta": {"size": 99}}
    assert meet(Chaos(entry=told), revision) == "abc123 99 bytes"
    assert meet(Chaos(entry={**told, "created": 2}), revision) == "abc123 99 bytes"
    assert meet(Chaos(entry={"root": "Qwen/Qwen2.5"}), revision) == "Qwen/Qwen2.5"
    assert meet(Chaos(models=None), revision) == "m"
    assert meet(Chaos(entry=told), revision, revision="mine") == "mine"


def test_retry_after_is_seconds_or_a_date() -> None:
    assert after_s({"retry-after": "1.5"}) == 1.5
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < (after_s({"retry-after": soon}) or 0) <= 60
    assert after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert [after_s({"retry-after": v}) for v in ("", "soon", "nan", "-3")] == [None, None, None, 0]


@pytest.mark.models
def test_a_real_model_behind_a_real_server(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xllamacpp

    key = secrets.token_urlsafe(8)
    monkeypatch.setenv("TEST_KEY", key)
    monkeypatch.setenv("CLIPLOOM_CACHE", str(own_cache))
    params = xllamacpp.CommonParams()
    params.model.path = str(join_parts(PARTS, f"{NAME}.gguf", SHA256))
    params.n_ctx, params.n_parallel, params.warmup, params.verbosity, params.cache_ram_mib = 512, 1, False, -1, 0
    params.hostnames, params.port, params.api_keys, params.model_alias = ["127.0.0.1"], 0, [key], {"qwen"}
    server = xllamacpp.Server(params)
    schema = {"type": "object", "properties": {"pet": {"type": "string"}}, "required": ["pet"]}
    options = replace(OPTIONS, name="qwen", url=[f"{server.listening_address}/v1"], max_tokens=16, timeout_s=120)

    async def go() -> tuple[ChatAnswer, str]:
        async with open_model(options, site()) as model:
            return await model.ask(options.request(says("Which pet barks? JSON:"), schema)), model.revision

    answer, revision = asyncio.run(go())
    assert "dog" in json.loads(answer.text)["pet"].lower()
    assert 5 < answer.prompt_tokens < 60
    assert revision.startswith("qwen")
