"""Ctrl-C and SIGTERM: stop soon, say how to go on, exit 130."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

_PATIENCE_S = 4.0
EXIT_CODE = 130


@contextmanager
def stoppable(command: str) -> Iterator[None]:
    """Inside, a signal raises ``KeyboardInterrupt`` once; the exit line names ``command``.

    What is not put away after four seconds is cut off: a build folder survives that as it
    survives a power cut, and worker processes end themselves when their runner is gone.
    """
    said = threading.Event()

    def say() -> None:
        if not said.is_set():
            said.set()
            print(f"\nstopped; go on with: {command}", file=sys.stderr, flush=True)

    def cut_off() -> None:
        say()
        os._exit(EXIT_CODE)

    def stop(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        timer = threading.Timer(_PATIENCE_S, cut_off)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        say()
        raise typer.Exit(EXIT_CODE) from None
    finally:
        if not said.is_set():
            for each, handler in before.items():
                signal.signal(each, handler)
