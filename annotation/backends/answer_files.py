"""Answers as JSON files: what the page saves, and what is pulled from Label Studio."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ...engine.contract.errors import UserError
from ...engine.storage.files import write_json
from ...schemas import ReviewMark
from ..forms.answers import ReviewAnswer
from ..tasks.task import ReviewTask
from .port import AnswerLine

FORMAT = 1
_MARK: TypeAdapter[ReviewMark] = TypeAdapter(ReviewMark)


class AnswerRecord(BaseModel):
    """One answer in a file."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    task_id: str
    person: str = ""
    verdict: str
    text: str = ""
    choice: int | None = None
    seconds: float | None = Field(None, ge=0, lt=1e9)
    marks: list[dict[str, Any]] = []
    at: str = ""  # when it was given (ISO 8601); of several by one person the last counts


class ReviewAnswerFile(BaseModel):
    """A file of answers; ``person`` is theirs that do not name one."""

    model_config = ConfigDict(extra="ignore")

    cliploom: str
    format: int
    person: str = ""
    sheet: str = ""  # the review that it is of
    answers: list[AnswerRecord]


def read_answer_file(path: Path) -> ReviewAnswerFile:
    """The answers in a file.

    Raises:
        UserError: it is no such file.
    """
    try:
        found = ReviewAnswerFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        said = f"{path} is no file of answers: {place + ': ' if place else ''}{first['msg']}"
        raise UserError(said, "the page saves one with its Save button") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    if found.cliploom != "answers" or found.format != FORMAT:
        raise UserError(f"{path} holds {found.cliploom!r} in format {found.format}; this version reads format {FORMAT}")
    return found


def answer_lines(files: Iterable[Path]) -> list[AnswerLine]:
    """The answers of files; of several by one person to one task only the last."""
    last: dict[tuple[str, str], tuple[str, str, AnswerRecord]] = {}
    for path in files:
        found = read_answer_file(path)
        for number, answer in enumerate(found.answers, 1):
            person = " ".join((answer.person or found.person).split()) or "reviewer"
            key = (answer.task_id, person.casefold())
            if key not in last or last[key][0] <= answer.at:
                last[key] = (answer.at, f"{path}: answer {number}", answer.model_copy(update={"person": person}))
    return [
        AnswerLine(answer.task_id, place, partial(_answer, place, answer), lenient=True)
        for _, place, answer in last.values()
    ]


def _answer(place: str, found: AnswerRecord, task: ReviewTask) -> ReviewAnswer:
    try:
        marks = tuple(_MARK.validate_python(mark) for mark in found.marks)
    except ValidationError as error:
        raise UserError(f"{place}: {error.errors()[0]['msg']}") from None
    choice = found.choice
    if choice is None and found.verdict in ("accept", "edit") and len(task.candidates) == 1:
        choice = 1
    return ReviewAnswer(task.task_id, found.person, found.verdict, found.text.strip(), found.seconds, choice, marks)


def save_answers(path: Path, answers: Sequence[Mapping[str, Any]]) -> None:
    """Write answers that each name their person; a file that would not change is not touched."""
    held = {"cliploom": "answers", "format": FORMAT, "answers": list(answers)}
    if not path.exists() or path.read_text(encoding="utf-8") != json.dumps(held, ensure_ascii=False):
        write_json(path, held)


def answer_record(answer: ReviewAnswer, at: str = "") -> dict[str, Any]:
    """An answer as a file holds it."""
    return {**answer._asdict(), "marks": [asdict(mark) for mark in answer.marks], "at": at}
