"""Tasks that are on the server, brought to what the build says: how many people each is for, and its prediction."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .client import LabelStudioServer

_FIELDS = "id,meta,overlap,total_annotations,cancelled_annotations"
_PREDICTION_FIELDS = ",predictions,result,score,model_version"


class WantedTask(NamedTuple):
    """What a task is to be like."""

    people: int
    prediction: dict[str, Any] | None  # of a model; None where none is asked


class ServerTask(NamedTuple):
    """What a task is like on the server."""

    number: int
    answers: int
    skips: int
    people: int
    predictions: list[dict[str, Any]]

    @property
    def is_touched(self) -> bool:
        """Has anybody answered or skipped it?"""
        return bool(self.answers or self.skips)


@dataclass
class ServerTasks:
    """The tasks of a project that are ours, by our ids; and the numbers of those that are there twice, unanswered."""

    there: dict[str, ServerTask] = field(default_factory=dict)
    spare: list[int] = field(default_factory=list)

    def add(self, task_id: str, task: ServerTask) -> None:
        """Take one in; of two the one with answers stays."""
        other = self.there.setdefault(task_id, task)
        if other.number == task.number:
            return
        if not task.is_touched:
            self.spare.append(task.number)
        elif not other.is_touched:
            self.spare.append(other.number)
            self.there[task_id] = task


def list_tasks(server: LabelStudioServer, project: int, with_predictions: bool) -> ServerTasks:
    """All tasks of a project that are ours."""
    found = ServerTasks()
    include, fields = (_FIELDS + _PREDICTION_FIELDS, "all") if with_predictions else (_FIELDS, "task_only")
    for page in server.pages(project, fields, include):
        for task in page:
            task_id = (task.get("meta") or {}).get("cliploom")
            if task_id:
                answers, skips = task.get("total_annotations") or 0, task.get("cancelled_annotations") or 0
                people, given = task.get("overlap") or 1, task.get("predictions") or []
                found.add(task_id, ServerTask(task["id"], answers, skips, people, given))
    return found


def usual_people(wanted: Iterable[int]) -> int:
    """How many people most tasks are for; the more, where as many are for more: what new tasks get on the server."""
    counts = Counter(wanted)
    return max(counts, key=lambda people: (counts[people], people), default=1)


def set_people(server: LabelStudioServer, there: Mapping[str, ServerTask], wanted: Mapping[str, WantedTask]) -> None:
    """Have each task asked as many people as it is for."""
    for task_id, task in there.items():
        if task_id in wanted and task.people != (people := wanted[task_id].people):
            is_done = task.answers >= people
            server.ask(server.client.tasks.update, str(task.number), overlap=people, is_labeled=is_done)


def set_predictions(
    server: LabelStudioServer, there: Mapping[str, ServerTask], wanted: Mapping[str, WantedTask]
) -> None:
    """Put a model's newest answer and score in the place of what it answered before."""
    for task_id, task in there.items():
        new = wanted[task_id].prediction if task_id in wanted else None
        if new is None:
            continue
        old = task.predictions[0] if task.predictions else None
        if old is None:
            server.ask(server.client.predictions.create, task=task.number, **new)
        elif not _is_same(old, new):
            server.ask(server.client.predictions.update, old["id"], **new)


def _is_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    known = isinstance(old.get("score"), float) and math.isclose(old["score"], new["score"], rel_tol=1e-6)
    return known and old.get("model_version") == new["model_version"] and _said(old) == _said(new)


def _said(prediction: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    return [(result.get("from_name"), result.get("value")) for result in prediction.get("result") or ()]
