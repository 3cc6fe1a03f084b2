"""Signals that ask a build to stop, handed on at safe places."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_INSIST_S = 2.0  # so long a signal waits for a safe place


class _Signals:
    """SIGINT and SIGTERM, noted when they come and handed on when asked."""

    def __init__(self) -> None:
        self.came: list[int] = []
        self.before: dict[int, Callable[[int, FrameType | None], object]] = {}

    def note(self, number: int, frame: FrameType | None) -> None:
        self.came.append(number)
        if len(self.came) > 1:
            self.before[number](number, frame)
            return
        timer = threading.Timer(_INSIST_S, self.insist, (number,))
        timer.daemon = True
        timer.start()

    def insist(self, number: int) -> None:
        if self.came:
            os.kill(os.getpid(), number)

    def check(self) -> None:
        if self.came:
            number = self.came[0]
            self.came.clear()
            self.before[number](number, None)


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Yield a check that hands SIGINT and SIGTERM to whoever handled them before, at a safe place.

    An exception raised just anywhere may be swallowed by a library's callback. Where no check comes
    within two seconds, or at a second signal, the signal is handed on at once after all. Outside the main
    thread the check does nothing: signals do not arrive there.
    """
    signals = _Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals.check
        return
    old = {number: signal.signal(number, signals.note) for number in (signal.SIGINT, signal.SIGTERM)}
    signals.before = {n: handler if callable(handler) else signal.default_int_handler for n, handler in old.items()}
    try:
        yield signals.check
    finally:
        for number, handler in old.items():
            if signal.getsignal(number) == signals.note:
                signal.signal(number, handler)
