"""Tasks whose right answers are known: mixed in among the others, they tell how far each person can be relied on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

from ...engine.contract.errors import UserError
from ...engine.contract.step import StepContext
from ...engine.storage.hashes import hash_share
from ...schemas import Col
from ..backends.answer_files import answer_lines, answer_record, save_answers
from ..backends.port import AnswerLine, digest_files
from ..backends.sheets.answers import read_sheet
from ..forms.answers import ReviewAnswer
from ..forms.form import Form
from .collect import collect_answers
from .same import say_same
from .task import ReviewTask

LEAST = 5
"""Known answers that a person must have given before they can be too often wrong."""


class GoldRecord(NamedTuple):
    """How one person answers what is known."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """Of their answers to known tasks, the right ones."""
        return self.right / self.total


@dataclass(frozen=True)
class Gold:
    """What is known beforehand, as a recipe says it."""

    gold: Annotated[
        Path | None,
        Col("file of answers that are right, as a sheet or as the page saves it; its tasks are asked too", local=True),
    ] = None
    trust: Annotated[
        float | None,
        Col(
            "share of the known answers that a person must have right; answers of people below it, after five known"
            " ones, are left out",
            low=0,
            high=1,
        ),
    ] = None

    def check_gold(self, kind: str) -> None:
        """``UserError`` for what cannot go together."""
        if self.trust is not None and self.gold is None:
            raise UserError("annotation.review.trust needs known answers: name a file of them with `gold`")
        if self.gold is not None and kind == "slots":
            raise UserError("annotation.review.gold cannot be with `kind: slots`: texts are not right or wrong")

    def gold_digest(self) -> str:
        """A digest of the file; empty without one."""
        if self.gold is not None and not self.gold.is_file():
            raise UserError(f"cannot read the known answers {self.gold}: there is no such file")
        return digest_files([self.gold]) if self.gold else ""

    def known_ids(self, form: Form) -> set[str]:
        """The tasks that the file answers."""
        return {line.task_id for line in self._lines(form)}

    def _lines(self, form: Form) -> list[AnswerLine]:
        if self.gold is None:
            return []
        return answer_lines([self.gold]) if self.gold.suffix == ".json" else list(read_sheet(self.gold, form))

    def known_answers(self, form: Form, tasks: Mapping[str, ReviewTask]) -> dict[str, ReviewAnswer]:
        """The right answers to those of these tasks that are known.

        Raises:
            UserError: none of them is known, though a file is named, or a line of it cannot be meant.
        """
        lines = self._lines(form)
        found = match_known(form, lines, tasks)
        if lines and not found:
            said = f"no answer of {self.gold} (it has {len(lines)}) is to a task that can be asked"
            raise UserError(said, "its task_ids must be those of this review, with the captions as they are now")
        return found


def match_known(form: Form, lines: Sequence[AnswerLine], tasks: Mapping[str, ReviewTask]) -> dict[str, ReviewAnswer]:
    """The known answers by task, the first person's by name."""
    found = collect_answers(form, lines, tasks, {line.task_id for line in lines})
    return {task_id: answers[0] for task_id, answers in found.by_task.items() if answers}


def mix_in(asked: Sequence[ReviewTask], known: Sequence[ReviewTask]) -> list[ReviewTask]:
    """The tasks with those that are known among them, at places that their ids alone decide."""
    made, there = list(asked), {task.task_id for task in asked}
    for task in sorted(known, key=lambda task: task.task_id):
        if task.task_id not in there:
            made.insert(int(hash_share(task.task_id) * (len(made) + 1)), task)
    return made


def gold_records(
    form: Form, known: Mapping[str, ReviewAnswer], by_task: Mapping[str, Sequence[ReviewAnswer]]
) -> dict[str, GoldRecord]:
    """How each person who answered a known task did."""
    found: dict[str, GoldRecord] = {}
    for task_id, right in known.items():
        for answer in by_task.get(task_id, ()):
            before = found.get(answer.person, GoldRecord(0, 0))
            found[answer.person] = GoldRecord(before.right + say_same(form, right, answer), before.total + 1)
    return found


def is_right(form: Form, known: ReviewAnswer | None, answer: ReviewAnswer) -> bool | None:
    """Does it say what is known? None where nothing is."""
    return None if known is None else say_same(form, known, answer)


def save_known(context: StepContext, known: Mapping[str, ReviewAnswer]) -> str:
    """Write what is known to the step's own folder, since the review's is sent to people; its name in the build."""
    if not known:
        return ""
    path = context.folder() / "gold.json"
    save_answers(path, [answer_record(answer) for answer in known.values()])
    return path.relative_to(context.root).as_posix()


def leave_out(answers: dict[str, list[ReviewAnswer]], people: Collection[str]) -> int:
    """Take the answers of these people out; how many they were."""
    before = sum(map(len, answers.values()))
    for task_id, some in answers.items():
        answers[task_id] = [answer for answer in some if answer.person not in people]
    return before - sum(map(len, answers.values()))


def unreliable(records: Mapping[str, GoldRecord], trust: float | None) -> set[str]:
    """Who is too often wrong."""
    enough = {person: record for person, record in records.items() if record.total >= LEAST}
    return {person for person, record in enough.items() if trust is not None and record.share < trust}
