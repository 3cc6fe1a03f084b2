"""The image-text score: how near captions are to what their clip shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import RowError
from ..engine.contract.step import RowAnswer, Split
from ..schemas import Clip, Col, Embedding, Score

Floats = NDArray[np.float32]
Halfs = NDArray[np.float16]

_CONSE, _OTHER = "conse", "clip_score"


class ClipScoreInput(NamedTuple):
    """A clip, and the vectors of it and of its captions."""

    clip: Clip
    embeddings: list[Embedding]


@dataclass(frozen=True)
class ClipScore(Split[ClipScoreInput, Score]):
    """Measure how near each caption is to its clip, -1 to 1: the cosine of their vectors.

    The measure is that of CLIPScore (Hessel et al. 2021, arXiv:2104.08718) without its factor and its floor. It is
    called ``conse`` for vectors of the encoder ``conse`` and ``clip_score`` for others: thresholds of one mean nothing
    for the other. A caption and a clip are compared where one encoder made both vectors. Fails where two encoders would
    give scores of one name (``two_encoders``): choose with ``from:``.
    """

    name: Annotated[str, Col("name of the score; empty: `conse` or `clip_score`, as the encoder is")] = ""
    pool: Annotated[str, Col("what counts of several vectors of a clip", choices=("max", "mean"))] = "max"

    cost = "row"
    batch = 256
    depends_on = ("clip_id",)
    measures: ClassVar[tuple[str, ...]] = (_CONSE, _OTHER)

    def __post_init__(self) -> None:
        if self.name:
            object.__setattr__(self, "measures", (self.name,))

    def process(self, row: ClipScoreInput) -> RowAnswer[Score]:
        """The scores of the captions."""
        found: dict[str, Score] = {}
        for text in row.embeddings:
            if text.caption_id is None:
                continue
            clips = [e.vector for e in row.embeddings if e.caption_id is None and e.model == text.model]
            if not clips:
                continue
            score = self._score(row.clip, text, _cosines(np.stack(clips), text.vector))
            if score.score_id in found:
                said = f"{text.caption_id} has vectors of {found[score.score_id].model} and of {text.model}"
                return RowError(f"{said}: choose one with `from:`", "two_encoders")
            found[score.score_id] = score
        return list(found.values())

    def _score(self, clip: Clip, text: Embedding, cosines: Floats) -> Score:
        name = self.name or (_CONSE if text.model.split(" ")[0] == _CONSE else _OTHER)
        value = float(np.clip(cosines.max() if self.pool == "max" else cosines.mean(), -1, 1))
        made = f"{text.caption_id}_{name}"
        return Score(made, clip.video_id, clip.clip_id, text.caption_id, name, round(value, 5), text.model)


def _cosines(clips: Halfs, text: Halfs) -> Floats:
    """``(N, D)`` and ``(D,)`` float16 to ``(N,)``; float16 rounds their lengths, so they are brought to 1 again."""
    many, one = clips.astype(np.float32), text.astype(np.float32)
    made: Floats = many @ one / np.maximum(np.linalg.norm(many, axis=1) * np.linalg.norm(one), 1e-12)
    return made
