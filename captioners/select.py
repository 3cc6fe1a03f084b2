"""Choosing one caption per clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, NamedTuple

from ..engine.contract.errors import UserError, nearest
from ..engine.contract.step import Drop, Split, Step
from ..schemas import Caption, Clip, Col, Score
from .text.description import is_description
from .text.ids import caption_id, is_fake

_BUILT_IN = ("longest", "first")
_GIVEN = ("source", "edit")  # kinds of what people wrote: it is taken as it is


class SelectInput(NamedTuple):
    """A clip, its captions, and what was measured of them."""

    clip: Clip
    captions: list[Caption]
    scores: list[Score] = []


class Rank(NamedTuple):
    """How a caption is ordered among its rivals; the smallest wins."""

    by_machine: bool
    fake: bool
    spoken: bool
    unmeasured: bool
    minus_value: float
    preference: int
    caption_id: str


@dataclass(frozen=True)
class Select(Split[SelectInput, Caption]):
    """Choose the best caption of each clip; later steps read only the chosen.

    The others stay in their own tables, with their scores. What describes nothing is never chosen: a word or two, a few
    words in capitals, a question. What a person corrected comes before all others. A caption of a teacher that tells
    what is said, or what the clip is called, comes after all that tell what it shows, unless ``prefer`` names that
    teacher; one without the score after all that have it; a dry run's after every real one. Among equals the teacher
    that ``prefer`` names first wins, then the smaller id. A clip none of whose captions can be chosen has a verdict
    (``no_description``, ``below_minimum``) and stays in the build.
    """

    version = 3
    cost = "row"
    batch = 512
    replaces_inputs = True

    by: Annotated[str, Col("the score that decides, `longest` (characters) or `first` (in the order of `prefer`)")] = (
        "conse"
    )
    prefer: Annotated[list[str], Col("teachers, the one to prefer first")] = field(default_factory=list)
    minimum: Annotated[float | None, Col("a caption below this, or without the score, is not chosen")] = None
    spoken: Annotated[list[str], Col("teachers that are not visual: chosen only where no other caption can be")] = (
        field(default_factory=lambda: ["speech", "title", "sound"])
    )

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

    def process(self, row: SelectInput) -> list[Caption | Drop]:
        """The one caption that is chosen, or why none is; nothing where there is none to choose from."""
        values = {s.caption_id: s.value for s in row.scores if s.name == self.by}
        whole = [c for c in row.captions if c.kind != "differential"]  # those tell of a moment
        described = [c for c in whole if c.kind in _GIVEN or is_description(c.text, c.language)]
        able = [c for c in described if self._is_enough(self._value(c, values))]
        if whole and not able:
            reason = "below_minimum" if described else "no_description"
            return [Drop(row.clip.clip_id, row.clip.video_id, reason, "; ".join(repr(c.text) for c in whole))]
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
        spoken = caption.teacher in self.spoken and caption.teacher not in self.prefer
        by_machine, fake = caption.kind != "edit", is_fake(caption)
        return Rank(by_machine, fake, spoken, value is None, -(value or 0.0), preference, caption.caption_id)
