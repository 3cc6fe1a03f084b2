"""When two answers to one task say the same, as far as people can be expected to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from ...models.people.agreement import temporal_iou
from ...schemas import ReviewMark
from ..forms.answers import ReviewAnswer
from ..forms.form import ACCEPT, MARK, Axis, Form

_OVERLAP = 0.5  # of spans, boxes and tags: what both have, of what either has
_CUT_S = 0.25
_GRADES = 0.25  # of the scale's length: 1 of 1 to 5, and nothing of 0 to 1


def plain_value(answer: ReviewAnswer) -> Hashable:
    """What an answer says, where two are the same or not."""
    if answer.verdict != MARK:
        return (answer.verdict, answer.choice if answer.verdict == ACCEPT else None)
    return tuple(sorted((m.name, m.text, m.value, m.start_s, m.end_s) for m in answer.marks))


def say_same(form: Form, first: ReviewAnswer, second: ReviewAnswer) -> bool:
    """The same verdict and choice; grades at most a quarter of their scale apart; cuts at most 0.25 s apart; spans of
    each label, boxes and tags that overlap by half; texts in slots letter by letter.
    """
    if MARK not in (first.verdict, second.verdict) or first.verdict != second.verdict:
        return plain_value(first) == plain_value(second)
    if form.axes:
        return _same_grades(dict(form.axes), first.marks, second.marks)
    if form.tags:
        return _same_names(first.marks, second.marks)
    if form.boxes is not None:
        return _same_boxes(first.marks, second.marks)
    line = form.timeline
    if line is None:
        return plain_value(first) == plain_value(second)
    if line.grade is not None:
        return _same_grades({mark.name: line.grade for mark in first.marks}, first.marks, second.marks)
    return (_same_cuts if line.points else _same_spans)(first.marks, second.marks)


def vote_groups(form: Form, answers: Sequence[ReviewAnswer]) -> list[int]:
    """What each answer votes for: answers that say the same have the same number.

    Where likeness is not transitive the answer that most others are like gathers them, the first among equals.
    """
    like = [{j for j, other in enumerate(answers) if say_same(form, one, other)} for one in answers]
    group = [-1] * len(answers)
    left = set(range(len(answers)))
    while left:
        centre = max(sorted(left), key=lambda i: len(like[i] & left))
        members = (like[centre] & left) | {centre}
        for i in members:
            group[i] = centre
        left -= members
    return group


Marks = tuple[ReviewMark, ...]


def _same_grades(axes: dict[str, Axis], first: Marks, second: Marks) -> bool:
    one, two = ({mark.name: mark.value for mark in marks} for marks in (first, second))
    if one.keys() != two.keys():
        return False
    for name, axis in axes.items():
        a, b = one.get(name), two.get(name)
        if (a is None) != (b is None):
            return False
        if a is not None and b is not None and abs(a - b) > _GRADES * (axis.high - axis.low):
            return False
    return True


def _same_names(first: Marks, second: Marks) -> bool:
    one, two = ({mark.name.casefold() for mark in marks} for marks in (first, second))
    return len(one & two) >= _OVERLAP * len(one | two)


def _same_cuts(first: Marks, second: Marks) -> bool:
    one, two = (sorted(mark.start_s or 0.0 for mark in marks) for marks in (first, second))
    return len(one) == len(two) and all(abs(a - b) <= _CUT_S for a, b in zip(one, two, strict=True))


def _same_spans(first: Marks, second: Marks) -> bool:
    names = {mark.name for mark in (*first, *second)}
    return all(temporal_iou(_spans(first, name), _spans(second, name)) >= _OVERLAP for name in names)


def _spans(marks: Marks, name: str) -> list[tuple[float, float]]:
    return [(m.start_s, m.end_s) for m in marks if m.name == name and m.start_s is not None and m.end_s is not None]


def _same_boxes(first: Marks, second: Marks) -> bool:
    if Counter(mark.name for mark in first) != Counter(mark.name for mark in second):
        return False
    left = list(second)
    for one in first:
        best = max((o for o in left if o.name == one.name), key=lambda other: _box_iou(one, other))
        if _box_iou(one, best) < _OVERLAP:
            return False
        left.remove(best)
    return True


def _box_iou(one: ReviewMark, two: ReviewMark) -> float:
    (ax, ay, aw, ah), (bx, by, bw, bh) = ((m.x or 0.0, m.y or 0.0, m.w or 0.0, m.h or 0.0) for m in (one, two))
    wide, high = min(ax + aw, bx + bw) - max(ax, bx), min(ay + ah, by + bh) - max(ay, by)
    shared = max(0.0, wide) * max(0.0, high)
    whole = aw * ah + bw * bh - shared
    return shared / whole if whole else 0.0
