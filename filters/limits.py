"""Clips by a score, within limits that follow from its spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.measures import check_score
from ..engine.contract.step import Drop, Global, Step, StepContext
from ..engine.storage.files import write_json
from ..schemas import Caption, Clip, Col, Score
from .scoring.limits import Limits, percentile_limits, sigma_limits

if TYPE_CHECKING:
    import duckdb

REPORT_FILE = "limits.json"


class LimitsInput(NamedTuple):
    """A clip, its captions, and what was measured."""

    clip: Clip
    captions: list[Caption] = []
    scores: list[Score] = []


@dataclass(frozen=True)
class LimitsStep(Global[LimitsInput, Drop]):
    """Keep clips whose score lies within limits that the data set: percentiles, or so many standard deviations.

    Of several scores of one name a clip has the highest. ``limits.json`` in the step's folder says which numbers were
    found; take them into ``filters.keep`` where a later build shall have the same. Reasons: ``too_low``, ``too_high``,
    ``not_measured``.
    """

    score: Annotated[str, Col("the score's name")]
    low_percentile: Annotated[float, Col("clips below this percentile leave", low=0, high=100)] = 0.0
    high_percentile: Annotated[float, Col("clips above this percentile leave", low=0, high=100)] = 100.0
    sigmas: Annotated[float | None, Col("standard deviations from the mean within which clips stay", low=0)] = None
    robust: Annotated[bool, Col("median and median distance in place of mean and standard deviation")] = False
    keep_unmeasured: Annotated[bool, Col("clips without the score stay")] = False

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a score that nothing before it measures, and where nothing or no clip could leave."""
        check_score("filters.limits.score", self.score, earlier)
        if self.sigmas is None and self.low_percentile <= 0 and self.high_percentile >= 100:
            raise UserError("filters.limits has nothing to do", "give low_percentile, high_percentile or sigmas")
        if self.low_percentile > self.high_percentile:
            said = f"low_percentile is {self.low_percentile:g}, more than high_percentile, {self.high_percentile:g}"
            raise UserError(f"filters.limits: {said}")

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """Find the limits, write them down, and drop what is outside, by clip id."""
        found = db.execute(_QUERY, {"score": self.score}).fetchall()
        values = np.array([value for *_, value in found if value is not None and not np.isnan(value)], np.float64)
        limits = percentile_limits(values, self.low_percentile, self.high_percentile)
        if self.sigmas is not None:
            other = sigma_limits(values, self.sigmas, self.robust)
            limits = Limits(max(limits.low, other.low), min(limits.high, other.high))
        told = {name: value if np.isfinite(value) else None for name, value in limits._asdict().items()}
        write_json(context.folder() / REPORT_FILE, {"score": self.score, "measured": len(values), **told})
        for clip_id, video_id, value in found:
            if reason := self._reason(value, limits):
                yield Drop(str(clip_id), str(video_id), reason, self.score if value is None else f"{value:g}")

    def _reason(self, value: float | None, limits: Limits) -> str:
        if value is None or np.isnan(value):
            return "" if self.keep_unmeasured else "not_measured"
        if value < limits.low:
            return "too_low"
        return "too_high" if value > limits.high else ""


_QUERY = """
SELECT c.clip_id, c.video_id, max(s.value) FROM clips c
LEFT JOIN scores s ON s.clip_id = c.clip_id AND s.name = $score GROUP BY ALL ORDER BY c.clip_id
"""
