"""Captions that are repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from ..engine.contract.step import Drop, Global, StepContext
from ..schemas import Caption, Clip, Col, Frame
from ..schemas.ids import SAME_TIME_S
from .clusters.components import Components, keepers
from .texts.minhash import near_texts

if TYPE_CHECKING:
    import duckdb


class RepeatsInput(NamedTuple):
    """A caption, its clip, and the frames of its video."""

    caption: Caption
    clip: Clip
    frames: list[Frame] = []


@dataclass(frozen=True)
class Repeats(Global[RepeatsInput, Drop]):
    """Drop captions whose text is said too often, and the second of captions with the same text and the same picture.

    COYO-700M's last two rules (https://github.com/kakaobrain/coyo-dataset): a text that occurs more than ``max_times``
    leaves everywhere; of rows with one perceptual hash and one text the first by id stays. The picture is a clip's
    first frame.
    With ``near`` captions whose words are nearly the same are the same too: their runs of ``words`` words are compared
    (MinHash, then exactly), and the longest of a group stays. Reasons: ``too_frequent``, ``same_pair``, ``near_text``.
    """

    max_times: Annotated[int | None, Col("a text that more captions have leaves; null: no limit", low=1)] = 10
    pairs: Annotated[bool, Col("keep one of the captions with the same picture and the same text")] = True
    near: Annotated[
        float | None, Col("share of runs of words that nearly equal texts have in common; null: off", low=0.3, high=1)
    ] = None
    words: Annotated[int, Col("words of a run", low=1, high=10)] = 3

    memory_mb = 2000

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """Verdicts, in order of the captions' ids."""
        found = db.execute(_QUERY).fetchall()
        limit = len(found) if self.max_times is None else self.max_times
        reasons = [
            "too_frequent" if times > limit else "same_pair" if self.pairs and phash and place > 1 else ""
            for *_, times, place, phash in found
        ]
        if self.near is not None:
            self._judge_near([str(row[2]) for row in found], reasons, self.near)
        for (caption_id, video_id, *_), reason in zip(found, reasons, strict=True):
            if reason:
                yield Drop(str(caption_id), str(video_id), reason)

    def _judge_near(self, texts: list[str], reasons: list[str], near: float) -> None:
        left = [at for at, reason in enumerate(reasons) if not reason]
        groups = Components(len(left))
        groups.join(*near_texts([texts[at] for at in left], near, self.words))
        length: Any = -np.array([len(texts[at]) for at in left], np.int64)
        for place, keeper in enumerate(keepers(groups.labels(), length).tolist()):
            if keeper != place:
                reasons[left[place]] = "near_text"


_QUERY = f"""
WITH pictures AS (
    SELECT clip_id, arg_min(phash, time_s) AS phash FROM clips JOIN frames USING (video_id)
    WHERE time_s >= start_s - {SAME_TIME_S} AND (time_s < end_s - {SAME_TIME_S} OR time_s = start_s) GROUP BY clip_id
)
SELECT caption_id, video_id, text, count(*) OVER (PARTITION BY text) AS times,
    row_number() OVER (PARTITION BY text, phash ORDER BY caption_id) AS place, phash
FROM captions LEFT JOIN pictures USING (clip_id) ORDER BY caption_id
"""
