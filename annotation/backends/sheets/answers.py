"""What people answered in csv files: read strictly, so that a slip of the pen is a message and not a lost review."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ....engine.contract.errors import UserError, nearest
from ....engine.storage.sheets import SheetRow
from ...forms.answers import ReviewAnswer, is_visible
from ...forms.form import ACCEPT, CANNOT_TELL, CAPTION_KINDS, EDIT, MARK, REJECT, Form
from ...tasks.task import ReviewTask
from ..port import AnswerLine
from .cells import read_answers
from .marks import mark_columns, read_marks

VERDICTS = (ACCEPT, REJECT, EDIT, CANNOT_TELL)
_TYPED = ("verdict", "text", "person", "seconds")
_OPTIONAL = ("person", "seconds")


def answer_columns(form: Form) -> tuple[str, ...]:
    """The columns that people fill in."""
    if form.kind not in CAPTION_KINDS:
        return (*mark_columns(form), *(["verdict"] if form.verdicts else []), "person", "seconds")
    return ("choice", *_TYPED) if form.choice else _TYPED


def answer_files(folder: Path) -> list[Path]:
    """``answers.csv`` and ``answers_NAME.csv``, one for each person, in order of their names."""
    return sorted(path for path in folder.glob("answers*.csv") if path.is_file())


class _Line(NamedTuple):
    """A line that someone filled in, and where it stands."""

    path: Path
    row: SheetRow

    def cell(self, column: str) -> str:
        """What was typed there."""
        return self.row.cells.get(column, "").strip()

    def wrong(self, said: str, hint: str = "") -> UserError:
        """The error that names this line."""
        return UserError(f"{self.path}:{self.row.line}: {said}", hint)


def read_answer_lines(folder: Path, form: Form) -> Iterator[AnswerLine]:
    """The lines of all answer files in which someone typed an answer."""
    for path in answer_files(folder):
        yield from read_sheet(path, form)


def read_sheet(path: Path, form: Form) -> Iterator[AnswerLine]:
    """The lines of one file in which someone typed an answer."""
    columns = answer_columns(form)
    needed = ("task_id", *(c for c in columns if c not in _OPTIONAL))
    typed = [column for column in columns if column not in _OPTIONAL]
    read = _caption_answer if form.kind in CAPTION_KINDS else partial(_mark_answer, form)
    for row in read_answers(path, needed, _OPTIONAL):
        line = _Line(path, row)
        if any(line.cell(column) for column in typed):
            yield AnswerLine(line.cell("task_id"), f"{path}:{row.line}", partial(read, line))


def _mark_answer(form: Form, line: _Line, task: ReviewTask) -> ReviewAnswer:
    verdict = _verdict(line)
    if verdict:
        if verdict not in form.verdicts:
            raise line.wrong(f"verdict is {verdict!r}{nearest(verdict, form.verdicts)}", _hint(form.verdicts))
        return ReviewAnswer(task.task_id, _person(line), verdict, "", _seconds(line))
    try:
        marks = read_marks(form, task, line.cell)
    except ValueError as error:
        raise line.wrong(str(error)) from None
    return ReviewAnswer(task.task_id, _person(line), MARK, "", _seconds(line), None, marks)


def _caption_answer(line: _Line, task: ReviewTask) -> ReviewAnswer:
    verdict = _verdict(line)
    if verdict not in VERDICTS:
        said = f"verdict is {verdict!r}{nearest(verdict, VERDICTS)}" if verdict else "there is no verdict"
        raise line.wrong(said, _hint(VERDICTS))
    text = line.cell("text")
    if verdict == EDIT and not is_visible(text):
        raise line.wrong("the verdict is edit, and there is no text", "write the corrected caption into text")
    return ReviewAnswer(task.task_id, _person(line), verdict, text, _seconds(line), _choice(line, task, verdict))


def _hint(verdicts: tuple[str, ...]) -> str:
    return f"a verdict is {', '.join(verdicts[:-1])} or {verdicts[-1]}; leave the whole line empty to answer later"


def _verdict(line: _Line) -> str:
    return "_".join(line.cell("verdict").lower().replace("_", " ").split())


def _person(line: _Line) -> str:
    """As they call themselves; else the rest of the file's name."""
    typed = " ".join(line.cell("person").split())
    return typed or line.path.stem.removeprefix("answers").strip(" _-.()") or "reviewer"


def _seconds(line: _Line) -> float | None:
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


def _choice(line: _Line, task: ReviewTask, verdict: str) -> int | None:
    typed, count = line.cell("choice"), len(task.candidates)
    if verdict in (REJECT, CANNOT_TELL):
        return None
    if not typed:
        if count > 1 and verdict == ACCEPT:
            raise line.wrong("the verdict is accept, and there is no choice", f"choice is a number, 1 to {count}")
        return 1 if count == 1 else None
    number = typed.removesuffix(".0")  # as some spreadsheets write whole numbers
    if not number.isdecimal() or not 1 <= int(number) <= count:
        raise line.wrong(f"choice is {typed!r}", f"choice is a number, 1 to {count}")
    return int(number)
