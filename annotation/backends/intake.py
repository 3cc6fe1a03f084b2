"""Files that people saved on the page, taken into a review's folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ...engine.contract.errors import UserError
from ..tasks.task_ids import read_task_ids
from .answer_files import ReviewAnswerFile, read_answer_file, save_answers
from .folder import ReviewFolder


def take_files(folder: ReviewFolder, files: Sequence[Path]) -> dict[str, int]:
    """Copy answers to ``answers_NAME.json``, one file a person, the last answer to each task; say how many each has.

    Raises:
        UserError: a file is none that the page saved, is another review's, or names nobody; nothing is taken then.
    """
    known = read_task_ids(folder.path)
    by_person: dict[str, list[ReviewAnswerFile]] = {}
    for path in files:
        found = read_answer_file(path)
        person = " ".join(found.person.split())
        if not person:
            raise UserError(f"{path} does not say whose answers it holds")
        strange = next((answer.task_id for answer in found.answers if answer.task_id not in known), None)
        if strange is not None:
            raise UserError(f"{path} is of another review: there is no task {strange!r} in {folder.path}")
        by_person.setdefault(person.casefold(), []).append(found)
    return {some[0].person: _merge(folder, some) for some in by_person.values()}


def _merge(folder: ReviewFolder, files: Sequence[ReviewAnswerFile]) -> int:
    person = " ".join(files[0].person.split())
    name = re.sub(r"[^\w.-]+", "_", person)
    path = folder.path / f"answers_{name}.json"
    old = [read_answer_file(path)] if path.exists() else []
    last = {
        answer.task_id: answer.model_dump() | {"person": person}
        for answer in sorted((a for file in [*old, *files] for a in file.answers), key=lambda a: a.at)
    }
    save_answers(path, [last[task_id] for task_id in sorted(last)])
    return len(last)
