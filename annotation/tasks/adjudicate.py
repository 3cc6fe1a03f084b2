"""Which answer of several people's holds, and who is asked where none does."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from ...engine.contract.errors import UserError
from ...models.people.adjudication import Ruling, by_majority, by_senior, by_unanimity, by_weight, dawid_skene
from ...schemas import Col, Review
from ..backends.folder import ReviewFolder
from ..forms.answers import ReviewAnswer
from ..forms.form import Form
from .collect import collect_answers
from .gold import GoldRecord
from .same import plain_value, vote_groups
from .task import ReviewTask
from .task_ids import read_task_ids

RULES = ("all", "majority", "unanimous", "weighted", "dawid_skene")
Answers = Mapping[str, Sequence[ReviewAnswer]]
"""By the ids of their tasks."""


@dataclass(frozen=True)
class Adjudication:
    """How one answer comes of several, as a recipe says it."""

    rule: Annotated[
        str,
        Col(
            "which answer to a task holds: all count; what most say; what everyone says; what has most weight by how"
            " often people are right on `gold`; what is likeliest by how people confuse verdicts (Dawid and Skene)",
            choices=RULES,
        ),
    ] = "all"
    adjudicator: Annotated[
        bool,
        Col("tasks of which no answer holds go out again, in the folder `<sheet>-adjudication`: that answer holds"),
    ] = False

    def check_rule(self, kind: str, has_gold: bool) -> None:
        """``UserError`` for what cannot go together."""
        if self.adjudicator and self.rule == "all":
            raise UserError("annotation.review.adjudicator needs a rule", f"`rule` is one of {', '.join(RULES[1:])}")
        if self.rule == "weighted" and not has_gold:
            raise UserError("annotation.review.rule is weighted, and nothing is known: name known answers with `gold`")
        if self.rule == "dawid_skene" and kind not in ("judge", "edit"):
            said = "annotation.review.rule is dawid_skene, which needs the same few answers for all tasks"
            raise UserError(said, "it goes with `kind: judge` and `kind: edit`")

    def settle(
        self, form: Form, tasks: Mapping[str, ReviewTask], answers: Answers, gold: Mapping[str, GoldRecord]
    ) -> Settlement:
        """What holds, for each task that as many people answered as are to; nothing where all answers count."""
        full = {task_id: some for task_id, some in answers.items() if len(some) >= tasks[task_id].people}
        return Settlement(tasks, answers, self._rulings(form, full, gold))

    def _rulings(self, form: Form, full: Answers, gold: Mapping[str, GoldRecord]) -> dict[str, Ruling]:
        if self.rule == "all":
            return {}
        if self.rule == "dawid_skene":
            votes = [{a.person: plain_value(a) for a in answers} for answers in full.values()]
            return dict(zip(full, dawid_skene(votes), strict=True))
        accuracy = {person: record.share for person, record in gold.items()}
        rule: Callable[[Mapping[str, Hashable]], Ruling] = {
            "majority": by_majority, "unanimous": by_unanimity, "weighted": lambda votes: by_weight(votes, accuracy)
        }[self.rule]  # fmt: skip
        return {task_id: rule(_votes(form, answers)) for task_id, answers in full.items()}


@dataclass
class Settlement:
    """The answers of a review, and which of them hold."""

    tasks: Mapping[str, ReviewTask]
    answers: Answers
    rulings: dict[str, Ruling]
    seniors: dict[str, list[ReviewAnswer]] = field(default_factory=dict)

    def is_unsettled(self, task_id: str) -> bool:
        """Have all answered, and does nothing hold?"""
        return task_id in self.rulings and self.rulings[task_id].value is None

    def _unsettled(self) -> dict[str, ReviewTask]:
        return {task_id: task for task_id, task in self.tasks.items() if self.is_unsettled(task_id)}

    def ask_seniors(self, folder: ReviewFolder) -> None:
        """Ask in this folder about what is not settled."""
        tasks = self._unsettled()
        if tasks or folder.path.exists():
            folder.post([task._replace(people=1) for task in tasks.values()])

    def hear_seniors(self, form: Form, folder: ReviewFolder) -> None:
        """Let the answers in this folder hold, where nothing else does."""
        tasks = self._unsettled()
        found = collect_answers(form, folder.fetch(), tasks, read_task_ids(folder.path) | set(tasks))
        self.seniors = {task_id: answers for task_id, answers in found.by_task.items() if answers}
        for task_id, [senior, *_] in self.seniors.items():
            votes = _votes(form, [*self.answers[task_id], senior._replace(person="")])
            self.rulings[task_id] = by_senior(votes, "")

    def rows(self, kind: str, is_gold: Callable[[ReviewAnswer], bool | None]) -> Iterator[Review]:
        """A row an answer, those of seniors after the others."""
        for task_id, task in self.tasks.items():
            ruling = self.rulings.get(task_id)
            for answer in self.answers[task_id]:
                holds = None if ruling is None else ruling.value is not None and answer.person not in ruling.dissent
                yield _row(kind, task, answer, gold=is_gold(answer), rule=ruling.rule if ruling else "", holds=holds)
            for at, answer in enumerate(self.seniors.get(task_id, ())):
                row = _row(kind, task, answer, gold=is_gold(answer), rule="senior", holds=at == 0)
                yield replace(row, review_id=f"{task_id}_senior_{answer.person}")


def _row(kind: str, task: ReviewTask, answer: ReviewAnswer, **settled: Any) -> Review:
    chosen = None if answer.choice is None else task.candidates[answer.choice - 1].caption_id
    if len(task.candidates) == 1:  # a caption that is rejected, or that nobody can tell of, is the one that was judged
        chosen = task.candidates[0].caption_id
    return Review(
        f"{task.task_id}_{answer.person}", task.video_id, task.clip_id, chosen, answer.person, answer.verdict,
        answer.text, answer.seconds, kind, task.task_id, list(answer.marks), **settled,
    )  # fmt: skip


def _votes(form: Form, answers: Sequence[ReviewAnswer]) -> dict[str, Hashable]:
    return {answer.person: group for answer, group in zip(answers, vote_groups(form, answers), strict=True)}
