"""Captions from lists of words, by an image-text encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.options import digest
from ..engine.contract.step import BatchFunction, RowAnswer, Split, Step, StepContext, each_row
from ..models.encoders.choice import IMAGES, TEXTS, Encoder, EncoderOptions, model_of
from ..models.text.lines import read_lines
from ..schemas import Caption, Clip, Col, Embedding
from .retrieval.words import RetrievalSlots, WordList, retrieve_caption

COLOURS = ("red", "green", "blue", "yellow", "black", "white", "brown", "gray")


class RetrieveInput(NamedTuple):
    """A clip, and its vectors."""

    clip: Clip
    embeddings: list[Embedding]


_ENCODERS = tuple(name for name in TEXTS if name in IMAGES)


@dataclass(frozen=True)
class Retrieve(EncoderOptions, Split[RetrieveInput, Caption]):
    """Caption clips with the adjective and the noun of two lists that they are nearest to (TAPS3D's pseudo captions).

    Wei et al. 2023 (https://arxiv.org/abs/2303.13273): of the three nearest nouns with the six nearest adjectives or
    the nearest colour the nearest pair is the caption, and the colour goes before it with a probability of .8. The
    encoder must be the one that the clips' vectors are of; a clip without a vector of it gets no caption. Lists are
    texts with a word a line: `annotation.vocabulary` writes them.
    """

    nouns: Annotated[str, Col("a text file with a noun a line")] = ""
    adjectives: Annotated[str, Col("a text file with an adjective a line")] = ""
    colours: Annotated[tuple[str, ...], Col("the colours")] = COLOURS
    seed: Annotated[int, Col("of what is drawn", low=0)] = 0
    encoder: Annotated[str, Col("who compares", choices=_ENCODERS)] = "conse"

    memory_mb = 600

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for lists that are not there, and what the encoder cannot be."""
        super().check(earlier)
        for name in ("nouns", "adjectives"):
            if not Path(getattr(self, name)).expanduser().is_file():
                raise UserError(f"captioners.retrieve.{name}: there is no file {getattr(self, name) or 'named'}")

    def revision(self) -> str:
        """The encoder's, and what stands in the lists."""
        lists = (Path(path).expanduser() for path in (self.nouns, self.adjectives))
        return digest(super().revision(), [list(read_lines(path)) if path.is_file() else [] for path in lists])

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[RetrieveInput, Caption]]:
        """Load the encoder, and encode the lists."""
        with self.open_encoder() as encoder:
            words = [
                [line.strip() for line in read_lines(Path(path).expanduser()) if line.strip()]
                for path in (self.nouns, self.adjectives)
            ]
            slots = RetrievalSlots(*(_encode(some, encoder) for some in (*words, self.colours)))
            yield each_row(lambda row: self._answer(row, slots, encoder))

    def _answer(self, row: RetrieveInput, slots: RetrievalSlots, encoder: Encoder) -> RowAnswer[Caption]:
        clip, model = row.clip, model_of(encoder)
        held = [e.vector for e in row.embeddings if e.caption_id is None and e.clip_id and e.model == model]
        if not held:
            return []
        text = retrieve_caption(held[0].astype(np.float32), slots, encoder.texts, self.seed, clip.clip_id)
        name = f"{clip.clip_id}_retrieve_{digest(self.seed, text)[:8]}"
        return [
            Caption(
                name, clip.video_id, clip.clip_id, "retrieve", "teacher", text, [], "retrieval", model, seed=self.seed
            )
        ]


def _encode(words: Sequence[str], encoder: Encoder) -> WordList:
    return WordList(words, encoder.texts(words) if words else np.zeros((0, encoder.dim), np.float32))
