"""What the review needs of a way to people."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ...engine.contract.errors import UserError
from ..forms.answers import ReviewAnswer
from ..tasks.task import ReviewTask


class AnswerLine(NamedTuple):
    """What someone answered, before it is known to which task, and where it stands."""

    task_id: str
    place: str  # file and line, or file and number
    read: Callable[[ReviewTask], ReviewAnswer]  # raises UserError with the place for what cannot be meant
    lenient: bool = False  # one that breaks the form's rules is left out and told; else it ends the build

    def wrong(self, said: str, hint: str = "") -> UserError:
        """The error that names its place."""
        return UserError(f"{self.place}: {said}", hint)


class Backend(Protocol):
    """A way to people. What it fetches lies in files of the build folder: a plan never goes to the network."""

    def post(self, tasks: Sequence[ReviewTask]) -> None:
        """Show the tasks to people, in the place of those that were there before."""

    def fetch(self) -> list[AnswerLine]:
        """The answers that are there."""

    def digest(self) -> str:
        """A digest of the answers that are there; empty where there is none."""


def digest_files(files: Iterable[Path]) -> str:
    """A digest of files' names and content; empty where there is none."""
    total, count = hashlib.sha256(), 0
    for count, path in enumerate(files, 1):  # noqa: B007 - the last one counts them
        total.update(path.name.encode("utf-8", "surrogateescape") + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest() if count else ""
