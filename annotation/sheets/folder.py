"""The folder that a review goes through: tasks out, answers in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...engine.storage.files import write_text
from .answers import answer_columns
from .cells import sheet
from .tasks import CHOOSE, ReviewTask

_MANUAL = """\
# How to review

`tasks.csv` holds {count} to answer. The build writes it and never reads it, so work in a copy:

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

_SEE = {CHOOSE: ", and read the numbered `candidates`", "": ", and read its `caption`"}
_COLUMNS = {
    "choice": "the number of the best candidate",
    "verdict": "`accept` (it is right), `reject` (it is wrong, or none of them is right), `edit` (you correct it), or"
    " `cannot_tell`",
    "text": "with `edit`: the caption as it should be; otherwise a remark, if you have one",
    "person": "your name, if the file's name does not say it",
    "seconds": "how long it took you, if you like",
}


def write_tasks(folder: Path, kind: str, tasks: Sequence[ReviewTask]) -> None:
    """Write the tasks and the manual; a file that would not change is not touched, nor is any answer.

    ``asked.txt`` remembers every task that was ever asked here, so that an answer to a question that is
    gone can be told from a slip.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = ("task_id", "clip_id", "video", "start_s", "end_s", "file", _text_column(kind), *answer_columns(kind))
    empty = [""] * len(answer_columns(kind))
    rows = [[*_cells(task, kind), *empty] for task in tasks]
    _write(folder / "tasks.csv", sheet(columns, rows))
    _write(folder / "README.md", manual(kind, len(tasks)))
    asked = read_task_ids(folder) | {task.task_id for task in tasks}
    _write(folder / "asked.txt", "".join(f"{task_id}\n" for task_id in sorted(asked)))


def read_task_ids(folder: Path) -> set[str]:
    """The ids of all tasks that were ever asked here."""
    try:
        return set((folder / "asked.txt").read_text(encoding="utf-8").split("\n")) - {""}
    except FileNotFoundError:
        return set()


def manual(kind: str, count: int) -> str:
    """What reviewers read first."""
    columns = "\n".join(f"   - `{name}`: {_COLUMNS[name]}" for name in answer_columns(kind))
    tasks = f"{count} question{'' if count == 1 else 's'}"
    return _MANUAL.format(count=tasks, see=_SEE.get(kind, _SEE[""]), columns=columns)


def _text_column(kind: str) -> str:
    return "candidates" if kind == CHOOSE else "caption"


def _cells(task: ReviewTask, kind: str) -> list[str]:
    texts = [candidate.text for candidate in task.candidates]
    lines = (f"{i}. {' '.join(text.split())}" for i, text in enumerate(texts, 1))  # no text starts a line of its own
    told = "\n".join(lines) if kind == CHOOSE else texts[0]
    return [task.task_id, task.clip_id, task.video, f"{task.start_s:.3f}", f"{task.end_s:.3f}", task.file, told]


def _write(path: Path, text: str) -> None:
    try:
        if path.read_bytes() == text.encode():
            return
    except FileNotFoundError:
        pass
    write_text(path, text)
