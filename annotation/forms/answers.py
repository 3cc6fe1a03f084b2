"""What one person put into a form, and whether it can be meant."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ...engine.contract.words import number_of
from ...schemas import ReviewMark, problem
from ..tasks.task import ReviewTask
from .form import ACCEPT, CANNOT_TELL, CAPTION_KINDS, EDIT, MARK, REJECT, Axis, Form, Slot, TimelinePart

CLOSE_S = 0.02
"""How far a time may be off: people's tools round to frames and to hundredths."""
_LONGEST_TAG = 100


class ReviewAnswer(NamedTuple):
    """One person's answer to one task."""

    task_id: str
    person: str
    verdict: str
    text: str = ""
    seconds: float | None = None
    choice: int | None = None  # number of the chosen candidate, from 1
    marks: tuple[ReviewMark, ...] = ()


def find_problem(form: Form, task: ReviewTask, answer: ReviewAnswer) -> str:
    """Why the answer cannot be meant, in words for the person; empty for one that can."""
    said = _verdict(form, task, answer)
    if said or answer.verdict != MARK:
        return said
    checks = (_shape(answer), _grades(form.axes, answer), _slots(form.slots, answer), _tags(form, answer))
    found = next(filter(None, checks), "")
    if found or form.timeline is None:
        return found or _boxes(form, answer)
    return next(_timeline(form.timeline, task, answer.marks), "")


def is_visible(text: str) -> bool:
    """Is there a character that is neither a blank nor a control or format mark?"""
    return any(unicodedata.category(char)[0] not in "ZC" for char in text)


def verdicts(form: Form) -> tuple[str, ...]:
    """All verdicts that an answer to the form may have."""
    own = (ACCEPT, EDIT) if form.kind in CAPTION_KINDS else (MARK,)
    return (*own, *(verdict for verdict in form.verdicts if verdict not in own))


def _verdict(form: Form, task: ReviewTask, answer: ReviewAnswer) -> str:
    if answer.verdict not in verdicts(form):
        return f"{answer.verdict!r} is no answer to this: it is one of {', '.join(verdicts(form))}"
    if answer.verdict == EDIT and not is_visible(answer.text):
        return "it says that the caption was edited, and there is no text"
    count = len(task.candidates)
    if answer.choice is not None and not 1 <= answer.choice <= count:
        return f"there is no caption {answer.choice}: there are {count}"
    if form.choice and answer.verdict == ACCEPT and answer.choice is None:
        return "no caption was chosen"
    return ""


def _shape(answer: ReviewAnswer) -> str:
    return next((f"{mark.name}: {said}" for mark in answer.marks if (said := problem(mark))), "")


def _grades(axes: tuple[tuple[str, Axis], ...], answer: ReviewAnswer) -> str:
    if not axes:
        return ""
    given = {mark.name: mark.value for mark in answer.marks}
    if len(given) != len(answer.marks) or set(given) - dict(axes).keys():
        return "it has grades that were not asked for"
    return next((said for name, axis in axes if (said := _grade(name, axis, given.get(name), name in given))), "")


def _grade(name: str, axis: Axis, value: float | None, given: bool) -> str:
    if value is None:
        return "" if given and axis.cannot_tell else f"{name} has no grade"
    if value != int(value) or not axis.low <= value <= axis.high:
        return f"{name} is {value:g}: a grade is a whole number, {axis.low} to {axis.high}"
    return ""


def _slots(slots: tuple[tuple[str, Slot], ...], answer: ReviewAnswer) -> str:
    if not slots:
        return ""
    counts = Counter(mark.name for mark in answer.marks)
    if unknown := counts.keys() - dict(slots).keys():
        return f"there is no slot {min(unknown)}"
    if not all(is_visible(mark.text) for mark in answer.marks):
        return "a text is empty"
    for name, slot in slots:
        if not slot.least <= counts[name] <= slot.most:
            asked = f"{slot.least}" if slot.least == slot.most else f"{slot.least} to {slot.most}"
            return f"{name} has {number_of(counts[name], 'text')}: it should have {asked}"
    return ""


def _tags(form: Form, answer: ReviewAnswer) -> str:
    if not form.tags:
        return ""
    names = [mark.name.casefold() for mark in answer.marks]
    if not all(is_visible(name) and len(name) <= _LONGEST_TAG for name in names):
        return f"a tag is empty, or longer than {_LONGEST_TAG} characters"
    return "a tag is there twice" if len(set(names)) < len(names) else ""


