"""The second round of an alignment: text vectors fitted to the pairs of the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.step import Cost, Global, Step, StepContext
from ..engine.storage.files import write_json
from ..schemas import Caption, Clip, Col, Embedding
from .align import Align
from .alignment.refit import PairSums, apply_map, fit_map

if TYPE_CHECKING:
    import duckdb

REPORT_FILE = "refit.json"
_BATCH_ROWS = 4096
_PAIRS_AT_ONCE = 512
_ENDING = "_refit"


class RefitInput(NamedTuple):
    """Aligned captions, their clips, and the vectors of frames and of the captions before they were aligned."""

    caption: Caption
    clip: Clip
    embeddings: list[Embedding]


class _TextMap(NamedTuple):
    """The map of one encoder's texts."""

    mean: Any
    map: Any


@dataclass(frozen=True)
class Refit(Global[RefitInput, Embedding]):
    """Fit the vectors of captions to the clips that ``captioners.align`` put them to, for a second round.

    Reads the pairs of the first round that filters left, and the vectors that it was made with; a clip's vector is the
    mean of its frames'. Of each encoder the texts' vectors are mapped so that they come nearest to their clips, by
    ridge regression towards the identity, and written again beside the first ones. A second ``captioners.align`` that
    reads both (``from:``) adds both similarities up, as HowToCaption does with an encoder that was trained on the pairs
    (arXiv:2310.04900); with vectors of such an encoder no refit is needed. ``refit.json`` in the step's folder says on
    how many pairs each map was fitted.
    """

    ridge: Annotated[float, Col("how strongly the map is drawn to the identity", low=0)] = 0.1

    cost: ClassVar[Cost] = "cpu"
    memory_mb = 1000

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` where nothing was aligned."""
        if not any(isinstance(step, Align) for step in earlier):
            raise UserError("captioners.refit learns from aligned captions", "add captioners.align before it")

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Embedding]:
        """The vectors of all captions, once more, in the order of their ids."""
        sums = self._sums(db)
        fitted = {name: _TextMap(one.text_mean(), fit_map(one, self.ridge)) for name, one in sums.items()}
        report = [{"model": name, "pairs": one.count} for name, one in sorted(sums.items())]
        write_json(context.folder() / REPORT_FILE, {"maps": report})
        cursor = db.execute(_TEXTS)
        while found := cursor.fetchmany(_BATCH_ROWS):
            for model, some in groupby(found, key=lambda row: str(row[2])):
                if model in fitted:
                    yield from _refitted(model, list(some), fitted[model])

    def _sums(self, db: duckdb.DuckDBPyConnection) -> dict[str, PairSums]:
        """By encoder; pairs of which no frame is stored, or whose vectors do not fit, are passed over."""
        sums: dict[str, PairSums] = {}
        cursor = db.execute(_PAIRS)
        while found := cursor.fetchmany(_PAIRS_AT_ONCE):
            for model, some in groupby(found, key=lambda row: str(row[0])):
                pairs = [(text, np.mean(frames, axis=0)) for _, text, frames in some if len(text) == len(frames[0])]
                if pairs:
                    one = sums.setdefault(model, PairSums(len(pairs[0][0])))
                    one.add(np.array([text for text, _ in pairs]), np.array([clip for _, clip in pairs]))
        return sums


def _refitted(model: str, rows: Sequence[Any], fitted: _TextMap) -> Iterator[Embedding]:
    vectors = apply_map(np.array([row[5] for row in rows], np.float32), *fitted)
    for (key, video_id, _, clip_id, caption_id, _), vector in zip(rows, vectors, strict=True):
        yield Embedding(f"{key}{_ENDING}", video_id, model, vector, clip_id, caption_id=caption_id)


_PAIRS = r"""
WITH pairs AS (
    SELECT e.model, e.vector, c.caption_id, e.embedding_id, c.video_id, k.start_s, k.end_s
    FROM captions c JOIN clips k USING (clip_id) JOIN embeddings e ON e.caption_id = c.parents[1]
), frames AS (
    SELECT video_id, model, try_cast(regexp_extract(frame_id, '_(\d+)$', 1) AS BIGINT) AS time_ms, vector
    FROM embeddings WHERE frame_id IS NOT NULL AND clip_id IS NULL AND caption_id IS NULL
)
SELECT p.model, any_value(p.vector), list(f.vector ORDER BY f.time_ms)
FROM pairs p JOIN frames f ON f.video_id = p.video_id AND f.model = p.model
    AND f.time_ms >= round(p.start_s * 1000) AND f.time_ms < round(p.end_s * 1000)
GROUP BY p.model, p.caption_id, p.embedding_id ORDER BY p.model, p.caption_id, p.embedding_id"""
_TEXTS = """
SELECT embedding_id, video_id, model, clip_id, caption_id, vector FROM embeddings
WHERE caption_id IS NOT NULL ORDER BY embedding_id"""
