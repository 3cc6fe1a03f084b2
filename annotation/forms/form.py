"""The form of a kind of task: made of a few parts, which each backend shows in its own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from ...engine.contract.errors import UserError
from ...schemas import Col, Review, row_fields

KINDS = tuple(next(field.col.choices for field in row_fields(Review) if field.name == "kind"))
CAPTION_KINDS = ("judge", "choose", "edit")  # their answers keep, drop and correct captions
ACCEPT, EDIT, REJECT, CANNOT_TELL, MARK = "accept", "edit", "reject", "cannot_tell", "mark"


@dataclass(frozen=True)
class Axis:
    """One question that is answered with a grade."""

    question: Annotated[str, Col("what is asked")]
    low: Annotated[int, Col("lowest grade")] = 1
    high: Annotated[int, Col("highest grade")] = 5
    labels: Annotated[tuple[str, ...], Col("what the grades mean, the lowest first; none: the numbers alone")] = ()
    cannot_tell: Annotated[bool, Col("may it be said that it cannot be told?")] = True


@dataclass(frozen=True)
class Slot:
    """One or several texts of a kind, such as the sentences about the sound."""

    question: Annotated[str, Col("what is asked for")]
    least: Annotated[int, Col("fewest texts", low=0)] = 1
    most: Annotated[int, Col("most texts", low=1, high=20)] = 1


@dataclass(frozen=True)
class TimelinePart:
    """What is put on the clip's time: spans with one of some labels, cuts, or a grade for each span that is given."""

    labels: tuple[str, ...] = ()  # of spans; none: the numbers of the spans that are given
    grid_s: float = 0.0  # spans begin and end at multiples of this, and last at least as long; 0: anywhere
    budget: float = 1.0  # share of the clip that all spans together may fill
    least: int = 0  # fewest spans
    points: bool = False  # cuts, not spans
    text: bool = False  # each span has a text
    inside: bool = False  # a span lies in the given span whose number it has, one in each
    grade: Axis | None = None  # the spans are given, and each gets a grade


@dataclass(frozen=True)
class Form:
    """What one task asks for; a part that is empty is not asked for."""

    kind: str
    verdicts: tuple[str, ...]  # what may be said of the whole, beside or in place of the rest
    choice: bool = False  # one of the texts
    text: bool = False  # a text, with the caption in it to begin with
    axes: tuple[tuple[str, Axis], ...] = ()
    slots: tuple[tuple[str, Slot], ...] = ()
    tags: bool = False  # tags, the given ones to be confirmed
    boxes: tuple[str, ...] | None = None  # boxes on one frame, with these labels
    timeline: TimelinePart | None = None
    guideline: str = ""


@dataclass(frozen=True)
class Questions:
    """What is asked, as a recipe says it."""

    kind: Annotated[str, Col("what is asked of a task: docs/review.md tells of each", choices=KINDS)] = "judge"
    guideline: Annotated[str, Col("what the people are to keep to, in plain text: they see it beside every task")] = ""
    axes: Annotated[
        dict[str, Axis] | None, Col("with `rate` and `saliency`: the questions, by the names of their grades")
    ] = None
    slots: Annotated[dict[str, Slot] | None, Col("with `slots`: the texts that are asked for, by name")] = None
    labels: Annotated[tuple[str, ...], Col("with `moments`, `events`, `boxes`: what spans and boxes are called")] = ()
    grid_s: Annotated[float, Col("with `moments` and `saliency`: length of a cell", unit="s", low=0)] = 2.0
    budget: Annotated[
        float, Col("with `moments` and `spans`: share of the clip that spans may fill", low=0.001, high=1)
    ] = 1.0

    def form(self) -> Form:
        """The form of its tasks.

        Raises:
            UserError: the kind needs what is not said, or two parts of it contradict each other.
        """
        return _FORMS[self.kind](self)

    def _axes(self) -> tuple[tuple[str, Axis], ...]:
        return tuple((self.axes or {"quality": Axis("How good is this caption?")}).items())

    def _slots(self) -> tuple[tuple[str, Slot], ...]:
        if not self.slots:
            raise UserError("annotation.review needs slots", 'for example `slots: {caption: "One sentence about it"}`')
        return tuple(self.slots.items())


_WHOLE = (CANNOT_TELL,)
_SALIENCE = Axis("How good is this moment?", 0, 4, ("Very Bad", "Bad", "Fair", "Good", "Very Good"), cannot_tell=False)

_FORMS: dict[str, Callable[[Questions], Form]] = {
    "judge": lambda q: Form("judge", (ACCEPT, EDIT, REJECT, CANNOT_TELL), text=True, guideline=q.guideline),
    "edit": lambda q: Form("edit", (REJECT, CANNOT_TELL), text=True, guideline=q.guideline),
    "choose": lambda q: Form(
        "choose", (REJECT, CANNOT_TELL), choice=True, text=True, guideline=q.guideline
    ),
    "rate": lambda q: Form("rate", (), axes=q._axes(), guideline=q.guideline),
    "moments": lambda q: Form(
        "moments", (REJECT, CANNOT_TELL), guideline=q.guideline,
        timeline=TimelinePart(q.labels or ("moment",), q.grid_s, q.budget, least=1),
    ),
    "saliency": lambda q: Form(
        "saliency", _WHOLE, guideline=q.guideline,
        timeline=TimelinePart(grade=next(iter(q.axes.values())) if q.axes else _SALIENCE),
    ),
    "spans": lambda q: Form(
        "spans", _WHOLE, timeline=TimelinePart(budget=q.budget, least=1, inside=True), guideline=q.guideline
    ),
    "tags": lambda q: Form("tags", _WHOLE, tags=True, guideline=q.guideline),
    "cuts": lambda q: Form("cuts", _WHOLE, timeline=TimelinePart(("cut",), points=True), guideline=q.guideline),
    "boxes": lambda q: Form("boxes", _WHOLE, boxes=q.labels, guideline=q.guideline),
    "slots": lambda q: Form("slots", _WHOLE, slots=q._slots(), guideline=q.guideline),
    "events": lambda q: Form(
        "events", _WHOLE, timeline=TimelinePart(q.labels or ("event",), text=True, least=1), guideline=q.guideline
    ),
}  # fmt: skip
