"""Servers of one model share the load, are not pressed, and are asked again when they fail."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, NamedTuple, Protocol
from warnings import warn

from ...engine.contract.errors import RowError, TransientError, Waiting
from .model import ChatAnswer, ChatRequest, Message

BACK_OFF_S = 0.5
"""The shortest pause after a failure; it doubles with each one that follows."""
_LONGEST_S = 16.0
_PATIENCE = 12
_TAKES = {"failed": 3, "broken": 4, "slow": 6}
"""What a failure takes of a question's patience: four errors, three answers that were paid, two times out of time."""
_STREAK = 3  # failures in a row after which a server is left alone for a while, and must then show that it is well
_LONG_S = 10.0  # a pause that people are told of
HELLO = ChatRequest([Message(role="user", content="Hello.")], max_tokens=16)
"""What a server is asked that failed again and again: is it the server, or are it the questions?"""

Kind = Literal["gone", "busy", "failed", "broken", "slow"]


class ServerTrouble(TransientError):
    """A question has no answer yet.

    ``gone``: nobody takes the connection; ``busy``: the server asks for time; ``failed``: an error of the server's
    own, or a lost connection; ``broken``: what it sent is no answer; ``slow``: it took too long.
    """

    def __init__(self, kind: Kind, message: str, after_s: float | None = None) -> None:
        super().__init__(message, after_s)
        self.kind: Kind = kind


class Server(Protocol):
    """One server of the model."""

    @property
    def url(self) -> str:
        """How people know it."""

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """Ask once. Raises ``ServerTrouble``, or what ``Model.ask`` raises except ``TransientError``."""
        ...


