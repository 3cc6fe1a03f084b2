"""People's verdicts on captions, through csv files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from ..engine.contract.errors import UserError, Waiting, nearest
from ..engine.contract.step import Drop, Global, Step, StepContext
from ..schemas import Caption, Clip, Col, Video, to_arrow
from ..schemas import Review as ReviewRow
from .edits import Edits
from .sheets.answers import ReviewAnswer, answers, digest_files, read_answer_lines
from .sheets.folder import read_task_ids, write_tasks
from .sheets.outcome import Rules, outcomes
from .sheets.tasks import ReviewTask, sampled_tasks, tasks_named

if TYPE_CHECKING:
    import duckdb


class ReviewInput(NamedTuple):
    """A clip, its captions, and its video."""

    clip: Clip
    captions: list[Caption]
    video: Video


@dataclass(frozen=True)
class ReviewStep(Rules, Global[ReviewInput, ReviewRow]):
    """Ask people about captions: the build writes ``<sheet>/tasks.csv`` and waits for ``answers*.csv`` there.

    With ``kind: judge`` a task is one caption (right, wrong, or edited), with ``kind: choose`` one clip and all its
    captions in an order that tells nothing. One row per task and person. What people say takes effect for all steps
    after: captions are dropped and corrected as ``annotation.edits`` says, and a clip that has none left is dropped
    (``rejected``, ``unreviewed``). Corrections are measured as the captions before them were, except by steps that
    read everything at once. Raises ``UserError``, naming file and line, for an answer that cannot be meant; answers
    to captions that have changed since are left out.
    """

    version = 2

    apply: Annotated[bool, Col("verdicts and edits take effect; false: they are kept as rows, and no more")] = True
    sample: Annotated[int | None, Col("how many tasks; null for all", low=1)] = None
    seed: Annotated[int, Col("seed of the sample and of the candidates' order")] = 0
    quorum: Annotated[float, Col("share of the tasks whose answers are enough to go on", low=0, high=1)] = 1.0
    sheet: Annotated[str, Col("name of its folder in the build folder")] = "review"

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a folder name that is none, or that another review has."""
        if not re.fullmatch(r"\w[\w.-]*", self.sheet):
            raise UserError(f"annotation.review.sheet is {self.sheet!r}: it must be a plain folder name")
        if any(isinstance(step, ReviewStep) and step.sheet == self.sheet for step in earlier):
            said = f"annotation.review is used twice with the folder {self.sheet}"
            raise UserError(said, "give the second one a folder of its own with `sheet:`")

    def expand(self) -> Sequence[tuple[str, Step]]:
        """Itself, and what puts the edits in their places."""
        edits = Edits(kind=self.kind, unreviewed=self.unreviewed, tie=self.tie)
        return [("", self), ("edits", edits)] if self.apply else [("", self)]

    def drops(self) -> bool:
        """Where people's verdicts take effect."""
        return self.apply

    def external_digest(self, context: StepContext) -> str:
        """A digest of the answer files."""
        return digest_files(self._folder(context))

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[ReviewRow | Drop]:
        """Write the tasks, then the answers that are there, in order of the tasks and of the people's names."""
        folder = self._folder(context)
        asked = sampled_tasks(db, self.kind, self.sample, self.seed)
        write_tasks(folder, self.kind, asked)
        lines = read_answer_lines(folder, self.kind)
        outside = {line.task_id for line in lines} - {task.task_id for task in asked}
        tasks = {task.task_id: task for task in [*asked, *tasks_named(db, self.kind, self.seed, outside)]}
        known = read_task_ids(folder) | set(tasks)
        for line in lines:
            if line.task_id not in known:
                hint = "the ids of the tasks stand in tasks.csv"
                raise line.wrong(f"there is no task {line.task_id!r}{nearest(line.task_id, tasks)}", hint)
        found: dict[str, list[ReviewAnswer]] = defaultdict(list)
        for answer in answers(lines, tasks):
            found[answer.task_id].append(answer)
        rows = [_row(t, one) for id_, t in tasks.items() for one in sorted(found[id_], key=lambda a: a.person)]
        yield from rows
        if self.apply:
            db.register("_answered", to_arrow(ReviewRow, rows))
            clips = [one for one in outcomes(db, self, "_answered") if one.outcome.reason]
            yield from (Drop(one.clip_id, one.video_id, one.outcome.reason) for one in clips)
        answered = sum(bool(found[task.task_id]) for task in asked)
        if answered < self.quorum * len(asked) - 1e-9:
            gone = len(outside - set(tasks))
            stale = f" ({gone} answers are to captions that have changed since)" if gone else ""
            reviews = f"{len(asked) - answered} of {len(asked)} reviews are open"
            raise Waiting(f"{reviews}: fill in {folder / 'answers.csv'}, a copy of tasks.csv{stale}")

    def _folder(self, context: StepContext) -> Path:
        return context.root / self.sheet


def _row(task: ReviewTask, answer: ReviewAnswer) -> ReviewRow:
    chosen = None if answer.choice is None else task.candidates[answer.choice - 1].caption_id
    if len(task.candidates) == 1:  # a caption that is rejected, or that nobody can tell of, is the one that was judged
        chosen = task.candidates[0].caption_id
    return ReviewRow(
        f"{task.task_id}_{answer.person}", task.video_id, task.clip_id, chosen,
        answer.person, answer.verdict, answer.text, answer.seconds,
    )  # fmt: skip
