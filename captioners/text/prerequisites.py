"""Whether the steps before write what a teacher reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...engine.contract.errors import UserError
from ...engine.contract.step import MultiOutput, Step, writes
from ...schemas import Caption, Evidence, Frame, Row, Segment, Video

MAKERS: dict[type[Row], str] = {
    Evidence: "captioners.evidence",
    Segment: "builders.speech or builders.transcripts",
    Video: "a source such as builders.folder",
    Frame: "builders.scan",
    Caption: "captioners.teacher before it",
}


def check_needs(reader: str, needs: Mapping[type[Row], str], earlier: Sequence[Step]) -> None:
    """Raise ``UserError`` for a table that no earlier step writes; ``needs`` says what to leave out instead."""
    written = {row for step in earlier for row in _writes(step)}
    for row, instead in needs.items():
        if row not in written:
            raise UserError(
                f"{reader} reads {row.table}, and no step before it writes them",
                f"add {MAKERS[row]}, or leave {instead}",
            )


def _writes(step: Step) -> Iterator[type[Row]]:
    """The row types that a step writes."""
    if isinstance(step, MultiOutput):
        yield from (part.out for part in step.parts())
    elif (row := writes(type(step))) is not None:
        yield row
