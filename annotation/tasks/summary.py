"""How a review stands: what is answered, by whom, and how far people agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations
from statistics import mean, median
from typing import NamedTuple

from ...models.people.adjudication import by_majority
from ...models.people.agreement import (
    Interval,
    Level,
    bootstrap,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    percent_agreement,
    within_rate,
)
from ...models.people.agreement import temporal_iou as span_overlap
from ...schemas import ReviewMark
from ..backends.folder import ReviewFolder
from ..forms.answers import ReviewAnswer
from ..forms.form import Form
from .collect import collect_answers
from .gold import LEAST, GoldRecord, gold_records, match_known
from .same import plain_value, vote_groups
from .task import read_task_file
from .task_ids import read_task_ids

_FAST = 3.0  # a person whose usual time is so many times shorter than that of all is told apart
_WRONG = 0.7  # whose share of right known answers is below this is told apart
_ALONE = 0.5  # who says what most say less often than this is told apart
_SAMPLES = 200


class ReviewerSummary(NamedTuple):
    """One person's part in a review."""

    person: str
    answers: int
    seconds: float | None  # usual time of an answer
    with_most: float | None  # share of their answers that are what most said, where several answered
    gold: float | None  # share of the known tasks that they got right, where they answered some
    outlier: str  # of `fast`, `often wrong`, `often alone`; empty


class AgreementMeasure(NamedTuple):
    """How far people agree in one thing."""

    name: str
    value: float
    low: float | None = None  # of the 95 % interval
    high: float | None = None


class ReviewProgress(NamedTuple):
    """How a review stands."""

    tasks: int
    answered: int  # by as many people as are asked for
    shared: int  # tasks that several people answered
    missing: int  # answers that are still waited for
    broken: list[str]
    people: list[ReviewerSummary]
    agreement: list[AgreementMeasure]


def summarize(folder: ReviewFolder) -> ReviewProgress:
    """What the answers in a review's folder say; no network.

    Raises:
        UserError: a build has written no tasks yet, or an answer in a sheet cannot be meant.
    """
    tasks = {task.task_id: task for task in read_task_file(folder.path)}
    found = collect_answers(folder.form, folder.fetch(), tasks, read_task_ids(folder.path) | set(tasks))
    groups = [answers for answers in found.by_task.values() if answers]
    answered = sum(len(found.by_task[task_id]) >= task.people for task_id, task in tasks.items())
    shared = [answers for answers in groups if len(answers) > 1]
    known = match_known(folder.form, folder.known(), tasks)
    people = _people(folder.form, groups, gold_records(folder.form, known, found.by_task))
    missing = sum(max(0, task.people - len(found.by_task[task_id])) for task_id, task in tasks.items())
    measures = list(_measures(folder.form, shared))
    return ReviewProgress(len(tasks), answered, len(shared), missing, found.broken, people, measures)


def _people(
    form: Form, groups: Sequence[Sequence[ReviewAnswer]], gold: Mapping[str, GoldRecord]
) -> list[ReviewerSummary]:
    by_person: dict[str, list[ReviewAnswer]] = defaultdict(list)
    with_most: dict[str, list[bool]] = defaultdict(list)
    for group in groups:
        ruling = by_majority(dict(zip((a.person for a in group), vote_groups(form, group), strict=True)))
        for answer in group:
            by_person[answer.person].append(answer)
            if len(group) > 1 and ruling.value is not None:
                with_most[answer.person].append(answer.person not in ruling.dissent)
    times = {name: [a.seconds for a in some if a.seconds is not None] for name, some in by_person.items()}
    usual = [median(some) for some in times.values() if some]
    typical = median(usual) if len(usual) > 1 else 0.0
    found = []
    for name, some in sorted(by_person.items()):
        seconds = median(times[name]) if times[name] else None
        share = mean(with_most[name]) if with_most[name] else None
        right = gold[name].share if name in gold else None
        fast = seconds is not None and seconds * _FAST < typical
        wrong = name in gold and gold[name].total >= LEAST and gold[name].share < _WRONG
        alone = share is not None and share < _ALONE and len(with_most[name]) >= LEAST
        words = (("fast", fast), ("often wrong", wrong), ("often alone", alone))
        outlier = ", ".join(word for word, true in words if true)
        found.append(ReviewerSummary(name, len(some), seconds, share, right, outlier))
    return found


