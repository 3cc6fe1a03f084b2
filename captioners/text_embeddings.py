"""Vectors of captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from ..engine.contract.requirements import Requirement
from ..engine.contract.step import BatchFunction, Map, RowAnswer, StepContext
from ..models.demo import minilm
from ..models.encoders.choice import TEXTS, Encoder, EncoderOptions, model_of
from ..models.encoders.vector_cache import TextVectorCache, open_text_cache
from ..schemas import Caption, Col, Embedding


@dataclass(frozen=True)
class TextEmbeddings(EncoderOptions, Map[Caption, Embedding]):
    """Encode captions, as float16 vectors of length 1; a text that was encoded before on this machine is looked up.

    To compare them with clips, take the encoder that the clips' vectors are of. ``minilm`` compares texts with each
    other only; ``conse`` is the same model, in a space that clips are in too.
    """

    encoder: Annotated[str, Col("who reads", choices=TEXTS)] = "conse"

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
            yield lambda captions: _encode(captions, encoder, known)


def _encode(captions: Sequence[Caption], encoder: Encoder, known: TextVectorCache) -> list[RowAnswer[Embedding]]:
    model = model_of(encoder)
    vectors = known.vectors([caption.text for caption in captions])
    return [
        [Embedding(f"{c.caption_id}_{encoder.name}", c.video_id, model, v, c.clip_id, caption_id=c.caption_id)]
        for c, v in zip(captions, vectors, strict=True)
    ]
