"""Vectors that are alike: against comparing all, and which clips leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from step_tables import step_tables

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.filters.clusters.components import Components, keepers
from cliploom.filters.diversity import cosine
from cliploom.filters.diversity.cosine import cosine_pairs
from cliploom.filters.similar import Similar
from cliploom.schemas import Clip, Embedding

HERE = StepContext(Path(), {"": Path("x")})


def plain(one: np.ndarray, other: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    a, b = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (one, other))
    return {(int(i), int(j)) for i, j in np.argwhere(a @ b.T >= threshold)}


@pytest.mark.parametrize(("count", "dim"), [(0, 4), (1, 4), (300, 8), (700, 96)])
def test_all_pairs_are_found(count: int, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosine, "_ROWS", 64)
    monkeypatch.setattr(cosine, "_COLUMNS", 100)
    random = np.random.default_rng(0)
    vectors = random.normal(size=(count, dim)) / np.sqrt(1 + np.arange(dim))
    vectors[count // 2 :] = vectors[: count - count // 2] + random.normal(size=(count - count // 2, dim)) * 0.05
    vectors[:1] = 0
    found = [(p.one, p.other) for p in cosine_pairs(vectors, 0.9)]
    pairs = {(int(i), int(j)) for one, other in found for i, j in zip(one, other, strict=True)}
    assert pairs == {(i, j) for i, j in plain(vectors, vectors, 0.9) if i < j}
    others = vectors[::3] * 7
    across = {(int(i), int(j)) for p in cosine_pairs(vectors, 0.9, others) for i, j in zip(p.one, p.other, strict=True)}
    assert across == plain(vectors, others, 0.9)


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_components_are_those_of_the_graph(count: int, pairs: list[tuple[int, int]]) -> None:
    pairs = [(a % count, b % count) for a, b in pairs]
    expected = list(range(count))
    for a, b in pairs:
        low, high = sorted((expected[a], expected[b]))
        expected = [low if group == high else group for group in expected]
    groups = Components(count)
    for part in (pairs[::2], pairs[1::2]):
        both = np.array(part, np.int64).reshape(-1, 2)
        groups.join(both[:, 0], both[:, 1])
    assert groups.labels().tolist() == expected


def test_who_of_a_group_stays_is_set_by_ranks_then_by_number() -> None:
    labels = np.array([0, 0, 2, 0, 2])
    assert keepers(labels).tolist() == [0, 0, 2, 0, 2]
    assert keepers(labels, np.array([1, 0, 1, 0, 1])).tolist() == [1, 1, 2, 1, 2]
    assert keepers(labels, np.array([0, 0, 0, 0, 0]), np.array([3, 2, 2, 1, 1])).tolist() == [3, 3, 4, 3, 4]
    assert keepers(labels[:0]).tolist() == []


VECTORS = {"a1": [1.0, 0.0, 0.1], "a2": [1.0, 0.05, 0.1], "b1": [1.0, 0.1, 0.1], "c1": [0.0, 1.0, 0.0]}
SECONDS = {"a1": 2.0, "a2": 3.0, "b1": 3.0, "c1": 9.0}


def drops(models: tuple[str, ...] = ("m 1",), **options: object) -> list[Drop]:
    clips = [Clip(name, name[0], 0.0, seconds, []) for name, seconds in SECONDS.items()]
    made = [
        Embedding(f"{name}_{model}", name[0], model, np.array(v, np.float16) / np.float16(np.linalg.norm(v)), name)
        for name, v in VECTORS.items() for model in models
    ]  # fmt: skip
    with step_tables([*clips, *made]) as db:
        return list(Similar(**options).rows(db, HERE))  # type: ignore[arg-type]


def test_the_longest_of_a_group_stays_then_the_first() -> None:
    assert drops(threshold=0.99, within_video=True) == [
        Drop("a1", "a", "similar", "to a2"), Drop("b1", "b", "similar", "to a2"),
    ]  # fmt: skip
    assert drops(threshold=0.99) == [Drop("a1", "a", "similar", "to a2"), Drop("b1", "b", "similar", "to a2")]
    assert drops(threshold=0.9999) == []


def test_the_encoder_must_be_known() -> None:
    with pytest.raises(UserError, match="have no vectors"):
        drops(threshold=0.9, of="captions")
    with pytest.raises(UserError, match="name one with `encoder`"):
        drops(("m", "n"), threshold=0.9)
    assert drops(("m", "n"), threshold=0.99, encoder="n")
