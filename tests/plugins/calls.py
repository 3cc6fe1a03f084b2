"""Functions for worker processes to call."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import hostile

from cliploom.engine.contract.errors import UserError


def add(one: int, two: int) -> int:
    return one + two


def misbehave(deed: str) -> None:
    """Do what ``hostile`` can."""
    hostile.DEEDS[deed]()


def speak() -> None:
    """To standard output, in Python, below it, and from a process of its own."""
    print("of Python")
    os.write(1, b"of the system\n")
    subprocess.run([sys.executable, "-c", "print('of a child')"], check=True)


def variable(name: str) -> str | None:
    return os.environ.get(name)


def die_later(after_s: float) -> int:
    """Answer, and end the process a moment later."""
    import threading

    threading.Timer(after_s, os._exit, (3,)).start()
    return os.getpid()


def begin_and_hang(seconds: str) -> None:
    """Start a process that outlasts this one, and wait for it."""
    subprocess.run(["sleep", seconds], check=False)


def main_module() -> Any:
    return getattr(sys.modules["__main__"], "__file__", None)


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


def program_with_worker() -> None:
    """A program whose worker is at work; it says which, and waits."""
    from cliploom.engine.execution.worker import Worker

    worker = Worker()
    print(worker.submit(20.0, os.getpid).result(), flush=True)
    worker.submit(60.0, sleep, 60.0)
    time.sleep(60)


def refuse() -> None:
    raise UserError("no package", "install it")
