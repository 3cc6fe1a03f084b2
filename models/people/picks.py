"""Which of a clip's captions people picked: from a csv file, or from an export of Label Studio."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import UserError
from ...engine.storage.sheets import read_form
from .label_studio import read_annotations, task_data

ALL_BAD = "all_bad"
_COLUMNS = ("clip_id", "caption_id")


class Pick(NamedTuple):
    """One person's choice; no ``caption_id`` says that all were bad."""

    clip_id: str
    caption_id: str
    person: str


def read_picks(path: Path) -> list[Pick]:
    """The picks of a file, in its order.

    A csv has ``clip_id``, ``caption_id`` (empty or ``all_bad`` for none of them) and may have ``person``. A JSON export
    of Label Studio has tasks with ``clip_id`` in their data and a ``choices`` result, whose value is a caption's id.

    Raises:
        UserError: the file cannot be read or holds something else; names the line or the task.
    """
    picks = list(_from_json(path) if path.suffix == ".json" else _from_csv(path))
    if not picks:
        raise UserError(f"{path} holds no picks", "it needs at least one choice of a person")
    return picks


def _from_csv(path: Path) -> Iterator[Pick]:
    for row in read_form(path, _COLUMNS, ("person",)):
        clip, caption = (row.cells[column].strip() for column in _COLUMNS)
        if not clip:
            raise UserError(f"{path}:{row.line}: the clip_id is empty")
        yield Pick(clip, "" if caption == ALL_BAD else caption, row.cells.get("person", "").strip())


def _from_json(path: Path) -> Iterator[Pick]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the picks {path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}") from None
    if not isinstance(tasks, list):
        raise UserError(f"{path} is no export of Label Studio: it should be a list of tasks")
    for number, task in enumerate(tasks, 1):
        clip = task_data(task, "clip_id")
        if not isinstance(clip, str) or not clip:
            raise UserError(f"{path}: task {number} has no clip_id in its data")
        for annotation in read_annotations(task):
            chosen = next((choice for result in annotation.results for choice in result.choices), None)
            if chosen is not None and not annotation.is_skip:
                yield Pick(clip, "" if chosen == ALL_BAD else chosen, str(annotation.person or ""))


class MajorityPick(NamedTuple):
    """What people together say of one clip; no ``caption_id`` where most found all bad."""

    clip_id: str
    caption_id: str
    votes: tuple[str, ...]  # one per person, "" for all bad


def majority(picks: Sequence[Pick]) -> list[MajorityPick]:
    """One choice per clip, by clip id: most votes, and of equals the first by id."""
    votes: dict[str, list[str]] = {}
    for pick in picks:
        votes.setdefault(pick.clip_id, []).append(pick.caption_id)
    found = []
    for clip, given in sorted(votes.items()):
        best = min(Counter(given).items(), key=lambda item: (-item[1], not item[0], item[0]))[0]
        found.append(MajorityPick(clip, best, tuple(given)))
    return found
