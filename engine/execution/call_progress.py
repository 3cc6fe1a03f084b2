"""Which rows a step is at work on, told from one process to another without a message."""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from typing import NamedTuple

_BYTES = 24


class CallState(NamedTuple):
    """The rows of the call under way, by their places in the work that was handed out; no ``rows``: none is."""

    first: int
    rows: int
    since: float  # when that last changed, on the monotonic clock, which all processes of a machine share


class CallProgress:
    """A few numbers that one side writes and the other reads, in memory that both see."""

    def __init__(self, descriptor: int | None = None) -> None:
        memory = bytearray(_BYTES) if descriptor is None else mmap.mmap(descriptor, _BYTES)
        self._numbers, self._time = memoryview(memory).cast("q"), memoryview(memory).cast("d")

    def begin(self, first: int, count: int) -> None:
        """A call with these rows begins."""
        self._numbers[1] = 0  # whoever looks now sees none
        self._time[2] = time.monotonic()
        self._numbers[0] = first
        self._numbers[1] = count

    def end(self) -> None:
        """It has ended, however it did."""
        self._numbers[1] = 0
        self._time[2] = time.monotonic()

    @property
    def state(self) -> CallState:
        """What is under way."""
        return CallState(self._numbers[0], self._numbers[1], self._time[2])


def open_memory() -> int:
    """The descriptor of a few bytes of memory, all zero, that may be handed to another process."""
    with tempfile.TemporaryFile() as file:
        file.truncate(_BYTES)
        return os.dup(file.fileno())


_own = CallProgress()


def own_progress() -> CallProgress:
    """This process's."""
    return _own


def share_progress(descriptor: int) -> None:
    """From now on this process tells in the memory of this descriptor."""
    global _own
    _own = CallProgress(descriptor)
