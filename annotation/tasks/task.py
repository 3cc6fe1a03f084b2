"""One task, and the file that holds all of them for whatever shows them to people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.contract.errors import UserError
from ...engine.storage.files import intact, replace_file
from ...schemas import ReviewMark

TASKS = "tasks.jsonl"


class CandidateCaption(NamedTuple):
    """One caption that is judged or may be chosen."""

    caption_id: str
    text: str


class TaskSuggestion(NamedTuple):
    """What a model would choose."""

    choice: int  # number of the candidate, from 1
    score: float
    model: str  # what measured it


class ReviewTask(NamedTuple):
    """One question about one clip. The id holds a digest of what it shows: another content is another question."""

    task_id: str
    clip_id: str
    video_id: str
    video: str  # its title, or its id
    start_s: float
    end_s: float
    file: str  # of the clip, relative to the build folder; of the video where the clip has none
    candidates: tuple[CandidateCaption, ...]  # one to judge; in an order that tells nothing of the teacher
    marks: tuple[ReviewMark, ...] = ()  # what is given: tags, cuts or events to be put right, spans to be kept to
    file_from_s: float = 0.0  # time of the video at which the file begins
    frame_s: float | None = None  # time of the frame that boxes are on
    people: int = 1  # how many are to answer it
    suggestion: TaskSuggestion | None = None

    @property
    def key(self) -> str:
        """What it is about, whatever it shows: an id of a clip or of a caption."""
        return self.task_id.rpartition("_")[0]


def write_task_file(folder: Path, tasks: Sequence[ReviewTask]) -> None:
    """Write ``tasks.jsonl``, one task a line; it is not touched where it would not change."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / TASKS
    lines = [json.dumps(_as_json(task), ensure_ascii=False) for task in tasks]
    text = "".join(f"{line}\n" for line in lines).encode()
    if not path.exists() or path.read_bytes() != text:
        with replace_file(path) as part:
            part.write_bytes(text)


def read_task_file(folder: Path) -> Iterator[ReviewTask]:
    """The tasks of a review folder, one by one.

    Raises:
        UserError: there are none yet, or the file is damaged.
    """
    path = folder / TASKS
    if not path.exists():
        raise UserError(f"{folder} holds no tasks", "`cliploom build` writes them as far as the recipe's review")
    with intact(path, path), path.open(encoding="utf-8") as file:
        for line in file:
            yield _from_json(json.loads(line))


def _as_json(task: ReviewTask) -> dict[str, Any]:
    return task._asdict() | {"marks": [asdict(mark) for mark in task.marks]}


def _from_json(found: dict[str, Any]) -> ReviewTask:
    texts = tuple(CandidateCaption(*pair) for pair in found["candidates"])
    marks = tuple(ReviewMark(**mark) for mark in found["marks"])
    guess = TaskSuggestion(*found["suggestion"]) if found.get("suggestion") else None
    return ReviewTask(**{**found, "candidates": texts, "marks": marks, "suggestion": guess})
