"""The image-text score that needs no image-text model: ConSE."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..engine.step import Answer, Site, Split, Work
from ..schemas import Caption, Evidence, Label, Score
from .encoders.minilm import Floats, MiniLM


class Judged(NamedTuple):
    """A caption, and what is seen in its clip."""

    caption: Caption
    evidence: Evidence


@dataclass(frozen=True)
class Conse(Split[Judged, Score]):
    """Measure how near a caption is to what its clip shows, -1 to 1, as the score ``conse``.

    The clip's vector is the mean of its ten best ImageNet classes' names as MiniLM vectors, weighted by
    probability; the score is its cosine with the caption's vector (Norouzi et al. 2013, "Zero-shot learning by
    convex combination of semantic embeddings"). It knows the 1000 classes: things and animals well, people badly. It is
    no CLIP score; CLIP's thresholds mean nothing here. A clip without labels gets no score.
    """

    measures = ("conse",)
    batch = 64
    memory_mb = 300

    @contextmanager
    def open(self, site: Site) -> Iterator[Work[Judged, Score]]:
        """Load MiniLM (91 MB). A caption of 20 words takes some 25 ms of one core."""
        encoder = MiniLM()
        names: dict[str, Floats] = {}
        yield lambda rows: _measure(encoder, names, rows)


def _measure(encoder: MiniLM, names: dict[str, Floats], rows: Sequence[Judged]) -> list[Answer[Score]]:
    """One score per row; ``names`` keeps the vectors of class names."""
    wanted = sorted({_plain(label.name) for row in rows for label in row.evidence.labels} - names.keys())
    names.update(zip(wanted, encoder.encode(wanted), strict=True))
    captions = encoder.encode([row.caption.text for row in rows])
    return [_score(encoder, names, row, vector) for row, vector in zip(rows, captions, strict=True)]


def _score(encoder: MiniLM, names: dict[str, Floats], row: Judged, vector: Floats) -> Answer[Score]:
    labels = row.evidence.labels[:10]
    seen = _seen(labels, names)
    if seen is None:
        return []
    caption = row.caption
    value = float(np.clip(seen @ vector, -1, 1))
    asked = ", ".join([*row.evidence.models, encoder.name])
    made = f"{caption.caption_id}_conse"
    return [Score(made, caption.video_id, caption.clip_id, caption.caption_id, "conse", round(value, 5), asked)]


def _seen(labels: Sequence[Label], names: dict[str, Floats]) -> Floats | None:
    """The clip's vector, of length 1; None without labels."""
    if not labels or sum(label.score for label in labels) <= 0:
        return None
    mean: Floats = np.sum([np.float32(label.score) * names[_plain(label.name)] for label in labels], axis=0)
    return mean / np.linalg.norm(mean)


def _plain(name: str) -> str:
    """The first of a class's names: ``tench, Tinca tinca`` is a tench."""
    return re.split(r",", name.replace("_", " "), maxsplit=1)[0].strip()
