"""Clips whose vectors are nearly the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.step import Drop, Global, StepContext
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..schemas import Clip, Col, Embedding
from .clusters.components import Components, keepers
from .diversity.cosine import cosine_pairs

if TYPE_CHECKING:
    import duckdb

_FETCHED = 4096


class SimilarInput(NamedTuple):
    """A clip, and the vectors of clips and captions (and all others)."""

    clip: Clip
    embeddings: list[Embedding]


@dataclass(frozen=True)
class Similar(Global[SimilarInput, Drop]):
    """Of clips whose vectors are alike, one stays: the longest, then the first by id.

    Two clips are alike if the cosine of their vectors is ``threshold`` or more; a clip that is like one of a group
    belongs to it. All pairs are compared, exactly. What a cosine means depends on the encoder: look at some pairs
    before you choose. Vectors of clips also find pictures that were cropped, drawn over or filmed anew, which
    ``filters.duplicates`` misses; the first by id counts where a clip has several. Reason: ``similar``.
    """

    threshold: Annotated[float, Col("cosine from which on two clips are alike", low=0, high=1)]
    of: Annotated[str, Col("whose vectors are compared", choices=("clips", "captions"))] = "clips"
    encoder: Annotated[
        str, Col("whose vectors to read: `Embedding.model`, or its name without version; empty: the only one's")
    ] = ""
    within_video: Annotated[bool, Col("compare the clips of one video with each other too")] = False

    memory_mb = 4000

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """A verdict for every clip but one of each group, in order of their ids.

        Raises:
            UserError: there are no vectors, or of several encoders, and none is named.
        """
        if not db.execute("SELECT 1 FROM clips LIMIT 1").fetchall():
            return
        clips, seconds, vectors = _read(db, self._model(db), _OF[self.of])
        _, video = np.unique(np.array([video for _, video in clips], np.str_), return_inverse=True)
        groups = Components(len(clips))
        for pairs in cosine_pairs(vectors, self.threshold):
            fit = np.ones(len(pairs.one), bool) if self.within_video else video[pairs.one] != video[pairs.other]
            groups.join(pairs.one[fit], pairs.other[fit])
        keeper = keepers(groups.labels(), -seconds)
        for at in np.flatnonzero(keeper != np.arange(len(clips))).tolist():
            yield Drop(*clips[at], "similar", f"to {clips[keeper[at]][0]}")

    def _model(self, db: duckdb.DuckDBPyConnection) -> str:
        found = db.execute(f"SELECT DISTINCT model FROM embeddings e WHERE {_OF[self.of]} ORDER BY model").fetchall()
        try:
            return choose_model((str(model) for (model,) in found), self.encoder, f"filters.similar: {self.of}")
        except VectorChoiceError as error:
            maker = "captioners.clip_embeddings" if self.of == "clips" else "captioners.text_embeddings"
            raise UserError(str(error), "" if found else f"add {maker} before it") from None


def _read(db: duckdb.DuckDBPyConnection, model: str, of: str) -> tuple[list[tuple[str, str]], Any, Any]:
    """Clips (their ids and their videos') in order, their lengths, and their vectors, ``(N, D)`` float16."""
    found = db.execute(_QUERY.format(of), [model])
    clips, seconds, parts = list[tuple[str, str]](), list[float](), list[Any]()
    while rows := found.fetchmany(_FETCHED):
        clips += [(str(clip), str(video)) for clip, video, _, _ in rows]
        seconds += [float(length) for _, _, length, _ in rows]
        parts.append(np.array([vector for *_, vector in rows], np.float16))
    return clips, np.array(seconds), np.concatenate(parts) if parts else np.zeros((0, 1), np.float16)


_OF = {"clips": "e.caption_id IS NULL AND e.clip_id IS NOT NULL", "captions": "e.caption_id IS NOT NULL"}
_QUERY = """
SELECT c.clip_id, c.video_id, round(c.end_s - c.start_s, 3), e.vector
FROM clips c JOIN embeddings e ON e.clip_id = c.clip_id AND e.model = ? WHERE {}
QUALIFY row_number() OVER (PARTITION BY c.clip_id ORDER BY e.embedding_id) = 1 ORDER BY c.clip_id
"""
