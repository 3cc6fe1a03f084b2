"""Sentences of a transcript that somebody said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from ..engine.contract.step import Filter
from ..schemas import Col, Segment

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Transcript(Filter[Segment]):
    """Drop what a speech model probably made up: its loops, and its texts of silence and noise.

    The limits are those of ``Segment.doubt`` unless others are given; null switches one off. What has no such
    measure, as subtitles, stays. Reasons: ``repetition``, ``no_speech``, ``compression``, ``log_prob``.
    """

    depends_on = ("repetition", "no_speech", "compression", "log_prob")

    max_repetition: Annotated[
        float | None, Col("largest share of words said for the fourth time in a row or more often", low=0, high=1)
    ] = 0.5
    max_no_speech: Annotated[float | None, Col("highest probability of no speech", low=0, high=1)] = 0.6
    sure_log_prob: Annotated[float, Col("a text likelier than this stays, whatever its no_speech", high=0)] = -0.5
    max_compression: Annotated[float | None, Col("highest zlib ratio of the text around it", low=0)] = 2.4
    min_log_prob: Annotated[float | None, Col("lowest mean log probability of the tokens", high=0)] = -1.0

    def table_columns(self) -> Sequence[str]:
        """The measures."""
        return self.depends_on

    def drop_table(self, table: pa.Table) -> pa.Array:
        """As ``drop``, for many sentences at once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        def above(left: Any, right: Any) -> pa.Array:  # null: not known, and so not above
            return pc.fill_null(pc.greater(left, right), False)

        limits = {name: pa.scalar(value, pa.float64()) for name, value in vars(self).items()}
        repetition, no_speech, compression, log_prob = (table.column(name).combine_chunks() for name in self.depends_on)
        doubtful = (
            ("repetition", above(repetition, limits["max_repetition"])),
            (
                "no_speech",
                pc.and_not(above(no_speech, limits["max_no_speech"]), above(log_prob, limits["sure_log_prob"])),
            ),
            ("compression", above(compression, limits["max_compression"])),
            ("log_prob", above(limits["min_log_prob"], log_prob)),
        )
        reasons = pa.nulls(len(table), pa.string())
        for reason, which in reversed(doubtful):
            reasons = pc.if_else(which, reason, reasons)
        return reasons

    def drop(self, row: Segment) -> str | None:
        """Its measures against the limits."""
        if _above(row.repetition, self.max_repetition):
            return "repetition"
        if _above(row.no_speech, self.max_no_speech) and not _above(row.log_prob, self.sure_log_prob):
            return "no_speech"
        if _above(row.compression, self.max_compression):
            return "compression"
        return "log_prob" if _above(self.min_log_prob, row.log_prob) else None


def _above(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit
