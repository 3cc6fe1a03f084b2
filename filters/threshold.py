"""Clips by a score, with a threshold that people's ratings set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.measures import check_score
from ..engine.contract.step import Drop, Global, Step, StepContext
from ..engine.storage.files import write_json
from ..models.people.thresholds import RatedScore, ScoreThreshold, lowest_threshold
from ..schemas import Caption, Clip, Col, Review, Score

if TYPE_CHECKING:
    import duckdb

REPORT_FILE = "threshold.json"


class ThresholdInput(NamedTuple):
    """A clip, its captions, what was measured, and what people said."""

    clip: Clip
    captions: list[Caption]
    scores: list[Score]
    reviews: list[Review]


@dataclass(frozen=True)
class Threshold(Global[ThresholdInput, Drop]):
    """Keep clips whose score is as high as those that people found good.

    The threshold is the lowest value of the score at and above which at least ``precision`` of the captions that
    people rated are good, with ``confidence``. It comes of the grades of an `annotation.review` before it
    (``kind: rate``), where a caption is good whose mean grade on ``axis`` is at least ``good_from``; or, with no
    ``axis``, of its verdicts (``kind: judge`` or ``edit``, ``apply: false``), where one is good that more people accept
    than not. A clip has the highest score of its captions, of those they were chosen or made from, and of itself.
    ``threshold.json`` in the step's folder says what was learned. Reasons: ``below_threshold``, ``not_measured``.
    """

    score: Annotated[str, Col("the score's name")]
    axis: Annotated[str, Col("the axis whose grades count; empty: verdicts")] = ""
    good_from: Annotated[float, Col("lowest mean grade that is good")] = 4.0
    precision: Annotated[float, Col("share of good ones among what stays", low=0.01, high=1)] = 0.9
    confidence: Annotated[
        float, Col("that it is so, on one side; 0.5 takes the rated ones as they are", low=0.5, high=0.999)
    ] = 0.9

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a score that nothing before it measures."""
        check_score("filters.threshold.score", self.score, earlier)

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """Learn the threshold, write it down, and drop what is below it, by clip id."""
        rated = self._rated(db)
        found = lowest_threshold(rated, self.precision, self.confidence)
        if found is None:
            good = sum(one.is_good for one in rated)
            said = f"no threshold of {self.score} has {self.precision:.0%} good ones above it"
            hint = f"of {len(rated)} rated captions {good} are good: rate more, or ask for less precision or confidence"
            raise UserError(f"filters.threshold: {said} with {self.confidence:.0%} confidence", hint)
        self._report(context, rated, found)
        for clip_id, video_id, value in db.execute(_CLIPS, {"score": self.score}).fetchall():
            if value is None:
                yield Drop(clip_id, video_id, "not_measured", self.score)
            elif value < found.value:
                yield Drop(clip_id, video_id, "below_threshold", f"{self.score} {value:g} < {found.value:g}")

    def _rated(self, db: duckdb.DuckDBPyConnection) -> list[RatedScore]:
        if self.axis:
            values = {"axis": self.axis, "good_from": self.good_from, "score": self.score}
            rows = db.execute(_RATED.format(rated=_GRADES), values).fetchall()
        else:
            rows = db.execute(_RATED.format(rated=_VERDICTS), {"score": self.score}).fetchall()
        if not rows:
            what = f"no grades on {self.axis}" if self.axis else "no verdicts"
            said = f"there are {what} of captions with the score {self.score}"
            raise UserError(f"filters.threshold: {said}", "an annotation.review before it asks for them")
        return [RatedScore(*row) for row in rows]

    def _report(self, context: StepContext, rated: Sequence[RatedScore], found: ScoreThreshold) -> None:
        good = sum(one.is_good for one in rated)
        told = {"score": self.score, "threshold": found.value, "rated": len(rated), "good": good}
        above = {"rated": found.rated, "good": found.good, "share_at_least": round(found.low, 4)}
        write_json(context.folder() / REPORT_FILE, told | {"above": above})


_GRADES = """
SELECT clip_id, caption_id, avg(mark.value) > $good_from - 1e-9 AS is_good
FROM (SELECT clip_id, caption_id, unnest(marks) AS mark FROM reviews WHERE kind = 'rate' AND coalesce(holds, true))
WHERE mark.name = $axis AND mark.value IS NOT NULL GROUP BY ALL"""
_VERDICTS = """
SELECT clip_id, caption_id, count(*) FILTER (verdict = 'accept') > count(*) FILTER (verdict <> 'accept') AS is_good
FROM reviews WHERE kind IN ('judge', 'edit') AND verdict <> 'cannot_tell' AND coalesce(holds, true) GROUP BY ALL"""
_RATED = """
SELECT max(value), any_value(is_good) FROM ({rated}) r LEFT JOIN captions c USING (caption_id)
JOIN scores s ON s.clip_id = r.clip_id AND s.name = $score
    AND (s.caption_id IS NULL OR s.caption_id = r.caption_id OR list_contains(c.parents, s.caption_id))
GROUP BY r.caption_id ORDER BY r.caption_id"""
_CLIPS = """
SELECT clips.clip_id, any_value(clips.video_id), max(value) FROM clips LEFT JOIN (
    SELECT clip_id, list_distinct(flatten(list([caption_id] || parents))) AS family FROM captions GROUP BY clip_id
) f USING (clip_id) LEFT JOIN scores s ON s.clip_id = clips.clip_id AND s.name = $score
    AND (s.caption_id IS NULL OR list_contains(family, s.caption_id))
GROUP BY clips.clip_id ORDER BY clips.clip_id"""
