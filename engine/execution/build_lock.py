"""One build at a time in a folder."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ..contract.errors import UserError


@contextmanager
def build_lock(root: Path) -> Iterator[None]:
    """Hold the build folder; the kernel lets go of it however the process ends.

    Raises:
        UserError: another build holds it; says which.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "build.lock").open("a+", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(f"{root} is being built by {holder}", "wait for it to end, or stop it") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%H:%M:%S')}: {_command()}")
        file.flush()
        yield
        file.truncate(0)


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


def _command() -> str:
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