def _measures(form: Form, shared: Sequence[Sequence[ReviewAnswer]]) -> Iterator[AgreementMeasure]:
    if not shared:
        return
    line = form.timeline
    if form.axes or (line is not None and line.grade is not None):
        yield from _grade_agreement(shared)
    elif line is not None and not line.points:
        pairs = [pair for group in shared for pair in combinations(group, 2)]
        yield AgreementMeasure("temporal IoU", mean(span_overlap(_spans(a), _spans(b)) for a, b in pairs))
    elif form.tags:
        names = [[{m.name.casefold() for m in a.marks} for a in group] for group in shared]
        every = [pair for group in names for pair in combinations(group, 2)]
        yield AgreementMeasure("shared tags", mean(len(a & b) / len(a | b) if a | b else 1.0 for a, b in every))
    else:
        yield from _answers(shared)


def _grade_agreement(shared: Sequence[Sequence[ReviewAnswer]]) -> Iterator[AgreementMeasure]:
    """Of each axis; of cells all together, since their numbers tell nothing."""
    units: dict[str, list[list[float]]] = defaultdict(list)
    for group in shared:
        grades: dict[tuple[str, str], list[float]] = defaultdict(list)
        for mark in (mark for answer in group for mark in answer.marks if mark.value is not None):
            axis = "grades" if mark.start_s is not None else mark.name
            grades[axis, f"{mark.name} {mark.start_s}"].append(float(mark.value or 0))
        for (axis, _), values in grades.items():
            units[axis].append(values)
    for axis, found in units.items():
        yield from _same(axis, found)
        yield from _alpha(axis, found, "ordinal")
        yield from _alpha(axis, found, "interval")
        for name, step in (("2 within 1", 1.0), ("2 the same", 0.0)):
            yield from _measure(f"{axis}, {name}", within_rate(found, step))


def _answers(shared: Sequence[Sequence[ReviewAnswer]]) -> Iterator[AgreementMeasure]:
    """Of verdicts and choices; the kappas where there are as many answers to each task."""
    units = [[plain_value(answer) for answer in group] for group in shared]
    yield from _same("answers", units)
    yield from _alpha("answers", units, "nominal")
    pairs = {tuple(answer.person for answer in group) for group in shared}
    if len(pairs) == 1 and len(next(iter(pairs))) == 2:
        first, second = zip(*units, strict=True)
        yield from _measure("answers, kappa (Cohen)", cohen_kappa(first, second))
    else:
        yield from _measure("answers, kappa (Fleiss)", fleiss_kappa(units))


def _measure(name: str, value: float | None) -> Iterator[AgreementMeasure]:
    if value is not None:
        yield AgreementMeasure(name, value)


def _same(name: str, units: Sequence[Sequence[Hashable]]) -> Iterator[AgreementMeasure]:
    yield from _measure(f"{name}, the same", percent_agreement(units))


def _alpha(name: str, units: Sequence[Sequence[Hashable]], level: Level) -> Iterator[AgreementMeasure]:
    found: Interval | None = bootstrap(units, lambda some: krippendorff_alpha(some, level), _SAMPLES)
    if found is not None:
        yield AgreementMeasure(f"{name}, alpha ({level})", *found)


def _spans(answer: ReviewAnswer) -> list[tuple[float, float]]:
    return [_span(mark) for mark in answer.marks if mark.start_s is not None and mark.end_s is not None]


def _span(mark: ReviewMark) -> tuple[float, float]:
    return mark.start_s or 0.0, mark.end_s or 0.0
