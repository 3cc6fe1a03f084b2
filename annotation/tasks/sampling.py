"""Which tasks people are asked, in what order, and by how many each is to be answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...engine.contract.errors import UserError
from ...engine.contract.measures import check_score, measured_scores
from ...engine.contract.step import Step
from ...schemas import Col
from ..backends.port import digest_files
from .priority import check_strata, release_files
from .task import ReviewTask

_SCORED = ("margin", "score")


@dataclass(frozen=True)
class TaskSample:
    """Which tasks, as a recipe says it."""

    sample: Annotated[int | None, Col("how many tasks; null for all", low=1)] = None
    order: Annotated[
        str,
        Col(
            "which tasks come first: any; where the clip's captions differ most; where `score` of its best two is"
            " nearest; where `score` is lowest",
            choices=("random", "disagreement", "margin", "score"),
        ),
    ] = "random"
    score: Annotated[str, Col("with the orders `margin` and `score`: the score's name")] = ""
    strata: Annotated[
        str,
        Col(
            "as many tasks of each value of this SQL expression, as far as there are; it knows the columns of the clip,"
            " of its video and of the caption (`text`, `teacher`, `language`), `seconds`, and scores"
        ),
    ] = ""
    since: Annotated[
        Path | None, Col("folder of an earlier release: only clips and captions that are not in it", local=True)
    ] = None
    people: Annotated[int, Col("how many people are to answer each task", low=1, high=100)] = 1
    overlap: Annotated[
        float, Col("share of the tasks, the first, that so many people are to answer; one the others", low=0, high=1)
    ] = 1.0
    seed: Annotated[int, Col("seed of the sample and of the candidates' order")] = 0

    def check_sample(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a score that nothing measures, or strata that are no expression over what there is."""
        if (self.order in _SCORED) != bool(self.score):
            said = f"annotation.review.order is {self.order}, and " + (
                f"score is {self.score}" if self.score else "no score is named"
            )
            raise UserError(said, f"orders by a score are {' and '.join(_SCORED)}")
        if self.score:
            check_score("annotation.review.score", self.score, earlier)
        if self.strata:
            check_strata(self.strata, measured_scores(earlier))

    def place(self, tasks: Sequence[ReviewTask]) -> list[ReviewTask]:
        """The tasks with the number of people that each is for."""
        shared = math.ceil(self.overlap * len(tasks) - 1e-9)
        return [task._replace(people=self.people if at < shared else 1) for at, task in enumerate(tasks)]

    def release_digest(self) -> str:
        """A digest of the earlier release's tables; empty without one."""
        return digest_files(release_files(self.since)) if self.since else ""
