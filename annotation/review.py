"""What people say of clips and captions: csv files, one offline page, Label Studio."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from ..engine.contract.errors import UserError, Waiting
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import Drop, Global, Step, StepContext
from ..engine.contract.words import number_of
from ..engine.execution.build_folder import ESTIMATE
from ..schemas import Caption, Clip, Col, Embedding, Score, Tags, Video, to_arrow
from ..schemas import Review as ReviewRow
from .backends.build_trip import ReviewServer
from .backends.folder import ADJUDICATION, ReviewFolder
from .edits import Edits
from .forms.form import CAPTION_KINDS, Questions
from .tasks.adjudicate import Adjudication, Settlement
from .tasks.collect import collect_answers
from .tasks.gold import Gold, gold_records, is_right, leave_out, mix_in, save_known, unreliable
from .tasks.outcome import Rules, outcomes
from .tasks.sample import ask_all, sample_tasks, tasks_named
from .tasks.sampling import TaskSample
from .tasks.suggestion import SuggestionRule
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
class ReviewStep(Questions, Rules, Adjudication, Gold, TaskSample, SuggestionRule, Global[ReviewInput, ReviewRow]):
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
    task and person. Where a ``rule`` decides, the rows of answers that hold are marked, and they alone take effect: a
    task of which none holds is as if nobody had answered. Raises ``UserError``, naming file and line, for a typed
    answer that cannot be meant; answers to what has changed since are left out.
    """

    version = 4
    reads_media = True

    apply: Annotated[bool, Col("verdicts and edits take effect; false: they are kept as rows, and no more")] = True
    quorum: Annotated[float, Col("share of the tasks whose answers are enough to go on", low=0, high=1)] = 1.0
    page: Annotated[bool, Col("write the page too, with clips that every browser plays", local=True)] = False
    sheet: Annotated[str, Col("name of its folder in the build folder")] = "review"
    server: Annotated[
        ReviewServer | None,
        Col("a Label Studio server that builds go to while tasks are open", local=True),
    ] = None

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a folder name that is none, or that another review has."""
        if not re.fullmatch(r"\w[\w.-]*", self.sheet):
            raise UserError(f"annotation.review.sheet is {self.sheet!r}: it must be a plain folder name")
        taken = {step.sheet.removesuffix(ADJUDICATION) for step in earlier if isinstance(step, ReviewStep)}
        if self.sheet.removesuffix(ADJUDICATION) in taken:
            said = f"annotation.review is used twice with the folder {self.sheet}"
            raise UserError(said, "give the second one a folder of its own with `sheet:`")
        self.form()
        self.check_sample(earlier)
        self.check_suggestion(earlier)
        self.check_gold(self.kind)
        self.check_rule(self.kind, self.gold is not None)

    def expand(self) -> Sequence[tuple[str, Step]]:
        """Itself, and what puts the edits in their places."""
        edits = Edits(kind=self.kind, unreviewed=self.unreviewed, tie=self.tie)
        return [("", self), ("edits", edits)] if self.drops() else [("", self)]

    def requirements(self) -> Sequence[Requirement]:
        """What it takes to go to the server."""
        return self.server.requirements() if self.server else ()

    def drops(self) -> bool:
        """Where people's verdicts take effect."""
        return self.apply and self.kind in CAPTION_KINDS

    def external_digest(self, context: StepContext) -> str:
        """A digest of the answer files, of what is known, and of the earlier release."""
        folders = (self._folder(context), self._adjudication(context))
        return "".join((*(one.digest() for one in folders), self.gold_digest(), self.release_digest()))

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[ReviewRow | Drop]:
        """Write the tasks, then the answers that are there, in order of the tasks and of the people's names."""
        folder, form = self._folder(context), self.form()
        ask_all(db, self, self.seed)
        known_tasks = tasks_named(db, self, self.known_ids(form))
        known = self.known_answers(form, {task.task_id: task for task in known_tasks})
        asked = self.suggest_answers(db, self.place(mix_in(sample_tasks(db, self, self), known_tasks)))
        replace(folder, gold=save_known(context, known)).post(asked)
        lost = self._visit_server(context.root, self.sheet)
        lines = folder.fetch()
        outside = {line.task_id for line in lines} - {task.task_id for task in asked}
        tasks = {task.task_id: task for task in [*asked, *tasks_named(db, self, outside)]}
        found = collect_answers(form, lines, tasks, read_task_ids(folder.path) | set(tasks))
        records = gold_records(form, known, found.by_task)
        ignored = leave_out(found.by_task, unreliable(records, self.trust))
        settled = self.settle(form, tasks, found.by_task, records)
        if self.adjudicator:
            settled.ask_seniors(self._adjudication(context))
            lost = lost or self._visit_server(context.root, self.sheet + ADJUDICATION)
            settled.hear_seniors(form, self._adjudication(context))
        rows = list(settled.rows(self.kind, lambda answer: is_right(form, known.get(answer.task_id), answer)))
        yield from rows
        if self.drops():
            db.register("_answered", to_arrow(ReviewRow, rows))
            clips = [one for one in outcomes(db, self, "_answered") if one.outcome.reason]
            yield from (Drop(one.clip_id, one.video_id, one.outcome.reason) for one in clips)
        told = _ignore_note(len(outside - set(tasks)), found.broken, ignored)
        self._wait(context, asked, settled, told, lost)

    def _wait(
        self, context: StepContext, asked: Sequence[ReviewTask], settled: Settlement, told: str, lost: str
    ) -> None:
        """Raise ``Waiting`` where too few tasks are answered, or settled; or some, and the server was not there."""
        unanswered = sum(len(settled.answers[task.task_id]) < task.people for task in asked)
        unsettled = sum(settled.is_unsettled(task.task_id) for task in asked) if self.adjudicator else 0
        if len(asked) - unanswered - unsettled >= self.quorum * len(asked) - 1e-9 and not (
            lost and unanswered + unsettled
        ):
            return
        how = self._how(self._folder(context), lost)
        reviews = number_of(len(asked), "review")
        said = f"{_share(unanswered, reviews)} open: {how}{told}" if unanswered else ""
        how = self._how(self._adjudication(context), lost)
        senior = f"{_share(unsettled, str(len(asked)))} in dispute: {how}" if unsettled else ""
        raise Waiting("; ".join(filter(None, (said, senior))))

    def _visit_server(self, root: Path, sheet: str) -> str:
        """Push and pull; why that was not possible. What a plan tries out for its estimate is shown to nobody."""
        is_there = self.server and root.name != ESTIMATE and (root / sheet).exists()
        return self.server.travel(root, sheet) if self.server and is_there else ""

    def _how(self, folder: ReviewFolder, lost: str) -> str:
        """Where people answer; or why the server could not be asked."""
        if self.server is None:
            return folder.how()
        return f"the server could not be asked: {lost}" if lost else f"people answer at {self.server.url}"

    def _folder(self, context: StepContext) -> ReviewFolder:
        return ReviewFolder(context.root, self.sheet, self.form(), self.people, self.page)

    def _adjudication(self, context: StepContext) -> ReviewFolder:
        return ReviewFolder(context.root, f"{self.sheet}{ADJUDICATION}", self.form(), 1, self.page)


def _share(count: int, of: str) -> str:
    """``1 of 12 is``, ``2 of 12 are``."""
    return number_of(count, f"of {of} is", f"of {of} are")


def _ignore_note(gone: int, broken: Sequence[str], ignored: int) -> str:
    """What became of answers that are not counted."""
    said = []
    if gone:
        said.append(f"{number_of(gone, 'answer is', 'answers are')} to captions that have changed since")
    if broken:
        said.append(f"{number_of(len(broken), 'answer breaks', 'answers break')} the rules, such as {broken[0]}")
    if ignored:
        said.append(f"{number_of(ignored, 'answer is', 'answers are')} of people below `trust`")
    return "".join(f" ({one})" for one in said)
