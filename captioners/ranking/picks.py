"""Which of a clip's captions people picked: from a csv file, or from an export of Label Studio."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.errors import UserError

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
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the picks {path}: {error}") from None
    picks = list(_from_json(text, path) if path.suffix == ".json" else _from_csv(text, path))
    if not picks:
        raise UserError(f"{path} holds no picks", "it needs at least one choice of a person")
    return picks


def _from_csv(text: str, path: Path) -> Iterator[Pick]:
    reader = csv.DictReader(text.splitlines())
    lacks = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
    if lacks:
        raise UserError(f"{path}:1: there is no column {lacks[0]}", f"columns: {', '.join(_COLUMNS)}, person")
    for row in reader:
        clip, caption = (row["clip_id"] or "").strip(), (row["caption_id"] or "").strip()
        if not clip:
            raise UserError(f"{path}:{reader.line_num}: the clip_id is empty")
        yield Pick(clip, "" if caption == ALL_BAD else caption, (row.get("person") or "").strip())


def _from_json(text: str, path: Path) -> Iterator[Pick]:
    try:
        tasks = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from None
    if not isinstance(tasks, list):
        raise UserError(f"{path} is no export of Label Studio: it should be a list of tasks")
    for number, task in enumerate(tasks):
        data = task.get("data") if isinstance(task, dict) else None
        clip = data.get("clip_id") if isinstance(data, dict) else None
        if not isinstance(clip, str):
            raise UserError(f"{path}: task {number + 1} has no clip_id in its data")
        for annotation in task.get("annotations") or ():
            if not annotation.get("was_cancelled") and (choice := _choice(annotation)) is not None:
                yield Pick(clip, "" if choice == ALL_BAD else choice, str(annotation.get("completed_by", "")))


def _choice(annotation: Mapping[str, Any]) -> str | None:
    for result in annotation.get("result") or ():
        chosen = result.get("value", {}).get("choices")
        if chosen:
            return str(chosen[0])
    return None


class Picked(NamedTuple):
    """What people together say of one clip; no ``caption_id`` where most found all bad."""

    clip_id: str
    caption_id: str
    votes: tuple[str, ...]  # one per person, "" for all bad


def majority(picks: Sequence[Pick]) -> list[Picked]:
    """One choice per clip, by clip id: most votes, and of equals the first by id."""
    votes: dict[str, list[str]] = {}
    for pick in picks:
        votes.setdefault(pick.clip_id, []).append(pick.caption_id)
    found = []
    for clip, given in sorted(votes.items()):
        best = min(Counter(given).items(), key=lambda item: (-item[1], not item[0], item[0]))[0]
        found.append(Picked(clip, best, tuple(given)))
    return found


def agreement(picked: Sequence[Picked]) -> float | None:
    """How often two people who saw the same clip picked the same, 0 to 1; None where no two saw one."""
    same = pairs = 0
    for one in picked:
        counts, n = Counter(one.votes), len(one.votes)
        same += sum(c * (c - 1) for c in counts.values())
        pairs += n * (n - 1)
    return same / pairs if pairs else None
