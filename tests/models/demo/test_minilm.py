"""The sentence encoder."""

from __future__ import annotations

import numpy as np
import pytest

from cliploom.models.demo.minilm import MiniLM


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM()


def test_vectors_are_those_of_the_reference(encoder: MiniLM) -> None:
    # First numbers and cosines that sentence-transformers gives, from the model's card.
    vectors = encoder.encode(["This is an example sentence", "Each sentence is converted"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (2, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert vectors[0, :3] == pytest.approx([0.0676569, 0.0634959, 0.0487131], abs=2e-5)
    assert vectors[1, :3] == pytest.approx([0.0864386, 0.1027628, 0.0053946], abs=2e-5)
    happy = encoder.encode(
        ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    )
    assert happy[1:] @ happy[0] == pytest.approx([0.695, 0.943, 0.257], abs=2e-3)


def test_neighbours_in_a_batch_change_nothing(encoder: MiniLM) -> None:
    texts = ["A dog runs.", "", "Zwei Männer, ein Café.", "A dog runs.", "word " * 300]
    together = encoder.encode(texts)
    assert np.array_equal(together[0], together[3])
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert together == pytest.approx(alone, abs=1e-6)
    assert encoder.encode([]).shape == (0, 384)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # Ids of the `tokenizers` package with the model's tokenizer.json.
        ("Hello, world!", [7592, 1010, 2088, 999]),
        ("Café déjà-vu", [7668, 2139, 3900, 1011, 24728]),
        ("中文 ok", [1746, 1861, 7929]),
        ("unbelievably", [4895, 8671, 2666, 3567, 6321]),
        ("x" * 101, [100]),
    ],
)
def test_tokens(encoder: MiniLM, text: str, ids: list[int]) -> None:
    assert encoder.tokens(text) == [101, *ids, 102]
