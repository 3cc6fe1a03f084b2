"""Servers share the load, are left alone when they ask for it, and are asked again when they fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from cliploom.engine.contract.errors import RowError, UserError, Waiting
from cliploom.models.chat import load_balancer as polite
from cliploom.models.chat.load_balancer import Endpoint, Kind, Polite, Trouble
from cliploom.models.chat.model import Answer, Message, Request


def question(text: str) -> Request:
    return Request([Message(role="user", content=text)])


class Scripted:
    """A server that does what ``do`` says of a question and of how often it was asked."""

    def __init__(self, url: str, do: Callable[[str, int], Exception | None] = lambda text, n: None) -> None:
        self.url, self.do = url, do
        self.asked: Counter[str] = Counter()
        self.under_way = self.most = 0

    async def ask(self, request: Request) -> Answer:
        text = str(request.messages[0]["content"])
        self.asked[text] += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.001)
        self.under_way -= 1
        if (error := self.do(text, self.asked[text])) is not None:
            raise error
        return Answer(f"{self.url}: {text}", "stop", 1, 1)


def trouble(kind: Kind, after_s: float | None = None) -> Callable[[str, int], Exception]:
    return lambda text, n: Trouble(kind, f"it is {kind}", after_s)


def ask_all(*servers: Scripted, rows: int = 40, at_once: int = 4, patience_s: float = 30.0) -> list[Any]:
    async def go() -> list[Any]:
        model = Polite("m", "1", [Endpoint(s, at_once, 0) for s in servers], patience_s)
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
    assert all(isinstance(a, Answer) for a in answers)
    assert well.asked.total() == 40
    assert dead.asked.total() < 20  # four at first, then one at a time


def test_a_server_that_comes_back_is_used_again() -> None:
    back = Scripted("back", lambda text, n: Trouble("gone", "no connection") if back.asked.total() < 6 else None)
    assert all(isinstance(a, Answer) for a in ask_all(back))
    assert back.most == 4


def test_nobody_answers_is_waiting() -> None:
    for kind in ("gone", "failed", "slow", "busy"):
        dead = Scripted("http://dead", trouble(kind))
        answers = ask_all(dead, patience_s=0.03)
        assert all(isinstance(a, Waiting) for a in answers), kind
        assert "http://dead" in str(answers[0])
        assert "build again" in str(answers[-1])
    far = ask_all(Scripted("far", trouble("busy", 3600.0)), rows=3)
    assert all("left alone" in str(a) for a in far)  # at once: nobody waits an hour to be told to wait


def test_too_many_requests_pause_the_server_and_not_only_the_call() -> None:
    seen: list[str] = []

    def once(text: str, n: int) -> Exception | None:
        seen.append(text)
        return Trouble("busy", "slow down", 0.02) if len(seen) == 1 else None

    busy = Scripted("busy", once)

    async def go() -> None:
        model = Polite("m", "1", [Endpoint(busy, 1, 0)], 30)
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
    for kind, word, most in (("failed", "server_error", 6), ("slow", "time_out", 3)):
        poison = Scripted("p", lambda text, n, kind=kind: Trouble(kind, "500") if text == "7" else None)  # type: ignore[misc]
        answers = ask_all(poison)
        bad = [a for a in answers if isinstance(a, RowError)]
        assert [a.kind for a in bad] == [word]
        assert poison.asked["7"] >= most
        assert poison.asked.total() - poison.asked["7"] == 39
    alone = ask_all(Scripted("p", trouble("failed")), rows=1)
    assert alone[0].kind == "server_error"


def test_what_is_no_trouble_is_not_asked_again() -> None:
    picky = Scripted("p", lambda text, n: RowError("too long", "too_long") if text == "1" else None)
    answers = ask_all(picky, rows=4)
    assert [type(a) for a in answers] == [Answer, RowError, Answer, Answer]
    assert picky.asked.total() == 4
    locked = Scripted("l", lambda text, n: UserError("wrong key"))
    assert [type(a) for a in ask_all(locked, rows=2)] == [UserError] * 2


def test_who_gives_up_waiting_leaves_the_place_to_others() -> None:
    async def go() -> None:
        model = Polite("m", "1", [Endpoint(Scripted("s"), 1, 0)], 30)
        tasks = [asyncio.create_task(model.ask(question(str(i)))) for i in range(6)]
        await asyncio.sleep(0)
        for task in (tasks[0], tasks[1], tasks[4]):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(e, Answer) for e in ended] == [False, False, True, True, False, True]
        assert isinstance(await model.ask(question("again")), Answer)

    asyncio.run(go())


def test_a_rate_limit_is_kept_from_the_first_minute_on() -> None:
    bucket = polite._Bucket(per_minute=60, at_once=16)
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
    free = polite._Bucket(0, 16)
    free.take()
    assert free.wait_s(0.0) == 0
