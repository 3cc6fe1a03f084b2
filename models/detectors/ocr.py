"""What stands written in a picture: PP-OCRv6 through RapidOCR.

Read only where it is sure, and only what is more than a mark: a lone letter is mostly texture.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, package_requirement
from ..weights import find_weight

PACKAGE, PIN = "rapidocr", "3.10.0"
SHA256 = {
    "rapidocr/models/PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "rapidocr/models/PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}

_SIDE_PX = 640  # the longer side when it looks for text; at its own default it takes four times as long
_MIN_SIGNS = 2  # letters and digits of a text
_SAME = 0.8  # texts of several frames that are more alike are one


class TextLine(NamedTuple):
    """One line of text and how sure the model is of it."""

    text: str
    score: float


def requirements() -> list[Requirement]:
    """What ``TextReader`` loads; the weights are in the package."""
    return [package_requirement("rapidocr"), package_requirement("onnxruntime")]


class TextReader:
    """The models that find and read text, loaded."""

    model = f"{PACKAGE}=={PIN}"

    def __init__(self, threads: int = 1) -> None:
        detector, recogniser = (find_weight(PACKAGE, PIN, file, known) for file, known in SHA256.items())
        with extra("demo"):
            from rapidocr import RapidOCR
        self._read: Any = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.use_cls": False,  # turned text is rare in video
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "Det.model_path": str(detector),
                "Det.limit_type": "max",
                "Det.limit_side_len": _SIDE_PX,
                "Rec.model_path": str(recogniser),
            }
        )

    def read(self, image: NDArray[np.uint8], min_score: float) -> list[TextLine]:
        """The lines of an ``(H, W, 3)`` uint8 RGB picture, from top to bottom."""
        found = self._read(np.ascontiguousarray(image[:, :, ::-1]))  # it wants BGR
        lines = zip(found.txts or (), found.scores or (), strict=True)
        return [TextLine(text.strip(), float(score)) for text, score in lines if score >= min_score and _is_text(text)]


def _is_text(text: str) -> bool:
    return len(_signs(text)) >= _MIN_SIGNS


def _signs(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def merge(frames: Iterable[Iterable[TextLine]]) -> list[str]:
    """What several frames show, in order of appearance; of readings that are alike, the surest."""
    kept: list[TextLine] = []
    for line in (line for frame in frames for line in frame):
        at = next((i for i, known in enumerate(kept) if _alike(known.text, line.text)), None)
        if at is None:
            kept.append(line)
        elif line.score > kept[at].score:
            kept[at] = line
    return [line.text for line in kept]


def _alike(one: str, other: str) -> bool:
    first, second = _signs(one), _signs(other)
    return first == second or SequenceMatcher(None, first, second, autojunk=False).ratio() > _SAME
