"""Vectors of captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ..engine.contract.requirements import Requirement
from ..engine.contract.step import BatchFunction, Map, RowAnswer, StepContext
from ..models.demo import minilm
from ..models.encoders.choice import TEXTS, Encoder, EncoderOptions, model_of
from ..models.encoders.vector_cache import TextVectorCache, open_text_cache
from ..schemas import Caption, Col, Embedding, Halfs
from .text.chunks import split_text


@dataclass(frozen=True)
class TextEmbeddings(EncoderOptions, Map[Caption, Embedding]):
    """Encode captions, as float16 vectors of length 1; a text that was encoded before on this machine is looked up.

    To compare them with clips, take the encoder that the clips' vectors are of. ``minilm`` compares texts with each
    other only; ``conse`` is the same model, in a space that clips are in too. Encoders read no more than their context,
    which is 77 tokens, some 50 words, for CLIP: ``chunk_words`` has longer captions read in pieces, whole sentences
    together where they fit, and ``filters.keep: {where: "caption_words <= 50"}`` leaves them out.
    """

    encoder: Annotated[str, Col("who reads", choices=TEXTS)] = "conse"
    chunk_words: Annotated[
        int | None, Col("words of the pieces that longer captions are read in; null: only the first are read", low=1)
    ] = None

    memory_mb = 400
    batch = 64
    depends_on = ("text",)

    def requirements(self) -> Sequence[Requirement]:
        """What the encoder loads for texts; ``conse`` takes its classifier for pictures only."""
        return minilm.requirements() if self.encoder == "conse" else super().requirements()

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Caption, Embedding]]:
        """Load the encoder. With ``conse`` or ``minilm`` a caption of 20 words takes some 25 ms of one core."""
        with self.open_encoder() as encoder, open_text_cache(encoder, self.precision) as known:
            yield lambda captions: _encode(captions, encoder, known, self.chunk_words)


def _encode(
    captions: Sequence[Caption], encoder: Encoder, known: TextVectorCache, chunk_words: int | None
) -> list[RowAnswer[Embedding]]:
    model = model_of(encoder)
    pieces = [split_text(caption.text, chunk_words) if chunk_words else [caption.text] for caption in captions]
    read = iter(known.vectors([piece for some in pieces for piece in some]))
    vectors = [_mean([next(read) for _ in some]) for some in pieces]
    return [
        [Embedding(f"{c.caption_id}_{encoder.name}", c.video_id, model, v, c.clip_id, caption_id=c.caption_id)]
        for c, v in zip(captions, vectors, strict=True)
    ]


def _mean(vectors: Sequence[Halfs]) -> Halfs:
    """The mean of vectors, of length 1; one is itself."""
    if len(vectors) == 1:
        return vectors[0]
    total = np.mean(np.asarray(vectors, np.float32), axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), np.float16)
