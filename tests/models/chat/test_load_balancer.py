"""Servers share the load, are left alone when they ask for it, and are asked again when they fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from cliploom.engine.contract.errors import RowError, UserError, Waiting
from cliploom.models.chat import load_balancer as polite
from cliploom.models.chat.load_balancer import Endpoint, Kind, LoadBalancer, ServerTrouble, unreachable_message
from cliploom.models.chat.model import ChatAnswer, ChatRequest, Message


def question(text: str) -> ChatRequest:
    return ChatRequest([Message(role="user", content=text)])


class Scripted:
    """A server that does what ``do`` says of a question and of how often it was asked."""

    def __init__(self, url: str, do: Callable[[str, int], Exception | None] = lambda text, n: None) -> None:
        self.url, self.do = url, do
        self.asked: Counter[str] = Counter()
        self.under_way = self.most = 0

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        text = str(request.messages[0]["content"])
        self.asked[text] += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.001)
        self.under_way -= 1
        if (error := self.do(text, self.asked[text])) is not None:
            raise error
        return ChatAnswer(f"{self.url}: {text}", "stop", 1, 1)


def trouble(kind: Kind, after_s: float | None = None) -> Callable[[str, int], Exception]:
    return lambda text, n: ServerTrouble(kind, f"it is {kind}", after_s)


def ask_all(*servers: Scripted, rows: int = 40, at_once: int = 4, max_wait_s: float = 30.0) -> list[Any]:
    async def go() -> list[Any]:
        model = LoadBalancer("m", "1", [Endpoint(s, at_once, 0) for s in servers], max_wait_s)
        return await asyncio.gather(*(model.ask(question(f"{i}")) for i in range(rows)), return_exceptions=True)

    return asyncio.run(go())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polite, "BACK_OFF_S", 0.001)
    monkeypatch.setattr(polite, "_LONGEST_S", 0.02)


def test_two_servers_share_the_load() -> None:
    one, two = Scripted("one"), Scripted("two")
    answers = ask_all(one, two, rows=60)
    assert [a.text.split(": ")[1] for a in answers] == [str(i) for i in range(60)]
    assert one.asked.total() + two.asked.total() == 60
    assert min(one.asked.total(), two.asked.total()) > 20
    assert (one.most, two.most) == (4, 4)


def test_a_dead_server_is_left_out_and_costs_no_row() -> None:
    dead, well = Scripted("dead", trouble("gone")), Scripted("well")
    answers = ask_all(dead, well)
    assert all(isinstance(a, ChatAnswer) for a in answers)
    assert well.asked.total() == 40
    assert dead.asked.total() < 20  # four at first, then one at a time


def test_a_server_that_comes_back_is_used_again() -> None:
    back = Scripted("back", lambda text, n: ServerTrouble("gone", "no connection") if back.asked.total() < 6 else None)
    assert all(isinstance(a, ChatAnswer) for a in ask_all(back))
    assert back.most == 4


def test_nobody_answers_is_waiting() -> None:
    for kind in ("gone", "failed", "slow", "busy"):
        dead = Scripted("http://dead", trouble(kind))
        answers = ask_all(dead, max_wait_s=0.03)
        assert all(isinstance(a, Waiting) for a in answers), kind
        assert "http://dead" in str(answers[0])
        assert "build again" in str(answers[-1])
    far = ask_all(Scripted("far", trouble("busy", 3600.0)), rows=3)
    assert all("left alone" in str(a) for a in far)  # at once: nobody waits an hour to be told to wait


def test_too_many_requests_pause_the_server_and_not_only_the_call() -> None:
    seen: list[str] = []

    def once(text: str, n: int) -> Exception | None:
        seen.append(text)
        return ServerTrouble("busy", "slow down", 0.02) if len(seen) == 1 else None

    busy = Scripted("busy", once)

    async def go() -> None:
        model = LoadBalancer("m", "1", [Endpoint(busy, 1, 0)], 30)
        first = asyncio.create_task(model.ask(question("a")))
        while not busy.asked:
            await asyncio.sleep(0)
        second = asyncio.create_task(model.ask(question("b")))
        await asyncio.sleep(0.01)
        assert busy.asked.total() == 1
        await asyncio.gather(first, second)

    asyncio.run(go())
    assert busy.asked.total() == 3


def test_one_question_that_always_fails_is_one_bad_row() -> None:
    for kind, word, most in (("failed", "server_error", 4), ("broken", "server_error", 3), ("slow", "time_out", 2)):
        poison = Scripted("p", lambda text, n, kind=kind: ServerTrouble(kind, "500") if text == "7" else None)  # type: ignore[misc]
        answers = ask_all(poison)
        bad = [a for a in answers if isinstance(a, RowError)]
        assert [a.kind for a in bad] == [word]
        assert poison.asked["7"] == most
        assert poison.asked.total() - poison.asked["7"] - poison.asked["Hello."] == 39
    alone = ask_all(Scripted("p", trouble("failed")), rows=1)
    assert alone[0].kind == "server_error"


@pytest.mark.parametrize("kind", ["failed", "broken", "slow"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("hello", [False, True])
def test_questions_that_always_fail_do_not_hold_back_the_others(kind: Kind, last: bool, hello: bool) -> None:
    def fails(text: str, n: int) -> Exception | None:
        poison = hello if text == "Hello." else int(text) >= 24 if last else int(text) % 3 == 0
        return ServerTrouble(kind, "500") if poison else None

    server = Scripted("p", fails)
    answers = ask_all(server, rows=36, at_once=16, max_wait_s=5.0)
    bad = [i for i, answer in enumerate(answers) if isinstance(answer, RowError)]
    assert bad == ([*range(24, 36)] if last else [*range(0, 36, 3)])
    assert sum(isinstance(answer, ChatAnswer) for answer in answers) == 24
    assert max(server.asked[str(i)] for i in bad) <= 4


def test_a_server_that_is_out_of_order_for_a_while_costs_no_row() -> None:
    def fails(text: str, n: int) -> Exception | None:
        out = 20 < server.asked.total() < 60
        return ServerTrouble("failed", "502") if out else None

    server = Scripted("s", fails)
    assert all(isinstance(answer, ChatAnswer) for answer in ask_all(server, rows=60, at_once=8))


def test_whoever_asks_a_server_that_wants_an_hour_waits_for_no_hour() -> None:
    async def go() -> list[Any]:
        model = LoadBalancer("m", "1", [Endpoint(Scripted("far", trouble("busy", 3600.0)), 2, 0)], 30.0)
        first = await asyncio.gather(*(model.ask(question(f"{i}")) for i in range(9)), return_exceptions=True)
        with pytest.raises(Waiting, match="left alone"):
            await model.ask(question("later"))
        return first

    assert all(isinstance(answer, Waiting) for answer in asyncio.run(asyncio.wait_for(go(), 5.0)))


def test_a_pause_that_takes_long_is_said() -> None:
    async def go() -> None:
        model = LoadBalancer("m", "1", [Endpoint(Scripted("far", trouble("busy", 20.0)), 2, 0)], 30.0)
        await asyncio.wait_for(model.ask(question("a")), 0.05)

    with pytest.warns(UserWarning, match="far wants to be left alone for 20 s"), pytest.raises(TimeoutError):
        asyncio.run(go())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("gone", "is not there"),
        ("slow", "takes too long"),
        ("failed", "answers nothing as it should"),
        ("busy", "left"),
    ],
)
def test_what_is_waited_for_is_said_as_it_is(kind: Kind, said: str) -> None:
    assert said in unreachable_message(["http://s"], ServerTrouble(kind, "took longer than 300 s"))
    assert "took longer" in unreachable_message(["http://s"], ServerTrouble(kind, "took longer than 300 s"))


def test_what_is_no_trouble_is_not_asked_again() -> None:
    picky = Scripted("p", lambda text, n: RowError("too long", "too_long") if text == "1" else None)
    answers = ask_all(picky, rows=4)
    assert [type(a) for a in answers] == [ChatAnswer, RowError, ChatAnswer, ChatAnswer]
    assert picky.asked.total() == 4
    locked = Scripted("l", lambda text, n: UserError("wrong key"))
    assert [type(a) for a in ask_all(locked, rows=2)] == [UserError] * 2


def test_who_gives_up_waiting_leaves_the_place_to_others() -> None:
    async def go() -> None:
        model = LoadBalancer("m", "1", [Endpoint(Scripted("s"), 1, 0)], 30)
        tasks = [asyncio.create_task(model.ask(question(str(i)))) for i in range(6)]
        await asyncio.sleep(0)
        for task in (tasks[0], tasks[1], tasks[4]):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(e, ChatAnswer) for e in ended] == [False, False, True, True, False, True]
        assert isinstance(await model.ask(question("again")), ChatAnswer)

    asyncio.run(go())


def test_a_rate_limit_is_kept_from_the_first_minute_on() -> None:
    bucket = polite._RateLimiter(per_minute=60, at_once=16)
    now, passed = 100.0, []
    while now < 220:
        wait = bucket.wait_s(now)
        if wait == 0:
            bucket.take()
            passed.append(now)
        else:
            now += wait + 1e-9
    assert 60 <= sum(t < 160 for t in passed) <= 61
    assert bucket.wait_s(1000.0) == 0  # after a rest at most three seconds' worth come together
    for _ in range(3):
        bucket.take()
    assert bucket.wait_s(1000.0) == pytest.approx(1.0)
    free = polite._RateLimiter(0, 16)
    free.take()
    assert free.wait_s(0.0) == 0
