"""The folder of a review in a build folder: the tasks, and all answers to them, whatever way they came."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...engine.contract.errors import UserError, nearest
from ...engine.storage.files import read_json, write_json
from ..forms.form import Axis, Form, Slot, TimelinePart
from ..tasks.task import ReviewTask, write_task_file
from ..tasks.task_ids import remember_tasks
from .answer_files import answer_lines
from .page.backend import NAME as PAGE
from .page.backend import Page
from .port import AnswerLine, Backend
from .server_answers import ServerAnswers
from .sheets.folder import Sheets

FORM = "form.json"
ADJUDICATION = "-adjudication"
"""What the folder for those who settle disagreements has at the end of its name."""


@dataclass(frozen=True)
class ReviewFolder:
    """``<build folder>/<sheet>``: every backend that works in it."""

    root: Path  # the build folder
    sheet: str
    form: Form
    people: int = 1
    page: bool = False
    gold: str = ""  # file of the answers that are known, relative to the build folder: it is not to be sent along

    @property
    def path(self) -> Path:
        """The folder."""
        return self.root / self.sheet

    def backends(self) -> Sequence[Backend]:
        """All ways that answers may have come."""
        return (Sheets(self.path, self.form), Page(self.root, self.path, self.form), ServerAnswers(self.path))

    def post(self, tasks: Sequence[ReviewTask]) -> None:
        """Write the tasks for programs, for spreadsheets, and as a page where one is wanted."""
        write_task_file(self.path, tasks)
        held = {"form": asdict(self.form), "people": self.people, "gold": self.gold}
        if read_json(self.path / FORM) != _as_json(held):
            write_json(self.path / FORM, held)
        remember_tasks(self.path, (task.task_id for task in tasks))
        sheets, page, _ = self.backends()
        if self.form.boxes is None:
            sheets.post(tasks)
        if self.page:
            page.post(tasks)

    def fetch(self) -> list[AnswerLine]:
        """All answers."""
        return [line for backend in self.backends() for line in backend.fetch()]

    def known(self) -> list[AnswerLine]:
        """The answers that are known to be right."""
        path = self.root / self.gold
        return answer_lines([path]) if self.gold and path.is_file() else []

    def digest(self) -> str:
        """A digest of all answers; empty where there is none."""
        digests = [backend.digest() for backend in self.backends()]
        return hashlib.sha256(repr(digests).encode()).hexdigest() if any(digests) else ""

    def how(self) -> str:
        """What people do next."""
        if self.page:
            return f"open {self.path / PAGE} in a browser, save, and `cliploom review pull`"
        if self.form.boxes is not None:
            return f"`cliploom review push {self.root}` takes them to people"
        return f"fill in {self.path / 'answers.csv'}, a copy of tasks.csv"


def read_folder(root: Path, sheet: str) -> ReviewFolder | None:
    """The folder of a review as the build left it; None where there is none."""
    found = read_json(root / sheet / FORM, ("form", "people"))
    if not found:
        return None
    return ReviewFolder(root, sheet, _form(found["form"]), found["people"], gold=found.get("gold", ""))


def review_folders(root: Path) -> list[ReviewFolder]:
    """All reviews of a build folder, by name."""
    found = (read_folder(root, path.parent.name) for path in sorted(root.glob(f"*/{FORM}")))
    return [folder for folder in found if folder is not None]


def pick_reviews(found: Sequence[ReviewFolder], sheet: str | None) -> list[ReviewFolder]:
    """The named review; without a name the only one, and after it the one that settles its disagreements.

    Raises:
        UserError: none has this name, or there are several and none is named.
    """
    if sheet is not None:
        named = [one for one in found if one.sheet == sheet]
        if not named:
            raise UserError(f"there is no review {sheet}{nearest(sheet, [one.sheet for one in found])}")
        return named
    names = {one.sheet.removesuffix(ADJUDICATION) for one in found}
    if len(names) > 1:
        hint = f"name one: --sheet {' or '.join(sorted(one.sheet for one in found))}"
        raise UserError(f"there are {len(names)} reviews", hint)
    return sorted(found, key=lambda one: one.sheet)


def _as_json(value: Any) -> Any:
    """A value as it comes back from JSON."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, (list, tuple)) else value


def _form(found: dict[str, Any]) -> Form:
    line = found["timeline"]
    if line is not None:
        line = TimelinePart(
            **{**line, "labels": tuple(line["labels"]), "grade": line["grade"] and _axis(line["grade"])}
        )
    axes = tuple((name, _axis(axis)) for name, axis in found["axes"])
    slots = tuple((name, Slot(**slot)) for name, slot in found["slots"])
    boxes = None if found["boxes"] is None else tuple(found["boxes"])
    plain = {"verdicts": tuple(found["verdicts"]), "axes": axes, "slots": slots, "boxes": boxes, "timeline": line}
    return Form(**{**found, **plain})


def _axis(found: dict[str, Any]) -> Axis:
    return Axis(**{**found, "labels": tuple(found["labels"])})
