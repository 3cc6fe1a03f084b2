"""Clips whose captions are unlike each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.step import Drop, Global, StepContext
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..schemas import Caption, Clip, Col, Embedding
from .diversity.greedy import Floats, greedy

if TYPE_CHECKING:
    import duckdb

_FETCHED = 4096


class DiverseInput(NamedTuple):
    """A clip, its captions, and their vectors (and all others)."""

    clip: Clip
    captions: list[Caption]
    embeddings: list[Embedding]


@dataclass(frozen=True)
class Diverse(Global[DiverseInput, Drop]):
    """Fill a pool with clips in order of their ids: one stays if no caption in the pool is as like as ``threshold``.

    As ShareGPT4Video was gathered (Chen et al. 2024, arXiv:2406.04325: one-sentence captions by Panda-70M's student,
    class tokens of bert-base-uncased). Its threshold was never published, and means something else for each encoder:
    look at the pairs that leave before you choose. The result is exactly that of comparing every clip with the whole
    pool. Of several captions of a clip the first by id is compared; captions of single frames are not. A clip without
    a vector stays, and is compared with none. Reason: ``similar``.
    """

    threshold: Annotated[float, Col("a clip leaves at this cosine with one of the pool, or above", low=0, high=1)]
    encoder: Annotated[
        str, Col("whose vectors to read: `Embedding.model`, or its name without version; empty: the only one's")
    ] = ""

    memory_mb = 1500

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """A verdict for every clip that is like one before it, in order of their ids.

        Raises:
            UserError: no captions have vectors, or of several encoders, and none is named.
        """
        if not db.execute("SELECT 1 FROM clips LIMIT 1").fetchall():
            return
        clips, vectors = _read(db, self._model(db))
        like = greedy(vectors, self.threshold)
        for at in np.flatnonzero(like >= 0).tolist():
            (clip_id, video_id), (other, _) = clips[at], clips[like[at]]
            cosine = _cosine(vectors[at], vectors[like[at]])
            yield Drop(clip_id, video_id, "similar", f"{cosine:.4f} with {other}")

    def _model(self, db: duckdb.DuckDBPyConnection) -> str:
        found = db.execute(
            "SELECT DISTINCT model FROM embeddings WHERE caption_id IS NOT NULL ORDER BY model"
        ).fetchall()
        try:
            return choose_model((str(model) for (model,) in found), self.encoder, "filters.diverse: captions")
        except VectorChoiceError as error:
            hint = "" if found else "add captioners.text_embeddings before it"
            raise UserError(str(error), hint) from None


def _read(db: duckdb.DuckDBPyConnection, model: str) -> tuple[list[tuple[str, str]], Floats]:
    """Clips (their ids and their videos') in order, and the vectors of their captions, ``(N, D)``."""
    found = db.execute(_QUERY, [model])
    clips: list[tuple[str, str]] = []
    parts: list[Floats] = []
    while rows := found.fetchmany(_FETCHED):
        clips += [(str(clip), str(video)) for clip, video, _ in rows]
        parts.append(np.array([vector for _, _, vector in rows], np.float32))
    return clips, np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)


def _cosine(one: Floats, other: Floats) -> float:
    a, b = one.astype(np.float64), other.astype(np.float64)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


_QUERY = """
SELECT c.clip_id, c.video_id, e.vector
FROM clips c JOIN captions t USING (clip_id) JOIN embeddings e ON e.caption_id = t.caption_id AND e.model = ?
WHERE t.kind <> 'differential' AND t.start_s IS NULL
QUALIFY row_number() OVER (PARTITION BY c.clip_id ORDER BY t.caption_id, e.embedding_id) = 1
ORDER BY c.clip_id
"""
