"""Captions by a score: those above a threshold, the best share of all, or the best so many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.measures import check_score
from ..engine.contract.step import Cost, Drop, Global, Step, StepContext
from ..engine.storage.files import write_json
from ..schemas import Caption, Col, Score
from .scoring.quantiles import pair_share, score_threshold

if TYPE_CHECKING:
    import duckdb

REPORT_FILE = "top_scores.json"


class TopScoresInput(NamedTuple):
    """A caption, and what was measured of it."""

    caption: Caption
    scores: list[Score]


@dataclass(frozen=True)
class TopScores(Global[TopScoresInput, Drop]):
    """Keep the captions whose score is high enough; a clip that loses all of them has no caption left.

    One of three says what is enough: ``threshold``; ``quantile``, the share of all captions that stay; or ``pairs``,
    how many stay. HowToCaption (arXiv:2310.04900) keeps 25,000,000 pairs: of the similarities of 5,000 videos drawn at
    random it takes the quantile that so many of all captions lie above (``sample_videos: 5000``). With
    ``sample_videos: 0`` all captions count, and ``pairs`` keeps exactly so many; of equal scores those with the lower
    ids. What was found is in ``top_scores.json`` in the step's folder. Reasons: ``low_score``, ``not_measured``.
    """

    score: Annotated[str, Col("the score's name")] = "alignment"
    threshold: Annotated[float | None, Col("captions with at least this score stay")] = None
    quantile: Annotated[float | None, Col("share of the captions that stays", low=0, high=1)] = None
    pairs: Annotated[int, Col("number of captions that stay; 0: not asked", low=0)] = 0
    sample_videos: Annotated[int, Col("videos whose scores set the threshold; 0: all", low=0)] = 0
    seed: Annotated[int, Col("seed of that sample")] = 0

    cost: ClassVar[Cost] = "cpu"

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a score that nothing before it measures, and where not one of three limits is given."""
        check_score("filters.top_scores.score", self.score, earlier)
        if sum((self.threshold is not None, self.quantile is not None, self.pairs > 0)) != 1:
            raise UserError(
                "filters.top_scores takes one limit: `threshold`, `quantile` or `pairs`", "for example quantile: 0.5"
            )

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """The captions that leave, by id."""
        db.execute(_MEASURED, {"score": self.score})
        exact = self.pairs if self.pairs and not self.sample_videos else None
        threshold = None if exact else self._threshold(db)
        write_json(context.folder() / REPORT_FILE, {"score": self.score, "threshold": threshold, "pairs": exact})
        cursor = db.execute(_LEAVING, {"threshold": threshold, "pairs": exact})
        while found := cursor.fetchmany(4096):
            for caption_id, video_id, value in found:
                if value is None:
                    yield Drop(caption_id, video_id, "not_measured", self.score)
                else:
                    yield Drop(caption_id, video_id, "low_score", f"{self.score} {value:g}")

    def _threshold(self, db: duckdb.DuckDBPyConnection) -> float:
        if self.threshold is not None:
            return self.threshold
        [(total,)] = db.execute("SELECT count(*) FROM _measured WHERE value IS NOT NULL").fetchall()
        share = self.quantile if self.quantile is not None else pair_share(self.pairs, total)
        values = db.execute(_SAMPLE, {"seed": self.seed, "videos": self.sample_videos}).fetchnumpy()["value"]
        return score_threshold(values, share)


_MEASURED = """
CREATE TEMP TABLE _measured AS
SELECT c.caption_id, any_value(c.video_id) AS video_id, max(CASE WHEN isnan(value) THEN NULL ELSE value END) AS value
FROM captions c LEFT JOIN (SELECT caption_id, value FROM scores WHERE name = $score AND caption_id IS NOT NULL) s
    USING (caption_id) GROUP BY c.caption_id"""
_SAMPLE = """
SELECT value FROM _measured WHERE value IS NOT NULL AND ($videos = 0 OR video_id IN (
    SELECT video_id FROM (SELECT DISTINCT video_id FROM _measured) ORDER BY md5($seed || video_id), video_id
    LIMIT CASE WHEN $videos = 0 THEN 1 ELSE $videos END))"""
_LEAVING = """
SELECT caption_id, video_id, value FROM (
    SELECT *, row_number() OVER (ORDER BY value DESC NULLS LAST, caption_id) AS place FROM _measured
) WHERE value IS NULL OR value < $threshold OR place > $pairs ORDER BY caption_id"""
