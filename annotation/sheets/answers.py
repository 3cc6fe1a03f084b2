"""What people answered: read strictly, so that a slip of the pen is a message and not a lost review."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import UserError, nearest
from ...engine.storage.sheets import SheetRow
from .cells import read_answers
from .tasks import CHOOSE, ReviewTask

VERDICTS = ("accept", "reject", "edit", "cannot_tell")
_TYPED = ("verdict", "text", "person", "seconds")


class ReviewAnswer(NamedTuple):
    """One person's answer to one task."""

    task_id: str
    person: str
    verdict: str
    text: str
    seconds: float | None
    choice: int | None  # number of the chosen candidate, from 1


def answer_columns(kind: str) -> tuple[str, ...]:
    """The columns that people fill in."""
    return ("choice", *_TYPED) if kind == CHOOSE else _TYPED


def answer_files(folder: Path) -> list[Path]:
    """``answers.csv`` and ``answers_NAME.csv``, one for each person, in order of their names."""
    return sorted(path for path in folder.glob("answers*.csv") if path.is_file())


def digest_files(folder: Path) -> str:
    """A digest of the answer files; empty where there is none."""
    total = hashlib.sha256()
    files = answer_files(folder)
    for path in files:
        total.update(path.name.encode("utf-8", "surrogateescape") + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest() if files else ""


class AnswerLine(NamedTuple):
    """A line that someone filled in, and where it stands."""

    path: Path
    row: SheetRow

    @property
    def task_id(self) -> str:
        """The task that it answers."""
        return self.cell("task_id")

    def cell(self, column: str) -> str:
        """What was typed there."""
        return self.row.cells.get(column, "").strip()

    def wrong(self, said: str, hint: str = "") -> UserError:
        """The error that names this line."""
        return UserError(f"{self.path}:{self.row.line}: {said}", hint)


def read_answer_lines(folder: Path, kind: str) -> list[AnswerLine]:
    """The lines of all answer files in which someone typed an answer."""
    optional = ("person", "seconds")
    needed = ("task_id", *(c for c in answer_columns(kind) if c not in optional))
    lines = (AnswerLine(path, row) for path in answer_files(folder) for row in read_answers(path, needed, optional))
    return [line for line in lines if any(line.cell(column) for column in ("verdict", "text", "choice"))]


def answers(lines: list[AnswerLine], tasks: Mapping[str, ReviewTask]) -> Iterator[ReviewAnswer]:
    """The answers to these tasks; lines about others are passed over.

    Raises:
        UserError: naming file and line of one that cannot be meant, or that contradicts another.
    """
    seen: dict[tuple[str, str], tuple[AnswerLine, ReviewAnswer]] = {}
    for line in lines:
        if line.task_id not in tasks:
            continue
        answer = _answer(line, tasks[line.task_id])
        before = seen.setdefault((answer.task_id, answer.person.casefold()), (line, answer))
        if before[0] is line:
            yield answer
        elif before[1] != answer._replace(person=before[1].person):
            first = before[0]
            said = f"{answer.person} has answered {answer.task_id} before, at {first.path}:{first.row.line}"
            raise line.wrong(said, "keep one of the two lines, or give each its own person")


def _answer(line: AnswerLine, task: ReviewTask) -> ReviewAnswer:
    verdict = "_".join(line.cell("verdict").lower().replace("_", " ").split())
    if verdict not in VERDICTS:
        said = f"verdict is {verdict!r}{nearest(verdict, VERDICTS)}" if verdict else "there is no verdict"
        hint = "a verdict is accept, reject, edit or cannot_tell; leave the whole line empty to answer later"
        raise line.wrong(said, hint)
    text = line.cell("text")
    if verdict == "edit" and not _is_visible(text):
        raise line.wrong("the verdict is edit, and there is no text", "write the corrected caption into text")
    return ReviewAnswer(task.task_id, _person(line), verdict, text, _seconds(line), _choice(line, task, verdict))


def _is_visible(text: str) -> bool:
    """Is there a character that is neither a blank nor a control or format mark?"""
    return any(unicodedata.category(char)[0] not in "ZC" for char in text)


def _person(line: AnswerLine) -> str:
    """As they call themselves; else the rest of the file's name."""
    typed = " ".join(line.cell("person").split())
    return typed or line.path.stem.removeprefix("answers").strip(" _-.()") or "reviewer"


def _seconds(line: AnswerLine) -> float | None:
    typed = line.cell("seconds")
    if not typed:
        return None
    try:
        seconds = float(typed.replace(",", "."))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise line.wrong(f"seconds is {typed!r}", "seconds is a number like 12 or 12.5, or empty")
    return seconds


def _choice(line: AnswerLine, task: ReviewTask, verdict: str) -> int | None:
    typed, count = line.cell("choice"), len(task.candidates)
    if verdict in ("reject", "cannot_tell"):
        return None
    if not typed:
        if count > 1 and verdict == "accept":
            raise line.wrong("the verdict is accept, and there is no choice", f"choice is a number, 1 to {count}")
        return 1 if count == 1 else None
    number = typed.removesuffix(".0")  # as some spreadsheets write whole numbers
    if not number.isdecimal() or not 1 <= int(number) <= count:
        raise line.wrong(f"choice is {typed!r}", f"choice is a number, 1 to {count}")
    return int(number)
