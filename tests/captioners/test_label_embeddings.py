"""A clip's vector from the labels that its evidence has."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cliploom.captioners.label_embeddings import LabelEmbeddings
from cliploom.engine.contract.step import StepContext
from cliploom.models.demo.minilm import MiniLM
from cliploom.schemas import Embedding, Evidence, Label, problem


def evidence(clip: str, labels: list[Label]) -> Evidence:
    return Evidence(clip, "v", clip, [], labels, [], 90.0, 1.0, [], [], ["labels 1"])


def test_the_mean_of_its_labels_names_weighted_by_probability() -> None:
    labels = [Label("tennis ball", 0.6), Label("Labrador_retriever, dog", 0.3), *[Label("sofa", 0.01)] * 9]
    rows = [evidence("a", labels), evidence("b", []), evidence("c", [Label("dog", 0.0)])]
    with LabelEmbeddings().open(StepContext(Path("."), {})) as work:
        first, *others = work(rows)
        again = work(rows)[0]
    assert others == [[], []]
    assert isinstance(first, list) and isinstance(again, list)
    [row], [same] = first, again
    assert isinstance(row, Embedding) and isinstance(same, Embedding)
    assert problem(row) is None
    assert (row.embedding_id, row.clip_id, row.frame_id, row.caption_id) == ("a_conse", "a", None, None)
    ball, dog, sofa = MiniLM().encode(["tennis ball", "Labrador retriever", "sofa"])
    mean = 0.6 * ball + 0.3 * dog + 8 * 0.01 * sofa
    np.testing.assert_allclose(row.vector, mean / np.linalg.norm(mean), atol=1e-3)
    assert np.array_equal(row.vector, same.vector)
