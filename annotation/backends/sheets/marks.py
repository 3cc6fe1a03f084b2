"""Grades, tags, spans and texts as cells that a person can type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from ....engine.contract.words import number_of
from ....schemas import ReviewMark
from ...forms.form import CANNOT_TELL, Axis, Form, TimelinePart
from ...tasks.task import ReviewTask

_SPAN = re.compile(r"(?:(?P<name>.*?)\s+)??(?P<start>[\d.,]+)\s*(?:-|–|\bto\b)\s*(?P<end>[\d.,]+)\s*s?")
_POINT = re.compile(r"(?:(?P<name>.*?)\s+)??(?P<start>[\d.,]+)\s*s?")


def mark_columns(form: Form) -> dict[str, str]:
    """The columns that hold an answer's marks, and what is to be written into each."""
    found = {name: _about_axis(axis) for name, axis in form.axes}
    for name, slot in form.slots:
        count = f"{slot.least} to {slot.most} lines" if slot.most > 1 else "one line"
        found[name] = f"{slot.question} ({count})"
    if form.tags:
        found["tags"] = "what is right of `given`, and what is missing there, with semicolons between"
    line = form.timeline
    if line is not None and line.grade is not None:
        found["grades"] = f"a grade for each of `given`, in their order: {_about_axis(line.grade)}"
    elif line is not None:
        found["spans"] = _about_spans(line)
    return found


def _about_axis(axis: Axis) -> str:
    grades = f"{axis.low} to {axis.high}"
    if axis.labels:
        grades = ", ".join(f"{n} {label}" for n, label in enumerate(axis.labels, axis.low))
    return f"{axis.question} {grades}{', or cannot_tell' if axis.cannot_tell else ''}"


def _about_spans(line: TimelinePart) -> str:
    if line.points:
        return "the times of all cuts, in seconds from the beginning of the clip: `2.4; 7.08`"
    if line.text:
        return "one line an event, in seconds from the beginning of the clip: `2.4-7: A dog barks.`"
    if line.inside:
        return "a part of each of `given`, by its number, in seconds from the beginning of the clip: `1 2-4.5; 2 8-11`"
    name = f" after its name ({', '.join(line.labels)})" if len(line.labels) > 1 else ""
    grid = f" in steps of {line.grid_s:g} s" if line.grid_s else ""
    return f"each span{name}, in seconds from the beginning of the clip{grid}: `2-8; 14-20`"


def task_cell(form: Form, task: ReviewTask) -> str:
    """What a task gives, as people read it."""
    if form.tags:
        return "; ".join(mark.name for mark in task.marks)
    return "\n".join(_mark_text(form, task, mark) for mark in task.marks)


def _mark_text(form: Form, task: ReviewTask, mark: ReviewMark) -> str:
    start = f"{(mark.start_s or 0) - task.start_s:.2f}"
    span = start if mark.end_s is None else f"{start}-{mark.end_s - task.start_s:.2f}"
    text = f": {' '.join(mark.text.split())}" if mark.text else ""
    numbered = form.timeline is not None and (form.timeline.inside or form.timeline.grade is not None)
    return f"{mark.name} {span}{text}" if numbered else f"{span}{text}"


def read_marks(form: Form, task: ReviewTask, cell: Callable[[str], str]) -> tuple[ReviewMark, ...]:
    """The marks of an answer.

    Raises:
        ValueError: a cell holds something else, in words for the person.
    """
    line = form.timeline
    grades = [ReviewMark(name, value=_grade(name, cell(name))) for name, _ in form.axes if cell(name)]
    texts = [ReviewMark(name, text) for name, _ in form.slots for text in _lines(cell(name))]
    tags = [ReviewMark(name) for name in _parts(cell("tags"))] if form.tags else []
    spans: list[ReviewMark] = []
    if line is not None and line.grade is not None:
        spans = list(_read_grades(task, cell("grades")))
    elif line is not None:
        spans = [_span(line, task, part) for part in _parts(cell("spans"), line.text)]
    return (*grades, *texts, *tags, *spans)


def _parts(cell: str, lines_only: bool = False) -> list[str]:
    parts = cell.splitlines() if lines_only else re.split(r"[;\n]", cell)
    return [part.strip() for part in parts if part.strip()]


def _lines(cell: str) -> Iterator[str]:
    return (line.strip() for line in cell.splitlines() if line.strip())


def _grade(name: str, cell: str) -> float | None:
    if "_".join(cell.lower().replace("_", " ").split()) == CANNOT_TELL:
        return None
    value = _number(cell.removesuffix(".0"))
    if value is None:
        raise ValueError(f"{name} is {cell!r}: it is a grade or cannot_tell")
    return value


def _read_grades(task: ReviewTask, cell: str) -> Iterator[ReviewMark]:
    grades = re.split(r"[\s;,]+", cell.strip())
    if len(grades) != len(task.marks):
        raise ValueError(f"{number_of(len(grades), 'grade')} for {number_of(len(task.marks), 'span')}")
    for mark, grade in zip(task.marks, grades, strict=True):
        yield ReviewMark(mark.name, value=_grade(f"span {mark.name}", grade), start_s=mark.start_s, end_s=mark.end_s)


def _span(line: TimelinePart, task: ReviewTask, part: str) -> ReviewMark:
    where, _, text = part.partition(":") if line.text else (part, "", "")
    found = (_POINT if line.points else _SPAN).fullmatch(where.strip())
    start_s, end_s = (_number(found[name]) if found else None for name in ("start", "start" if line.points else "end"))
    if found is None or start_s is None or end_s is None:
        raise ValueError(f"{part!r} is no {'time' if line.points else 'span'}: {_about_spans(line)}")
    name = found["name"] or (line.labels[0] if line.labels else "")
    end = None if line.points else task.start_s + end_s
    return ReviewMark(name, text.strip(), start_s=task.start_s + start_s, end_s=end)


def _number(text: str) -> float | None:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
