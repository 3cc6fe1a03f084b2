"""ConSE: pictures among texts without an image-text model.

A picture's vector is the mean of the vectors of its ten likeliest ImageNet classes' names, weighted by probability
(Norouzi et al. 2013, "Zero-shot learning by convex combination of semantic embeddings").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.requirements import Requirement
from ...schemas import Label
from ..demo import minilm
from ..detectors import imagenet

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

_BEST = 10


class Conse:
    """Things and animals well, people badly: there are 1000 classes, and no person among them.

    Texts and known labels need MiniLM only (91 MB); the classifier is loaded for the first picture.
    """

    name, dim = "conse", minilm.DIMENSIONS
    revision = f"{imagenet.PACKAGE}=={imagenet.PIN}, {minilm.PACKAGE}=={minilm.PIN}"

    @staticmethod
    def requirements() -> list[Requirement]:
        """MiniLM, and the classifier for pictures."""
        return [*minilm.requirements(), *imagenet.requirements()]

    def __init__(self) -> None:
        self._sentences = minilm.MiniLM()
        self._names: dict[str, Floats] = {}

    @cached_property
    def _classifier(self) -> imagenet.ImageClassifier:
        return imagenet.ImageClassifier()

    def images(self, images: Sequence[Picture]) -> Floats:
        """As ``Encoder.images``."""
        names, likely = imagenet.class_names(), self._classifier.posteriors(images)
        best = np.argsort(-likely, axis=1, kind="stable")[:, :_BEST]
        labels = [[Label(names[i], float(row[i])) for i in some] for row, some in zip(likely, best, strict=True)]
        vectors = [vector for vector in self.from_labels(labels) if vector is not None]  # probabilities: there are all
        return np.stack(vectors) if vectors else np.zeros((0, self.dim), np.float32)

    def texts(self, texts: Sequence[str]) -> Floats:
        """As ``Encoder.texts``."""
        return self._sentences.encode(texts)

    def from_labels(self, pictures: Sequence[Sequence[Label]]) -> list[Floats | None]:
        """The ``(dim,)`` vectors of pictures with these labels, the likeliest first; None for one without any."""
        best = [[label for label in labels[:_BEST] if label.score > 0] for labels in pictures]
        unknown = sorted({_plain(label.name) for labels in best for label in labels} - self._names.keys())
        self._names.update(zip(unknown, self._sentences.encode(unknown), strict=True))  # many at once cost little more
        return [self._mix(labels) if labels else None for labels in best]

    def _mix(self, labels: Sequence[Label]) -> Floats:
        likely = np.array([label.score for label in labels], np.float32)
        mean = likely @ np.stack([self._names[_plain(label.name)] for label in labels])
        made: Floats = mean / np.linalg.norm(mean)
        return made


def _plain(name: str) -> str:
    """The first of a class's names: ``tench, Tinca tinca`` is a tench."""
    return re.split(r",", name.replace("_", " "), maxsplit=1)[0].strip()
