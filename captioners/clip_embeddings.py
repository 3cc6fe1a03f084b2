"""Vectors of clips, from those of their frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import RowAnswer, Split, Step, reads, writes
from ..schemas import Clip, Col, Embedding, Frame, Video


class ClipEmbeddingsInput(NamedTuple):
    """A video, its clips, and the vectors of its frames (and of all else)."""

    video: Video
    clips: list[Clip]
    embeddings: list[Embedding]


class FrameVector(NamedTuple):
    """The vector of one frame, and the frame's time."""

    time_ms: int
    embedding: Embedding


@dataclass(frozen=True)
class ClipEmbeddings(Split[ClipEmbeddingsInput, Embedding]):
    """Pool the vectors of the frames in a clip to one vector of the clip, for every encoder there is.

    ``mean`` and ``first`` give one vector a clip, of length 1; ``per_frame`` keeps one for each frame of it. A clip in
    which no frame is stored gets none. A frame is in a clip by the milliseconds in their ids; fails for a frame whose
    id has none (``bad_id``).
    """

    pool: Annotated[str, Col("what of the frames' vectors is the clip's", choices=("mean", "first", "per_frame"))] = (
        "mean"
    )

    cost = "row"
    batch = 4
    depends_on = ("video_id",)

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` where no step encodes frames."""
        if not any(writes(type(step)) is Embedding and reads(type(step)).anchor is Frame for step in earlier):
            raise UserError(
                "captioners.clip_embeddings pools the vectors of frames, and no step before it makes them",
                "add captioners.frame_embeddings, or take captioners.label_embeddings, which needs no frames",
            )

    def process(self, row: ClipEmbeddingsInput) -> RowAnswer[Embedding]:
        """The clip's vectors."""
        frames: dict[str, list[FrameVector]] = defaultdict(list)
        for e in row.embeddings:
            if e.frame_id is not None and e.clip_id is None:
                time_ms = e.frame_id.rpartition("_")[2]
                if not time_ms.isdecimal():
                    return RowError(f"the id of the frame {e.frame_id} does not end with its milliseconds", "bad_id")
                frames[e.model].append(FrameVector(int(time_ms), e))
        return [
            made
            for clip in row.clips
            for timed in frames.values()
            if (inside := _inside(clip, timed))
            for made in self._pool(clip, inside)
        ]

    def _pool(self, clip: Clip, inside: list[FrameVector]) -> Iterator[Embedding]:
        if self.pool == "per_frame":
            yield from (_of(clip, t.embedding.vector, t.embedding, t.embedding.frame_id) for t in inside)
        elif self.pool == "first":
            yield _of(clip, inside[0].embedding.vector, inside[0].embedding)
        else:
            vectors = [t.embedding.vector.astype(np.float32) for t in inside]
            yield _of(clip, np.mean(vectors, axis=0), inside[0].embedding)


def _inside(clip: Clip, frames: list[FrameVector]) -> list[FrameVector]:
    start_ms, end_ms = round(clip.start_s * 1000), round(clip.end_s * 1000)
    return sorted(
        (t for t in frames if start_ms == t.time_ms or start_ms < t.time_ms < end_ms), key=lambda t: t.time_ms
    )


def _of(clip: Clip, vector: NDArray[Any], like: Embedding, frame_id: str | None = None) -> Embedding:
    """The clip's vector, of length 1; named after the frame's, with the clip in the frame's place."""
    single = vector.astype(np.float32)
    unit = (single / max(float(np.linalg.norm(single)), 1e-12)).astype(np.float16)
    encoder = like.embedding_id.removeprefix(f"{like.frame_id}_")
    of = clip.clip_id if frame_id is None else f"{clip.clip_id}_{frame_id.rpartition('_')[2]}"
    return Embedding(f"{of}_{encoder}", clip.video_id, like.model, unit, clip.clip_id, frame_id)
