"""Choosing one caption per clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, NamedTuple

from ..engine.contract.errors import UserError, nearest
from ..engine.contract.step import Split, Step
from ..schemas import Caption, Clip, Col, Score
from .text.ids import caption_id, is_fake

_BUILT_IN = ("longest", "first")


class Candidates(NamedTuple):
    """A clip, its captions, and what was measured of them."""

    clip: Clip
    captions: list[Caption]
    scores: list[Score] = []


class Rank(NamedTuple):
    """How a caption is ordered among its rivals; the smallest wins."""

    by_machine: bool
    fake: bool
    unmeasured: bool
    minus_value: float
    preference: int
    caption_id: str


@dataclass(frozen=True)
class Select(Split[Candidates, Caption]):
    """Choose the best caption of each clip; later steps read only the chosen.

    The others stay in their own tables, with their scores. What a person corrected comes before all others. A caption
    without the score comes after all that have it; a dry run's caption comes after every real one. Among equals the
    teacher that ``prefer`` names first wins, then the smaller id.
    """

    version = 2
    cost = "row"
    batch = 512
    narrows = True

    by: Annotated[str, Col("the score that decides, `longest` (characters) or `first` (in the order of `prefer`)")] = (
        "conse"
    )
    prefer: Annotated[list[str], Col("teachers, the one to prefer first")] = field(default_factory=list)
    minimum: Annotated[float | None, Col("a caption below this, or without the score, is not chosen")] = None

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a score that no earlier step measures."""
        measured = [name for step in earlier for name in step.measures]
        known = (*dict.fromkeys(measured), *_BUILT_IN)
        if self.by not in known:
            raise UserError(
                f"captioners.select.by is {self.by}, which no step before it measures{nearest(self.by, known)}",
                f"it can be {', '.join(known)}, or add a step that measures {self.by}",
            )
        if self.by == "first" and self.minimum is not None:
            raise UserError("captioners.select has a minimum, and by: first measures nothing")

    def process(self, row: Candidates) -> list[Caption]:
        """The one caption that is chosen, or none."""
        values = {s.caption_id: s.value for s in row.scores if s.name == self.by}
        whole = (c for c in row.captions if c.kind != "differential")  # those tell of a moment
        able = [c for c in whole if self._is_enough(self._value(c, values))]
        if not able:
            return []
        chosen = min(able, key=lambda c: self._rank(c, self._value(c, values)))
        own = [chosen.caption_id]
        made = caption_id(self, row.clip.clip_id, chosen.teacher, "choice", own)
        corrected = chosen.parents if chosen.kind == "edit" else []  # what people were asked about
        return [replace(chosen, caption_id=made, kind="choice", parents=[*own, *corrected])]

    def _value(self, caption: Caption, values: Mapping[str | None, float]) -> float | None:
        if self.by == "longest":
            return float(len(caption.text))
        return 0.0 if self.by == "first" else values.get(caption.caption_id)

    def _is_enough(self, value: float | None) -> bool:
        return self.minimum is None or (value is not None and value >= self.minimum)

    def _rank(self, caption: Caption, value: float | None) -> Rank:
        preference = self.prefer.index(caption.teacher) if caption.teacher in self.prefer else len(self.prefer)
        return Rank(
            caption.kind != "edit", is_fake(caption), value is None, -(value or 0.0), preference, caption.caption_id
        )