class _RateLimiter:
    """Lets ``per_minute`` questions through, with no more at a time than about three seconds' worth."""

    def __init__(self, per_minute: int, at_once: int) -> None:
        self._per_s = per_minute / 60
        self._most = max(1.0, min(at_once, per_minute / 20))
        self._tokens, self._filled = 1.0, 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next one may pass."""
        if self._per_s == 0:
            return 0.0
        if self._filled:
            self._tokens = min(self._most, self._tokens + (now - self._filled) * self._per_s)
        self._filled = now
        return max(0.0, (1 - self._tokens) / self._per_s)

    def take(self) -> None:
        """One passes."""
        self._tokens -= 1


class Endpoint:
    """A server, how busy it is, and how well it does."""

    def __init__(self, server: Server, at_once: int, per_minute: int, gone: bool = False) -> None:
        self.server, self.at_once = server, at_once
        self.bucket = _RateLimiter(per_minute, at_once)
        self.in_flight = 0
        self.streak = _STREAK if gone else 0  # failures since its last answer, those of one moment as one
        self.paused_until = 0.0
        self.failing_since: float | None = None
        self.in_doubt = False  # is it the server that fails, or are it the questions?

    def opens_in(self, now: float) -> float | None:
        """Seconds until it takes a question; None where it must first finish one."""
        if self.in_flight >= (1 if self.streak >= _STREAK else self.at_once):
            return None
        return max(self.paused_until - now, self.bucket.wait_s(now), 0.0)

    def take(self) -> None:
        """A question goes to it."""
        self.in_flight += 1
        self.bucket.take()

    def does_well(self) -> None:
        """It has answered."""
        self.streak, self.failing_since, self.in_doubt = 0, None, False

    def fails(self, trouble: ServerTrouble, now: float) -> None:
        """It has not; leave it alone for as long as it asks for, or for longer each time."""
        if self.failing_since is None:
            self.failing_since = now
        if trouble.after_s is not None:
            self.paused_until = max(self.paused_until, now + trouble.after_s + random.uniform(0, BACK_OFF_S))
        elif now >= self.paused_until:  # else it is one of many that failed together
            self.streak = max(self.streak + 1, _STREAK if trouble.kind == "gone" else 0)
            self.in_doubt = self.streak >= _STREAK and trouble.kind != "busy"
            if trouble.kind == "busy" or self.streak >= _STREAK:
                pause = min(_LONGEST_S, BACK_OFF_S * 2.0 ** max(0, self.streak - _STREAK))
                self.paused_until = now + random.uniform(pause / 2, pause)

    def lost(self, now: float, max_wait_s: float) -> bool:
        """Has it failed for longer than ``max_wait_s``, or asked to be left alone for longer?"""
        since = self.failing_since
        return since is not None and max(now, self.paused_until) - since >= max_wait_s


class _Waiter(NamedTuple):
    """A question in the queue, and the server that failed it last."""

    seat: asyncio.Future[Endpoint]
    avoid: Endpoint | None


class LoadBalancer:
    """The model behind several servers: the least busy one is asked, in order of arrival.

    A server that fails again and again is asked something simple. If it answers, it is the questions that fail, each
    after a few tries; if not, it is waited for.
    """

    def __init__(self, name: str, revision: str, endpoints: Sequence[Endpoint], max_wait_s: float) -> None:
        self.name, self.revision = name, revision
        self._endpoints, self._max_wait_s = endpoints, max_wait_s
        self._queue: deque[_Waiter] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._answered: ChatRequest | None = None  # the shortest question that was
        self._last: ServerTrouble | None = None
        self._given_up = ""  # what is waited for
        self._loop = asyncio.get_running_loop()

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """As ``Model.ask``. ``Waiting`` when every server has been out of reach for ``max_wait_s``.

        Raises:
            RowError: ``server_error`` for a question that fails again and again at servers that answer others,
                ``time_out`` for one that takes too long.
        """
        patience, tries, endpoint = _PATIENCE, 0, None
        while True:
            endpoint = await self._seat(endpoint)
            asked = False
            try:
                if endpoint.in_doubt and tries:  # a question that never failed tells as much
                    await self._probe(endpoint)
                asked = True
                answer = await endpoint.server.ask(request)
            except ServerTrouble as error:
                trouble = self._last = error
                self._note(endpoint, trouble)
            except RowError:
                endpoint.does_well()  # it has looked at the question
                raise
            else:
                endpoint.does_well()
                self._answered = min(request, self._answered or request, key=_length)
                return answer
            finally:
                endpoint.in_flight -= 1
                if self._queue:
                    self._deal()
            self._give_up_if_all_are_lost()
            if trouble.kind not in _TAKES:
                continue
            if asked or self._answered is None:  # else it is the server that fails
                patience -= _TAKES[trouble.kind] if asked else 1
            if patience <= 0:
                kind = "time_out" if trouble.kind == "slow" else "server_error"
                raise RowError(f"{trouble.message} (asked again and again)", kind)
            tries += 1
            await asyncio.sleep(random.uniform(0, min(_LONGEST_S, BACK_OFF_S * 2.0 ** min(tries, 10))))

    async def _probe(self, endpoint: Endpoint) -> None:
        """See whether a server answers something simple, or what was answered before; ``ServerTrouble`` if not."""
        with suppress(RowError):  # it has looked at the question
            try:
                await endpoint.server.ask(HELLO)
            except ServerTrouble as trouble:
                if self._answered is None or trouble.kind not in _TAKES:
                    raise
                await endpoint.server.ask(self._answered)
        endpoint.does_well()

    def _note(self, endpoint: Endpoint, trouble: ServerTrouble) -> None:
        """Leave a server alone that failed; say what is waited for."""
        if trouble.kind == "gone" and endpoint.failing_since is None:
            warn(f"{trouble.message}; it is waited for, up to {self._max_wait_s:g} s", stacklevel=3)
        if _LONG_S <= (trouble.after_s or 0) < self._max_wait_s:
            warn(f"{endpoint.server.url} wants to be left alone for {trouble.after_s:.0f} s", stacklevel=3)
        endpoint.fails(trouble, self._loop.time())

    async def _seat(self, avoid: Endpoint | None) -> Endpoint:
        """A server that takes a question now, or as soon as there is one."""
        if self._given_up:
            raise Waiting(self._given_up)
        if not self._queue and (endpoint := self._free(avoid)) is not None:
            endpoint.take()
            return endpoint
        seat: asyncio.Future[Endpoint] = self._loop.create_future()
        self._queue.append(_Waiter(seat, avoid))
        self._deal()
        try:
            return await seat
        except asyncio.CancelledError:
            if seat.done() and not seat.cancelled() and seat.exception() is None:
                seat.result().in_flight -= 1  # it was given to us, and we are no more
                self._deal()
            raise

    def _free(self, avoid: Endpoint | None) -> Endpoint | None:
        """The least busy one of those that take a question, ``avoid`` only for want of another."""
        if len(self._endpoints) == 1:
            only = self._endpoints[0]
            return only if only.opens_in(self._loop.time()) == 0 else None
        now = self._loop.time()
        taking = [e for e in self._endpoints if e.opens_in(now) == 0]
        return min(taking, key=lambda e: (e is avoid, e.in_flight / e.at_once), default=None)

    def _deal(self) -> None:
        """Give free servers to those who wait, and see to it that the rest are dealt with in time."""
        while self._queue:
            waiter = self._queue[0]
            if not waiter.seat.done():
                endpoint = self._free(waiter.avoid)
                if endpoint is None:
                    break
                endpoint.take()
                waiter.seat.set_result(endpoint)
            self._queue.popleft()
        if self._queue:
            self._set_alarm()

    def _set_alarm(self) -> None:
        """Deal again when the next pause ends. A server that is full deals when it has finished something."""
        now = self._loop.time()
        waits = [wait for e in self._endpoints if (wait := e.opens_in(now)) is not None]
        if waits and (self._alarm is None or self._alarm.when() > now + min(waits)):
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = self._loop.call_later(min(waits), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._deal()

    def _give_up_if_all_are_lost(self) -> None:
        """Raise ``Waiting`` here and for all who wait, when no server has been in reach for too long."""
        now = self._loop.time()
        if not all(e.lost(now, self._max_wait_s) for e in self._endpoints):
            return
        self._given_up = unreachable_message([e.server.url for e in self._endpoints], self._last)
        for waiter in self._queue:
            if not waiter.seat.done():
                waiter.seat.set_exception(Waiting(self._given_up))
        self._queue.clear()
        raise Waiting(self._given_up)


def _length(request: ChatRequest) -> tuple[bool, int]:
    """What a question weighs: pictures, then characters."""
    contents = [message["content"] for message in request.messages]
    seen = any(not isinstance(part, str) for content in contents for part in content)
    return seen, sum(len(content) for content in contents)


def unreachable_message(urls: Sequence[str], last: ServerTrouble | None) -> str:
    """What a build waits for."""
    names, why = ", ".join(urls), f" ({last.message})" if last else ""
    if last is None or last.kind == "gone":
        return f"{names} is not there{why}; start it and build again"
    return {
        "busy": f"{names} wants to be left alone for longer{why}; build again later",
        "slow": f"{names} takes too long{why}; raise timeout_s or lower at_once, and build again",
    }.get(last.kind, f"{names} answers nothing as it should{why}; mend it and build again")
