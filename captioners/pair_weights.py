"""How much each clip or image should count in training, by how its texts agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import UserError
from ..engine.contract.step import Global, StepContext
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..schemas import Caption, Clip, Col, Embedding, Score
from .weights.gates import GateMeans, pair_weights

if TYPE_CHECKING:
    import duckdb

_NAMES = ("alip_sample", "alip_raw", "alip_caption")


class PairWeightsInput(NamedTuple):
    """A clip, its captions, and all vectors."""

    clip: Clip
    captions: list[Caption]
    embeddings: list[Embedding]


@dataclass(frozen=True)
class PairWeightsStep(Global[PairWeightsInput, Score]):
    """Weigh clips by ALIP's gates, from the vectors of a frozen encoder: three scores of each clip.

    Yang et al. 2023 (https://arxiv.org/abs/2308.08428). In training the means are running ones, and a model that learns
    makes the vectors; here the means are those of all clips, so that the weights depend on no order. ``alip_sample`` is
    at most 1; ``alip_raw`` weighs the pair of the clip and its own text, ``alip_caption`` that of the clip and the text
    that a model wrote. Both are 1 where the two texts agree better than the mean. The own text is the first caption of
    the kind ``source``, the other the first that is not. Clips without one of the three vectors have no weights.
    """

    encoder: Annotated[str, Col("whose vectors to read; empty: the only one's")] = ""

    memory_mb = 2000
    measures = _NAMES

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Score]:
        """The weights, in order of the clips' ids.

        Raises:
            UserError: there are no vectors of captions, or of several encoders, and none is named.
        """
        if not db.execute("SELECT 1 FROM clips LIMIT 1").fetchall():
            return
        model = self._model(db)
        rows = db.execute(_QUERY, [model] * 3).fetchall()
        ids = [(str(clip), str(video)) for clip, video, *_ in rows]
        shown, raw, written = (_units([row[at] for row in rows]) for at in (2, 3, 4))
        cosines = [np.einsum("ij,ij->i", a, b) for a, b in ((raw, written), (shown, raw), (shown, written))]
        if not ids:
            return
        means = GateMeans(*(float(values.mean()) for values in cosines))
        weights = pair_weights(means, *cosines)
        for at, (clip_id, video_id) in enumerate(ids):
            for name, values in zip(_NAMES, weights, strict=True):
                value = round(float(values[at]), 6)
                yield Score(f"{clip_id}_{name}", video_id, clip_id, None, name, value, model)

    def _model(self, db: duckdb.DuckDBPyConnection) -> str:
        found = db.execute("SELECT DISTINCT model FROM embeddings WHERE caption_id IS NOT NULL ORDER BY 1").fetchall()
        try:
            return choose_model((str(model) for (model,) in found), self.encoder, "captioners.pair_weights: captions")
        except VectorChoiceError as error:
            raise UserError(str(error), "" if found else "add captioners.text_embeddings before it") from None


def _units(vectors: list[Any]) -> NDArray[np.float64]:
    made = np.array(vectors, np.float64).reshape(len(vectors), -1)
    return np.asarray(made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12))


_TEXT = """
    SELECT c.clip_id, e.vector FROM captions c JOIN embeddings e ON e.caption_id = c.caption_id AND e.model = ?
    WHERE (c.kind = 'source') = {}
    QUALIFY row_number() OVER (PARTITION BY c.clip_id ORDER BY c.caption_id, e.embedding_id) = 1
"""
_QUERY = f"""
SELECT k.clip_id, k.video_id, p.vector, s.vector, w.vector FROM clips k
JOIN (
    SELECT clip_id, vector FROM embeddings WHERE model = ? AND caption_id IS NULL AND clip_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY clip_id ORDER BY embedding_id) = 1
) p ON p.clip_id = k.clip_id
JOIN ({_TEXT.format("true")}) s ON s.clip_id = k.clip_id
JOIN ({_TEXT.format("false")}) w ON w.clip_id = k.clip_id ORDER BY k.clip_id
"""
