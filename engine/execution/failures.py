"""What steps raise: caught here and nowhere else, and put into words that any file can hold."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from ..contract.errors import RowError, TransientError, UserError
from ..contract.step import Step

_LONGEST_TEXT = 2000
_ENGINE = __package__.rpartition(".")[0]
_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}
_GPU_LOST = re.compile(r"\b(CUDA|HIP|cuDNN|cuBLAS) (driver |runtime )?(error|failure|failed)\b|\bcudaError\w", re.I)


class Attempt(NamedTuple):
    """What a call gave, or what it raised."""

    value: Any
    error: BaseException | None = None


def attempt(call: Callable[..., Any], *args: Any) -> Attempt:
    """Call; whatever it raises, ``SystemExit`` and ``KeyboardInterrupt`` too, is a value."""
    try:
        return Attempt(call(*args))
    except BaseException as error:
        return Attempt(None, error)


async def attempt_async(work: Awaitable[Any]) -> Attempt:
    """As ``attempt``. Only a cancellation from outside is passed on."""
    try:
        return Attempt(await work)
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        return Attempt(None, error)


class WorkerLost(Exception):
    """A worker ended, or must be ended, before it answered. ``kind`` is a short word that failures are counted by.

    ``first`` and ``count`` say which rows of its work were in the call under way; no ``count``: none was.
    """

    def __init__(self, kind: str, message: str, first: int = 0, count: int = 0) -> None:
        super().__init__(kind, message, first, count)
        self.kind, self.message, self.first, self.count = kind, message, first, count

    def __str__(self) -> str:
        return self.message


class Timeout(WorkerLost):
    """A worker that was ended because a call took longer than it may."""


def leaves_gpu_unusable(error: BaseException) -> bool:
    """Does every later call of this process to its GPU fail too?

    After an illegal access, a failed assertion or a fault of the hardware a CUDA context is gone for good; too little
    memory alone leaves it sound.
    https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
    """
    if isinstance(error, (RowError, TransientError)):  # a server's words, perhaps
        return False
    said = plain_text(error)
    return bool(_GPU_LOST.search(said)) and "out of memory" not in said.lower()


def plain_text(value: object, most: int = _LONGEST_TEXT) -> str:
    """The text of anything, at most ``most`` characters that UTF-8 can write, even where ``str`` of it raises."""
    said = attempt(str, value)
    if said.error is not None:
        return f"<{type(value).__name__}, whose text cannot be read>"
    return str.encode(said.value, "utf-8", "backslashreplace").decode()[:most]


def in_words(error: BaseException, step: Step) -> str:
    """What an error says, and at which line of the step it was raised: ``no word for it (captioners/judge.py:88)``."""
    said = plain_text(error) if isinstance(error, Exception) else ""
    said = said or plain_text(repr(error) if attempt(repr, error).error is None else type(error).__name__)
    place = _place(error.__traceback__, step)
    return f"{said} ({place})" if place else said


def as_row_error(error: BaseException, step: Step) -> RowError:
    """An error as the failure of one row. A step's own ``RowError`` says all there is to say."""
    if isinstance(error, RowError):
        return error
    failure = RowError(in_words(error, step), type(error).__name__)
    failure.__cause__ = error
    return failure


def machine_fault(error: BaseException, step: Step, name: str) -> UserError | None:
    """An error that no row is to blame for, in one line: the disk is full, or no more files can be opened.

    It is looked for in what the error was raised from too: a step, or a library, may have given it words of its own.
    """
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        if isinstance(cause, OSError) and isinstance(cause.errno, int) and cause.errno in _MACHINE:
            words = f"{name} cannot go on: {os.strerror(cause.errno)}: {in_words(error, step)}"
            return UserError(words, "mend that and build again: what is finished is kept, and no row has failed by it")
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def as_user_error(error: BaseException, step: Step, name: str, what: str) -> UserError:
    """An error that is no row's failure, in one line: the step failed, or could not do ``what``."""
    kind, words = type(error).__name__, in_words(error, step)
    return UserError(f"{name} {what}: {words if words.startswith(kind) else f'{kind}: {words}'}")


def _place(trace: TracebackType | None, step: Step) -> str:
    """The innermost line of the step's own modules, else of any that is not the engine's; without a machine's paths."""
    own = {cls.__module__ for cls in type(step).__mro__ if issubclass(cls, Step)}
    best = ""
    found_own = False
    for frame, line in traceback.walk_tb(trace):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_ENGINE) or (found_own and module not in own):
            continue
        found_own = module in own
        folders = module.removeprefix(f"{_ENGINE.partition('.')[0]}.").split(".")[:-1]
        best = "/".join([*folders, f"{Path(frame.f_code.co_filename).name}:{line}"])
    return best
