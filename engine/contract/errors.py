"""How things go wrong, by who can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class UserError(Exception):
    """Something that the user can mend: one line, a hint, exit code 2, no traceback; ``details`` is a list below it."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, hint: str = "", details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message, self.hint = " ".join(message.splitlines()), hint  # a name in it may have line ends
        self.details = tuple(details)

    def __str__(self) -> str:
        return "\n  ".join([self.message, *self.details, *([self.hint] if self.hint else [])])


class TotalFailure(UserError):
    """A step failed on all rows that reached it, so that nothing comes after it."""

    exit_code = 3


class RowError(Exception):
    """This row cannot be done; the build goes on. ``kind`` is a short word that failures are counted by."""

    def __init__(self, message: str, kind: str = "RowError") -> None:
        super().__init__(message, kind)
        self.message, self.kind = message, kind

    def __str__(self) -> str:
        return self.message


class TransientError(Exception):
    """A failure that may pass (429, 5xx, a time-out): tried again with back-off and jitter."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message, after_s)
        self.message, self.after_s = message, after_s

    def __str__(self) -> str:
        return self.message


class Waiting(Exception):
    """A step can go on only when something outside the build has changed: people answered, a server is back.

    What it has done is kept; the build does what it can without the rest, and ends saying what it waits for.
    """


_LONGEST = 200  # characters that are compared


_SHOWN = 80  # characters


def shown_name(name: str) -> str:
    """A name that somebody wrote, as messages show it: not all of a long one."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` for the nearest known spelling, or nothing."""
    found = get_close_matches(str(word)[:_LONGEST], list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""
