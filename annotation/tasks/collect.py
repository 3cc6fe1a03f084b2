"""From lines that people wrote to the answers that count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ...engine.contract.errors import UserError, nearest
from ..backends.port import AnswerLine
from ..forms.answers import ReviewAnswer, find_problem
from ..forms.form import Form
from .task import ReviewTask


class Answers(NamedTuple):
    """What came of the lines."""

    by_task: dict[str, list[ReviewAnswer]]  # in order of the people's names
    broken: list[str]  # what people sent that their form does not allow, with its place


def collect_answers(
    form: Form, lines: Iterable[AnswerLine], tasks: Mapping[str, ReviewTask], known: set[str]
) -> Answers:
    """The answers to these tasks; lines about others that were asked once are passed over.

    Raises:
        UserError: naming the place of one that cannot be meant, that is to no task, or that contradicts another of the
            same person.
    """
    found = Answers({task_id: [] for task_id in tasks}, [])
    seen: dict[tuple[str, str], tuple[AnswerLine, ReviewAnswer]] = {}
    for line in lines:
        if line.task_id not in known:
            hint = "the ids of the tasks stand in tasks.csv"
            raise line.wrong(f"there is no task {line.task_id!r}{nearest(line.task_id, tasks)}", hint)
        if line.task_id not in tasks:
            continue
        answer = _read(form, line, tasks[line.task_id], found.broken)
        if answer is None:
            continue
        first, before = seen.setdefault((answer.task_id, answer.person.casefold()), (line, answer))
        if first is line:
            found.by_task[answer.task_id].append(answer)
        elif before != answer._replace(person=before.person):
            said = f"{answer.person} has answered {answer.task_id} before, at {first.place}"
            raise line.wrong(said, "keep one of the two lines, or give each its own person")
    for answers in found.by_task.values():
        answers.sort(key=lambda answer: answer.person)
    return found


def _read(form: Form, line: AnswerLine, task: ReviewTask, broken: list[str]) -> ReviewAnswer | None:
    try:
        answer = line.read(task)
        said = find_problem(form, task, answer)
        if said:
            raise line.wrong(said)
    except UserError as error:
        if not line.lenient:
            raise
        broken.append(error.message)
        return None
    return answer
