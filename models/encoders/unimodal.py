"""Encoders of one side: pictures alone, and texts alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import UserError
from ...engine.contract.requirements import Requirement
from ..demo import minilm
from ..detectors import imagenet

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]


class ImageFeatures:
    """The layer of EfficientNet-Lite0 that its classes are told from: how alike pictures look.

    All its numbers are positive: pictures of quite different things have a cosine of 0.2 or so, not 0.
    """

    name, revision, dim = "efficientnet", f"{imagenet.PACKAGE}=={imagenet.PIN}", imagenet.FEATURES

    @staticmethod
    def requirements() -> list[Requirement]:
        """The classifier."""
        return imagenet.requirements()

    def __init__(self) -> None:
        self._net = imagenet.ImageClassifier()

    def images(self, images: Sequence[Picture]) -> Floats:
        """As ``Encoder.images``."""
        found = self._net.features(images)
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), np.float32)

    def texts(self, texts: Sequence[str]) -> Floats:
        """Raises ``UserError``."""
        raise UserError("the encoder efficientnet knows no texts", "encoders of texts: conse, minilm, open_clip")


class SentenceEncoder:
    """all-MiniLM-L6-v2: how near the meanings of texts are."""

    name, revision, dim = "minilm", f"{minilm.PACKAGE}=={minilm.PIN}", minilm.DIMENSIONS

    @staticmethod
    def requirements() -> list[Requirement]:
        """MiniLM."""
        return minilm.requirements()

    def __init__(self) -> None:
        self._net = minilm.MiniLM()

    def images(self, images: Sequence[Picture]) -> Floats:
        """Raises ``UserError``."""
        raise UserError("the encoder minilm knows no pictures", "encoders of pictures: conse, efficientnet, open_clip")

    def texts(self, texts: Sequence[str]) -> Floats:
        """As ``Encoder.texts``."""
        return self._net.encode(texts)
