"""The csv files of a review: tasks out, answers in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ....engine.contract.words import number_of
from ....engine.storage.files import write_text
from ...forms.form import CAPTION_KINDS, Form
from ...tasks.task import ReviewTask
from ..port import AnswerLine, digest_files
from .answers import answer_columns, answer_files, read_answer_lines
from .cells import sheet
from .marks import mark_columns, task_cell

_MANUAL = """\
# How to review
{guideline}
`tasks.csv` holds {count} to answer.{shared} The build writes it and never reads it, so work in a copy:

1. Copy `tasks.csv` to `answers.csv` and open the copy in any spreadsheet. Where several people review, each
   makes a copy with a name: `answers_ann.csv`, `answers_bo.csv`.
2. For each line, watch `file` from `start_s` to `end_s` seconds (a clip with a file of its own is that file
   from its beginning; its path starts at the build folder){see}.
3. Fill in the empty columns and leave the others as they are:
{columns}
4. Save as CSV, encoding UTF-8, and run the build again. Lines left empty stay open for next time.

A cell that starts with an apostrophe has it so that no spreadsheet takes text for a formula. It is not part of
the text; leave it where it is.
"""

_COLUMNS = {
    "choice": "the number of the best candidate",
    "verdict": "`accept` (it is right), `reject` (it is wrong, or none of them is right), `edit` (you correct it), or"
    " `cannot_tell`",
    "text": "with `edit`: the caption as it should be; otherwise a remark, if you have one",
    "person": "your name, if the file's name does not say it",
    "seconds": "how long it took you, if you like",
}


@dataclass(frozen=True)
class Sheets:
    """Csv files: ``tasks.csv`` for people to copy, ``answers*.csv`` of theirs."""

    folder: Path
    form: Form

    def post(self, tasks: Sequence[ReviewTask]) -> None:
        """Write the tasks and the manual; a file that would not change is not touched, nor is any answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        empty = [""] * len(answer_columns(self.form))
        shown = _clip_columns(self.form)
        columns = ("task_id", "clip_id", "video", "start_s", "end_s", "file", *shown, *answer_columns(self.form))
        rows = [[*_cells(task), *_clip_cells(self.form, task), *empty] for task in tasks]
        _write(self.folder / "tasks.csv", sheet(columns, rows))
        _write(self.folder / "README.md", manual(self.form, tasks))

    def fetch(self) -> list[AnswerLine]:
        """The lines that people filled in."""
        return list(read_answer_lines(self.folder, self.form))

    def digest(self) -> str:
        """A digest of the answer files."""
        return digest_files(answer_files(self.folder))


def manual(form: Form, asked: Sequence[ReviewTask]) -> str:
    """What reviewers read first."""
    meanings = {**_COLUMNS, **mark_columns(form)}
    if form.kind not in CAPTION_KINDS:
        meanings["verdict"] = f"empty, or in place of all else: {', '.join(form.verdicts)}"
    columns = "\n".join(f"   - `{name}`: {meanings[name]}" for name in answer_columns(form))
    tasks = number_of(len(asked), "question")
    shown = _clip_columns(form)
    see = f", and read its {' and '.join(f'`{name}`' for name in shown)}" if shown else ""
    see = ", and read the numbered `candidates`" if form.choice else see
    guideline = f"\n{form.guideline.strip()}\n" if form.guideline.strip() else ""
    return _MANUAL.format(count=tasks, see=see, columns=columns, guideline=guideline, shared=_sharing_note(asked))


def _sharing_note(asked: Sequence[ReviewTask]) -> str:
    """Which lines several people answer, where those are some and not all."""
    people = [task.people for task in asked if task.people > 1]
    if not people or len(people) == len(asked):
        return ""
    shared = number_of(len(people), "line is", "lines are")
    return f" The first {shared} for {people[0]} people each, every other one is for one."


def _clip_columns(form: Form) -> tuple[str, ...]:
    given = form.tags or (form.timeline is not None and form.kind != "moments")
    text = "candidates" if form.choice else "query" if form.kind == "moments" else "caption"
    has_text = form.kind in (*CAPTION_KINDS, "rate", "moments", "saliency", "tags")
    return (*([text] if has_text else []), *(["given"] if given else []))


def _clip_cells(form: Form, task: ReviewTask) -> list[str]:
    texts = [candidate.text for candidate in task.candidates]
    lines = (f"{i}. {' '.join(text.split())}" for i, text in enumerate(texts, 1))  # no text starts a line of its own
    cells = {"candidates": "\n".join(lines), "given": task_cell(form, task)}
    return [cells[name] if name in cells else texts[0] for name in _clip_columns(form)]


def _cells(task: ReviewTask) -> list[str]:
    return [task.task_id, task.clip_id, task.video, f"{task.start_s:.3f}", f"{task.end_s:.3f}", task.file]


def _write(path: Path, text: str) -> None:
    try:
        if path.read_bytes() == text.encode():
            return
    except FileNotFoundError:
        pass
    write_text(path, text)
