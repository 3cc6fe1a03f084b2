"""What a model would answer to a task: the caption that it scores best, and the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from ...engine.contract.measures import check_score
from ...engine.contract.step import Step
from ...schemas import Col
from .task import ReviewTask, TaskSuggestion

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class SuggestionRule:
    """Whether a model's answer is shown, as a recipe says it."""

    suggest: Annotated[
        str,
        Col(
            "name of a score of captions: Label Studio shows the best caption by it as a prediction, and the number of"
            " each task's; empty: people see no model's opinion, unless it is to be put right"
        ),
    ] = ""

    def check_suggestion(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a score that no earlier step measures."""
        if self.suggest:
            check_score("annotation.review.suggest", self.suggest, earlier)

    def suggest_answers(self, db: duckdb.DuckDBPyConnection, tasks: Sequence[ReviewTask]) -> list[ReviewTask]:
        """The tasks, each with its suggestion where captions of it have the score."""
        if not self.suggest:
            return list(tasks)
        query = "SELECT caption_id, value, model FROM scores WHERE name = ? AND caption_id IS NOT NULL"
        known = {caption: (value, model) for caption, value, model in db.execute(query, [self.suggest]).fetchall()}
        return [task._replace(suggestion=_best(task, known)) for task in tasks]


def _best(task: ReviewTask, known: dict[str, tuple[float, str]]) -> TaskSuggestion | None:
    found = [
        TaskSuggestion(number, *known[candidate.caption_id])
        for number, candidate in enumerate(task.candidates, 1)
        if candidate.caption_id in known
    ]
    return max(found, key=lambda one: (one.score, -one.choice), default=None)
