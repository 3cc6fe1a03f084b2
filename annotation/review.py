"""What people say of clips and captions: csv files, one offline page, Label Studio."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

from ..engine.contract.errors import UserError, Waiting
from ..engine.contract.step import Drop, Global, Step, StepContext
from ..schemas import Caption, Clip, Col, Embedding, Score, Tags, Video, to_arrow
from ..schemas import Review as ReviewRow
from .backends.folder import ReviewFolder
from .edits import Edits
from .forms.answers import ReviewAnswer
from .forms.form import CAPTION_KINDS, Questions
from .tasks.collect import collect_answers
from .tasks.outcome import Rules, outcomes
from .tasks.sample import sample_tasks, tasks_named
from .tasks.sampling import TaskSample
from .tasks.task import ReviewTask
from .tasks.task_ids import read_task_ids

if TYPE_CHECKING:
    import duckdb


class ReviewInput(NamedTuple):
    """A clip, its captions, and its video; what there are of tags, earlier reviews, and what tasks are ordered by."""

    clip: Clip
    captions: list[Caption]
    video: Video
    tags: list[Tags] = []
    reviews: list[ReviewRow] = []
    scores: list[Score] = []
    embeddings: list[Embedding] = []


@dataclass(frozen=True)
class ReviewStep(Questions, Rules, TaskSample, Global[ReviewInput, ReviewRow]):
    """Ask people: the build writes tasks to the folder ``<sheet>`` and goes on when enough answers are there.

    With ``kind: judge`` a task is one caption (right, wrong, or edited), with ``edit`` one to be corrected in place,
    with ``choose`` one clip and all its captions in an order that tells nothing. What people say of those takes effect
    for all steps after: captions are dropped and corrected as ``annotation.edits`` says, and a clip that has none left
    is dropped (``rejected``, ``unreviewed``). Corrections are measured as the captions before them were, except by
    steps that read everything at once. With the other kinds people put marks on a clip, which are rows and no more:
    grades (``rate``), spans that a caption is true of (``moments``), grades of those cell by cell (``saliency``), a
    part of each span that captions are about (``spans``), tags, cuts, texts in slots, events.

    The folder holds ``tasks.csv`` for spreadsheets and ``review.html``, one page with the clips that needs no network;
    ``cliploom review push`` takes the tasks to Label Studio, ``cliploom review pull`` brings answers back. One row per
    task and person. Raises ``UserError``, naming file and line, for a typed answer that cannot be meant; answers to
    what has changed since are left out.
    """

    version = 3

    apply: Annotated[bool, Col("verdicts and edits take effect; false: they are kept as rows, and no more")] = True
    quorum: Annotated[float, Col("share of the tasks whose answers are enough to go on", low=0, high=1)] = 1.0
    page: Annotated[bool, Col("write the page too, with clips that every browser plays", local=True)] = False
    sheet: Annotated[str, Col("name of its folder in the build folder")] = "review"

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a folder name that is none, or that another review has."""
        if not re.fullmatch(r"\w[\w.-]*", self.sheet):
            raise UserError(f"annotation.review.sheet is {self.sheet!r}: it must be a plain folder name")
        if any(isinstance(step, ReviewStep) and step.sheet == self.sheet for step in earlier):
            said = f"annotation.review is used twice with the folder {self.sheet}"
            raise UserError(said, "give the second one a folder of its own with `sheet:`")
        self.form()
        self.check_sample(earlier)

    def expand(self) -> Sequence[tuple[str, Step]]:
        """Itself, and what puts the edits in their places."""
        edits = Edits(kind=self.kind, unreviewed=self.unreviewed, tie=self.tie)
        return [("", self), ("edits", edits)] if self.drops() else [("", self)]

    def drops(self) -> bool:
        """Where people's verdicts take effect."""
        return self.apply and self.kind in CAPTION_KINDS

    def external_digest(self, context: StepContext) -> str:
        """A digest of the answer files, and of the earlier release."""
        return self._folder(context).digest() + self.release_digest()

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[ReviewRow | Drop]:
        """Write the tasks, then the answers that are there, in order of the tasks and of the people's names."""
        folder, form = self._folder(context), self.form()
        asked = sample_tasks(db, self, self)
        folder.post(asked)
        lines = folder.fetch()
        outside = {line.task_id for line in lines} - {task.task_id for task in asked}
        tasks = {task.task_id: task for task in [*asked, *tasks_named(db, self, outside)]}
        found = collect_answers(form, lines, tasks, read_task_ids(folder.path) | set(tasks))
        rows = [_row(self.kind, t, one) for id_, t in tasks.items() for one in found.by_task[id_]]
        yield from rows
        if self.drops():
            db.register("_answered", to_arrow(ReviewRow, rows))
            clips = [one for one in outcomes(db, self, "_answered") if one.outcome.reason]
            yield from (Drop(one.clip_id, one.video_id, one.outcome.reason) for one in clips)
        answered = sum(len(found.by_task[task.task_id]) >= task.people for task in asked)
        if answered < self.quorum * len(asked) - 1e-9:
            told = _uncounted(len(outside - set(tasks)), found.broken)
            raise Waiting(f"{len(asked) - answered} of {len(asked)} reviews are open: {folder.how()}{told}")

    def _folder(self, context: StepContext) -> ReviewFolder:
        return ReviewFolder(context.root, self.sheet, self.form(), self.people, self.page)


def _uncounted(gone: int, broken: Sequence[str]) -> str:
    """What became of answers that are not counted."""
    stale = f" ({gone} answers are to captions that have changed since)" if gone else ""
    return stale + (f" ({len(broken)} answers break the rules, such as {broken[0]})" if broken else "")


def _row(kind: str, task: ReviewTask, answer: ReviewAnswer) -> ReviewRow:
    chosen = None if answer.choice is None else task.candidates[answer.choice - 1].caption_id
    if len(task.candidates) == 1:  # a caption that is rejected, or that nobody can tell of, is the one that was judged
        chosen = task.candidates[0].caption_id
    return ReviewRow(
        f"{task.task_id}_{answer.person}", task.video_id, task.clip_id, chosen, answer.person, answer.verdict,
        answer.text, answer.seconds, kind, task.task_id, list(answer.marks),
    )  # fmt: skip
