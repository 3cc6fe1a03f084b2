"""Vectors of clips from what was seen in them already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ..engine.contract.requirements import Requirement
from ..engine.contract.step import BatchFunction, RowAnswer, Split, StepContext
from ..models.demo import minilm
from ..models.encoders.choice import model_of
from ..models.encoders.conse import Conse
from ..schemas import Embedding, Evidence


@dataclass(frozen=True)
class LabelEmbeddings(Split[Evidence, Embedding]):
    """Put a clip among texts by the ImageNet labels of its evidence, as ``conse`` does: no picture is looked at again.

    The vector is the mean of the ten best labels' names as MiniLM vectors, weighted by probability (Norouzi et al.
    2013, "Zero-shot learning by convex combination of semantic embeddings"). Compare it with ``text_embeddings`` of the
    encoder ``conse``. A clip without labels gets none.
    """

    batch = 64
    depends_on = ("labels",)

    def revision(self) -> str:
        """That of the names' vectors."""
        return Conse.revision

    def requirements(self) -> Sequence[Requirement]:
        """MiniLM; no picture is classified here."""
        return minilm.requirements()

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Evidence, Embedding]]:
        """Load MiniLM (91 MB)."""
        encoder = Conse()
        yield lambda rows: _encode(rows, encoder)


def _encode(rows: Sequence[Evidence], encoder: Conse) -> list[RowAnswer[Embedding]]:
    model, vectors = model_of(encoder), encoder.from_labels([row.labels for row in rows])
    return [
        []
        if vector is None
        else [Embedding(f"{row.clip_id}_{encoder.name}", row.video_id, model, vector.astype(np.float16), row.clip_id)]
        for row, vector in zip(rows, vectors, strict=True)
    ]