def _boxes(form: Form, answer: ReviewAnswer) -> str:
    if form.boxes is None:
        return ""
    for mark in answer.marks:
        if None in (mark.x, mark.y, mark.w, mark.h) or not mark.w or not mark.h:
            return f"the box {mark.name} has no size"
        if form.boxes and mark.name not in form.boxes:
            return f"there is no label {mark.name}: there are {', '.join(form.boxes)}"
    return ""


def _timeline(line: TimelinePart, task: ReviewTask, marks: tuple[ReviewMark, ...]) -> Iterator[str]:
    if line.grade is not None:
        yield from _check_grades(line.grade, task, marks)
        return
    labels = line.labels or tuple(mark.name for mark in task.marks)
    for mark in marks:
        yield from _place(line, task, mark, labels)
    if len(marks) < line.least:
        yield f"it has {number_of(len(marks), 'span')}: it needs {line.least}" if marks else "nothing is marked"
    if not line.points:
        yield from _amount(line, task, marks)


def _check_grades(axis: Axis, task: ReviewTask, marks: tuple[ReviewMark, ...]) -> Iterator[str]:
    if [(m.name, m.start_s, m.end_s) for m in marks] != [(m.name, m.start_s, m.end_s) for m in task.marks]:
        yield "its spans are others than those that were to be graded"
    for mark in marks:
        if said := _grade(f"span {mark.name}", axis, mark.value, True):
            yield said


def _place(line: TimelinePart, task: ReviewTask, mark: ReviewMark, labels: tuple[str, ...]) -> Iterator[str]:
    start_s, end_s = mark.start_s, mark.start_s if line.points else mark.end_s
    if mark.name not in labels:
        yield f"there is no label {mark.name}: there are {', '.join(labels)}"
    if start_s is None or end_s is None or (end_s <= start_s and not line.points):
        yield f"the span {mark.name} has no length"
        return
    if start_s < task.start_s - CLOSE_S or end_s > task.end_s + CLOSE_S:
        yield f"{_at(task, start_s, end_s)} is outside the clip"
    if line.text and not is_visible(mark.text):
        yield f"{_at(task, start_s, end_s)} has no text"
    if line.grid_s and not all(_on_grid(task, line.grid_s, time_s) for time_s in (start_s, end_s)):
        yield f"{_at(task, start_s, end_s)} is not on the grid of {line.grid_s:g} s"


def _on_grid(task: ReviewTask, grid_s: float, time_s: float) -> bool:
    steps = (time_s - task.start_s) / grid_s
    return abs(steps - round(steps)) * grid_s <= CLOSE_S or abs(time_s - task.end_s) <= CLOSE_S


def _amount(line: TimelinePart, task: ReviewTask, marks: tuple[ReviewMark, ...]) -> Iterator[str]:
    length_s, covered_s = task.end_s - task.start_s, span_length(marks)
    if covered_s > line.budget * length_s + CLOSE_S:
        yield f"its spans are {covered_s:.1f} s long: at most {line.budget * length_s:.1f} s may be"
    if line.inside:
        counts = Counter(mark.name for mark in marks)
        around = {mark.name: mark for mark in task.marks}
        for mark in marks:
            outer = around.get(mark.name)
            if counts[mark.name] > 1:
                yield f"span {mark.name} has several parts marked"
            elif outer and not _contains(outer, mark):
                yield f"{_at(task, mark.start_s or 0, mark.end_s or 0)} is not inside span {mark.name}"


def _contains(outer: ReviewMark, mark: ReviewMark) -> bool:
    assert outer.start_s is not None and outer.end_s is not None and mark.start_s is not None and mark.end_s is not None
    return outer.start_s - CLOSE_S <= mark.start_s and mark.end_s <= outer.end_s + CLOSE_S


def span_length(marks: tuple[ReviewMark, ...]) -> float:
    """Seconds that spans fill together; where two lie over each other it counts once."""
    total_s, until_s = 0.0, float("-inf")
    for start_s, end_s in sorted((m.start_s, m.end_s) for m in marks if m.start_s is not None and m.end_s is not None):
        total_s += max(0.0, end_s - max(start_s, until_s))
        until_s = max(until_s, end_s)
    return total_s


def _at(task: ReviewTask, start_s: float, end_s: float) -> str:
    return f"{start_s - task.start_s:.2f} to {end_s - task.start_s:.2f} s"


__all__ = ["ACCEPT", "CANNOT_TELL", "EDIT", "MARK", "REJECT", "ReviewAnswer", "find_problem", "is_visible", "verdicts"]
