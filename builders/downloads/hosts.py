"""How hard each host is asked: connections at once, the pause between them, and when it is left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .faults import LONGEST_WAIT_S, FetchError

_MOST_CHECKS = 3  # bot checks on end after which a host is not asked any more in this build


@dataclass
class _Host:
    slots: asyncio.Semaphore
    free_at_s: float = 0.0  # when the next request may begin
    bot_checks: int = 0  # on end
    closed_until_s: float = 0.0
    closed_kind: str = ""


class Hosts:
    """The hosts that are asked. One object serves all downloads of a build, on one event loop."""

    def __init__(self, per_host: int, delay_s: float, cool_down_s: float) -> None:
        self._per_host, self._delay_s, self.cool_down_s = per_host, delay_s, cool_down_s
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[None]:
        """Wait until the host may be asked; it counts as asked until this ends.

        Raises:
            FetchError: it is not asked any more: it told so, or said too often that we are a robot.
        """
        host = self._host(name)
        async with host.slots:
            while (wait_s := host.free_at_s - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
                self._check(name, host)
            self._check(name, host)
            host.free_at_s = max(host.free_at_s, time.monotonic() + self._delay_s)
            yield

    def succeed(self, name: str) -> None:
        """Something came from there."""
        self._host(name).bot_checks = 0

    def cool(self, name: str, kind: str, after_s: float | None) -> None:
        """Leave a host alone: for what it asks for, otherwise for ``cool_down_s``."""
        host = self._host(name)
        wait_s = self.cool_down_s if after_s is None else after_s
        now_s = time.monotonic()
        host.bot_checks += kind == "bot_check"
        if wait_s > LONGEST_WAIT_S:
            host.closed_until_s, host.closed_kind = now_s + wait_s, kind
        elif host.bot_checks >= _MOST_CHECKS:
            host.closed_until_s, host.closed_kind = float("inf"), kind
        host.free_at_s = max(host.free_at_s, now_s + min(wait_s, LONGEST_WAIT_S))
        if host.closed_until_s > now_s:
            host.free_at_s = 0.0

    def _check(self, name: str, host: _Host) -> None:
        left_s = host.closed_until_s - time.monotonic()
        if left_s > 0:
            why = f"asks to wait {left_s:.0f} s more" if left_s < float("inf") else "asked for proof of no robot again"
            raise FetchError(f"{name} {why}: it was not asked for this", host.closed_kind, left_s)

    def _host(self, name: str) -> _Host:
        if name not in self._hosts:
            self._hosts[name] = _Host(asyncio.Semaphore(self._per_host))
        return self._hosts[name]
