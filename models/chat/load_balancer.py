"""Servers of one model share the load, are not pressed, and are asked again when they fail."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol
from warnings import warn

from ...engine.contract.errors import RowError, TransientError, Waiting
from .model import Answer, Request

BACK_OFF_S = 0.5
"""The shortest pause after a failure; it doubles with each one that follows."""
_LONGEST_S = 16.0
TRIES = 6
"""Times that one question may fail at a server that answers others; one that runs out of time counts double."""
_STREAK = 3  # failures in a row after which a server is left alone for a while, then tried with one question
_FEW = 3  # with no more questions under way than these, it is they that fail and not the server

Kind = Literal["gone", "busy", "failed", "slow"]


class Trouble(TransientError):
    """A question has no answer yet.

    ``gone``: nobody takes the connection; ``busy``: the server asks for time; ``failed``: an error of the server's
    own, a lost connection or a broken answer; ``slow``: it took too long.
    """

    def __init__(self, kind: Kind, message: str, after_s: float | None = None) -> None:
        super().__init__(message, after_s)
        self.kind: Kind = kind


class Server(Protocol):
    """One server of the model."""

    @property
    def url(self) -> str:
        """How people know it."""

    async def ask(self, request: Request) -> Answer:
        """Ask once. Raises ``Trouble``, or what ``Model.ask`` raises except ``TransientError``."""
        ...


class _Bucket:
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
        self.bucket = _Bucket(per_minute, at_once)
        self.in_flight = 0
        self.streak = _STREAK if gone else 0  # failures since its last answer, those of one moment as one
        self.paused_until = 0.0
        self.failing_since: float | None = None

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
        self.streak, self.failing_since = 0, None

    def fails(self, trouble: Trouble, now: float) -> None:
        """It has not; leave it alone for as long as it asks for, or for longer each time."""
        if self.failing_since is None:
            self.failing_since = now
        if trouble.after_s is not None:
            self.paused_until = max(self.paused_until, now + trouble.after_s + random.uniform(0, BACK_OFF_S))
        elif now >= self.paused_until:  # else it is one of many that failed together
            self.streak = max(self.streak + 1, _STREAK if trouble.kind == "gone" else 0)
            if trouble.kind == "busy" or self.streak >= _STREAK:
                pause = min(_LONGEST_S, BACK_OFF_S * 2.0 ** max(0, self.streak - _STREAK))
                self.paused_until = now + random.uniform(pause / 2, pause)

    def lost(self, now: float, patience_s: float) -> bool:
        """Has it failed for longer than ``patience_s``, or asked to be left alone for longer?"""
        since = self.failing_since
        return since is not None and max(now, self.paused_until) - since >= patience_s


class _Waiter(NamedTuple):
    """A question in the queue, and the server that failed it last."""

    seat: asyncio.Future[Endpoint]
    avoid: Endpoint | None


class Polite:
    """The model behind several servers: the least busy one is asked, in order of arrival."""

    def __init__(self, name: str, revision: str, endpoints: Sequence[Endpoint], patience_s: float) -> None:
        self.name, self.revision = name, revision
        self._endpoints, self._patience_s = endpoints, patience_s
        self._queue: deque[_Waiter] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._under_way = 0
        self._answered = float("-inf")  # when a server last answered
        self._last: Trouble | None = None
        self._loop = asyncio.get_running_loop()

    async def ask(self, request: Request) -> Answer:
        """As ``Model.ask``. ``Waiting`` when every server has been out of reach for ``patience_s``.

        Raises:
            RowError: ``server_error`` for a question that fails while others succeed, ``time_out`` for one that
                takes too long again and again.
        """
        self._under_way += 1
        try:
            return await self._ask(request)
        finally:
            self._under_way -= 1

    async def _ask(self, request: Request) -> Answer:
        began, tries, endpoint = self._loop.time(), 0, None
        while True:
            endpoint = await self._seat(endpoint)
            try:
                answer = await endpoint.server.ask(request)
            except Trouble as error:
                trouble = self._last = error
                if trouble.kind == "gone" and endpoint.failing_since is None:
                    warn(f"{trouble.message}; it is waited for, up to {self._patience_s:g} s", stacklevel=2)
                endpoint.fails(trouble, self._loop.time())
            except RowError:
                self._does_well(endpoint)  # it has looked at the question
                raise
            else:
                self._does_well(endpoint)
                return answer
            finally:
                endpoint.in_flight -= 1
                if self._queue:
                    self._deal()
            self._give_up_if_all_are_lost()
            if trouble.kind in ("failed", "slow"):
                tries += 2 if trouble.kind == "slow" else 1
                if tries >= TRIES and (self._answered > began or self._under_way <= _FEW):
                    kind = "time_out" if trouble.kind == "slow" else "server_error"
                    raise RowError(f"{trouble.message} (asked again and again)", kind)
                await asyncio.sleep(random.uniform(0, min(_LONGEST_S, BACK_OFF_S * 2.0 ** min(tries, 10))))

    def _does_well(self, endpoint: Endpoint) -> None:
        endpoint.does_well()
        self._answered = self._loop.time()

    async def _seat(self, avoid: Endpoint | None) -> Endpoint:
        """A server that takes a question now, or as soon as there is one."""
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
        if not all(e.lost(now, self._patience_s) for e in self._endpoints):
            return
        said = gone_message([e.server.url for e in self._endpoints], self._last)
        for waiter in self._queue:
            if not waiter.seat.done():
                waiter.seat.set_exception(Waiting(said))
        self._queue.clear()
        raise Waiting(said)


def gone_message(urls: Sequence[str], last: Trouble | None) -> str:
    """What a build waits for."""
    names, why = ", ".join(urls), f" ({last.message})" if last else ""
    if last is not None and last.kind == "busy":
        return f"{names} wants to be left alone for longer{why}; build again later"
    return f"{names} does not answer{why}; start it and build again"
