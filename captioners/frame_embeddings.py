"""Vectors of the stored frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ..engine.contract.errors import RowError
from ..engine.contract.step import BatchFunction, Map, RowAnswer, StepContext
from ..models.encoders.choice import IMAGES, Encoder, EncoderOptions, model_of
from ..models.encoders.frames import one_thread, picture
from ..schemas import Col, Embedding, Frame


@dataclass(frozen=True)
class FrameEmbeddings(EncoderOptions, Map[Frame, Embedding]):
    """Encode every stored frame, as a float16 vector of length 1.

    ``conse`` (needs no image-text model; knows things and animals, no people) and ``open_clip`` put pictures among
    texts; ``efficientnet`` and ``imagebind`` tell only how alike pictures look. ``open_clip`` and ``imagebind`` have
    one worker, on a GPU if there is one; the others have a worker for each core. Fails for a frame that is no JPEG
    (``bad_frame``).
    """

    encoder: Annotated[str, Col("who looks", choices=IMAGES)] = "conse"

    memory_mb = 500
    batch = 32

    def rows_per_call(self) -> int:
        """Some batches of the encoder, so that frames are decoded and prepared while others are encoded."""
        return self.batch if self.is_embedded else 4 * self.per_batch

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Frame, Embedding]]:
        """Load the encoder."""
        threads = 1 if self.is_embedded else min(16, os.cpu_count() or 1)
        with one_thread(), ThreadPoolExecutor(threads) as pool, self.open_encoder() as encoder:
            yield lambda frames: _encode(frames, encoder, pool.map)


def _encode(
    frames: Sequence[Frame], encoder: Encoder, each: Callable[..., Iterator[Any]]
) -> list[RowAnswer[Embedding]]:
    pictures = list(each(picture, frames))
    good = [p for p in pictures if not isinstance(p, RowError)]
    vectors = iter(encoder.images(good).astype(np.float16) if good else ())
    model = model_of(encoder)
    return [
        p
        if isinstance(p, RowError)
        else [Embedding(f"{f.frame_id}_{encoder.name}", f.video_id, model, next(vectors), frame_id=f.frame_id)]
        for f, p in zip(frames, pictures, strict=True)
    ]
