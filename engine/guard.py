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

from .errors import UserError


@contextmanager
def build_lock(root: Path) -> Iterator[None]:
    """Hold the build folder; the kernel lets go of it however the process ends.

    Raises:
        UserError: another build holds it; says which.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "build.lock").open("a+", encoding="utf-8") as file:
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


@contextmanager
def interruptible(patience_s: float = 2.0) -> Iterator[Callable[[], None]]:
    """Yield a check that hands SIGINT and SIGTERM to whoever handled them before, at a safe place.

    An exception raised just anywhere may be swallowed by a library's callback. Where no check comes
    within ``patience_s``, or at a second signal, the signal is handed on at once after all. Outside the main
    thread the check does nothing: signals do not arrive there.
    """
    came: list[int] = []
    before: dict[int, Callable[[int, FrameType | None], object]] = {}

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            before[number](number, frame)
            return
        timer = threading.Timer(patience_s, insist, (number,))
        timer.daemon = True
        timer.start()

    def insist(number: int) -> None:
        if came:
            os.kill(os.getpid(), number)

    def check() -> None:
        if came:
            number = came[0]
            came.clear()
            before[number](number, None)

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    old = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        handler = old[number]
        before[number] = handler if callable(handler) else signal.default_int_handler
        signal.signal(number, note)
    try:
        yield check
    finally:
        for number in numbers:
            if signal.getsignal(number) is note:
                signal.signal(number, old[number])


def _command() -> str:
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
