"""Captions as people left them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..engine.contract.options import digest
from ..engine.contract.step import Drop, Global, StepContext
from ..schemas import Caption, Review
from .tasks.outcome import MOMENT, Correction, Decision, Rules, Text, outcomes

if TYPE_CHECKING:
    import duckdb


class EditsInput(NamedTuple):
    """A caption, and what people said of it or of its clip."""

    caption: Caption
    reviews: list[Review]


@dataclass(frozen=True)
class Edits(Rules, Global[EditsInput, Caption]):
    """Put people's corrections in the place of the captions that they corrected, and drop what they turned down.

    ``annotation.review`` does this by itself; this step is for one with ``apply: false``. A caption that more people
    reject than accept or edit is dropped (``rejected``). One that at least as many edit as accept (``edited``) is
    replaced by the text that most of them wrote, the first person's by name among equals. With ``kind: choose``
    captions that fewer people chose leave (``not_chosen``), and a text that someone wrote without a choice stands
    for itself. Corrections have the kind ``edit``; they are measured as the captions before them were.
    """

    cost = "io"
    corrects = True

    def drops(self) -> bool:
        """It does, though it writes rows."""
        return True

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Caption | Drop]:
        """The corrections, and the captions that leave, by clip."""
        for one in outcomes(db, self):
            dropped = sorted(one.outcome.dropped.items())
            yield from (Drop(caption_id, one.video_id, reason) for caption_id, reason in dropped)
            yield from (_caption(one, correction) for correction in one.outcome.written)


def _caption(of: Decision, correction: Correction) -> Caption:
    """A correction as a caption. Who wrote it stands in the reviews alone."""
    own = Text("", "", language=of.texts[0].language)
    model = next((text for text in of.texts if text.caption_id == correction.parent), own)
    parents = [correction.parent] if correction.parent else []
    teacher, kind = (model.teacher, MOMENT) if model.kind == MOMENT else ("person", "edit")  # moments stay together
    return Caption(
        f"{of.clip_id}_person_{digest('edit', parents, correction.text)[:8]}", of.video_id, of.clip_id, teacher, kind,
        correction.text, parents, model="person", revision="1",
        language=model.language, start_s=model.start_s, end_s=model.end_s,
    )  # fmt: skip
