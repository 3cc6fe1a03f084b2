"""A pool of unlike captions: against the plain loop, and from a database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.engine.storage.sql import connect
from cliploom.filters.diverse import Diverse
from cliploom.filters.diversity import greedy as likeness
from cliploom.filters.diversity.greedy import brute, greedy
from cliploom.schemas import Caption, Clip, Embedding, Row, to_arrow

SITE = StepContext(Path(), {})
Vectors = np.ndarray[Any, Any]


def clouds(count: int, dim: int, spread: float, seed: int, flat: bool) -> Vectors:
    """Vectors around a few others, and some copies."""
    random = np.random.default_rng(seed)
    weights = np.ones(dim) if flat else 1 / np.sqrt(1 + np.arange(dim))
    centres = random.normal(size=(max(1, count // 5), dim)) * weights
    made = centres[random.integers(0, len(centres), count)] + spread * random.normal(size=(count, dim)) * weights
    made[random.integers(0, max(count, 1), count // 10)] = made[: count // 10]
    return made.astype(np.float16)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1400), st.sampled_from([1, 3, 40, 130]), st.sampled_from([0.0, 0.1, 0.4, 1.0]), st.integers(0, 99),
    st.booleans(), st.sampled_from([0.0, 0.3, 0.7, 0.9, 0.99, 1.0]),
)  # fmt: skip
def test_it_is_what_the_plain_loop_says(
    count: int, dim: int, spread: float, seed: int, flat: bool, threshold: float
) -> None:
    vectors = clouds(count, dim, spread, seed, flat)
    same = greedy(vectors, threshold)
    plain = brute(vectors, threshold)
    if threshold == 1.0:  # copies: whether their cosine is 1 or a hair less is the processor's taste
        assert (same[same >= 0] < np.flatnonzero(same >= 0)).all()
    else:
        assert same.tolist() == plain.tolist()


def test_the_cut_into_pieces_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clouds(900, 48, 0.3, 5, False)
    expected = brute(vectors, 0.8)
    assert 50 < (expected < 0).sum() < 850
    for block, chunk, pairs in ((1, 1, 1), (7, 64, 10), (900, 900, 5), (32, 5, 1 << 16)):
        monkeypatch.setattr(likeness, "_BLOCK", block)
        monkeypatch.setattr(likeness, "_CHUNK", chunk)
        monkeypatch.setattr(likeness, "_PAIRS", pairs)
        assert (greedy(vectors, 0.8) == expected).all()


def test_bounds_are_short_where_vectors_have_structure_and_whole_where_they_spare_nothing() -> None:
    def width(vectors: Vectors, threshold: float) -> int:
        units = vectors.astype(np.float32)
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        return int(likeness.heads(units, threshold).shape[1])

    assert width(clouds(2000, 128, 1.0, 0, False), 0.9) < 70
    assert width(clouds(2000, 128, 1.0, 0, True), 0.1) == 128


def test_vectors_without_length_are_like_nothing() -> None:
    vectors = np.zeros((5, 3), np.float16)
    vectors[1] = vectors[3] = 1
    assert greedy(vectors, 0.5).tolist() == [-1, -1, -1, 1, -1]
    assert greedy(np.zeros((0, 4), np.float16), 0.5).tolist() == []


def database(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    db = connect()
    for row in (Clip, Caption, Embedding):
        table = to_arrow(row, [r for r in rows if isinstance(r, row)])
        if row is Embedding:  # as the engine's views have it
            at = table.column_names.index("vector")
            table = table.set_column(at, "vector", table.column("vector").cast(pa.list_(pa.float32())))
        db.register(row.table, table)
    return db


def described(name: str, angle: float, model: str = "toy (1)", **more: Any) -> list[Row]:
    """A clip, a caption of it, and its vector."""
    clip, caption = f"{name}_0_1", more.pop("caption", f"{name}_said")
    vector = np.asarray([np.cos(angle), np.sin(angle)], np.float16)
    said = {"kind": "teacher", **more}
    return [
        Clip(clip, name, 0.0, 1.0, []),
        Caption(caption, name, clip, "toy", text="x", parents=[], model="toy", revision="", **said),
        Embedding(f"{caption}_{model}", name, model, vector, clip, caption_id=caption),
    ]


def verdicts(rows: Sequence[Row], **options: Any) -> list[Drop]:
    unique = {(type(row), row.id): row for row in rows}
    return list(Diverse(**{"threshold": 0.9, **options}).rows(database(list(unique.values())), SITE))


def test_the_first_by_id_stays() -> None:
    rows = [*described("c", 0.0), *described("a", 0.1), *described("b", 2.0), *described("d", 2.05)]
    assert [(d.id, d.video_id, d.reason) for d in verdicts(rows)] == [
        ("c_0_1", "c", "similar"), ("d_0_1", "d", "similar"),
    ]  # fmt: skip
    assert verdicts(rows)[0].detail == "0.9950 with a_0_1"
    assert verdicts(rows, threshold=0.996)[0].id == "d_0_1"
    assert verdicts(rows[::-1]) == verdicts(rows)


def test_a_clip_that_left_is_no_reason_to_leave() -> None:
    rows = [*described("a", 0.0), *described("b", 0.4), *described("c", 0.8)]
    assert [d.id for d in verdicts(rows, threshold=0.9)] == ["b_0_1"]  # c is like b, and b is gone


def test_of_several_captions_the_first_counts_and_those_of_frames_do_not() -> None:
    rows = [*described("a", 0.0), *described("b", 2.0), *described("b", 0.0, caption="b_zz")]
    rows += described("b", 0.0, caption="b_aa", kind="differential", start_s=0.0, end_s=1.0)
    assert verdicts(rows) == []
    assert [d.id for d in verdicts([*rows, *described("b", 0.0, caption="b_ab")])] == ["b_0_1"]


def test_clips_without_a_vector_stay() -> None:
    bare = [Clip("z_0_1", "z", 0.0, 1.0, [])]
    assert [d.id for d in verdicts([*described("a", 0.0), *described("b", 0.0), *bare])] == ["b_0_1"]
    assert verdicts([]) == []


def test_it_asks_which_encoder() -> None:
    two = [*described("a", 0.0), *described("a", 0.0, "other (2)"), *described("b", 0.0, "other (2)")]
    with pytest.raises(UserError, match="name one"):
        verdicts(two)
    assert [d.id for d in verdicts(two, encoder="other")] == ["b_0_1"]
    assert verdicts(two, encoder="toy (1)") == []
    with pytest.raises(UserError, match="did you mean other"):
        verdicts(two, encoder="othr")
    with pytest.raises(UserError, match="captions have no vectors"):
        verdicts([Clip("z_0_1", "z", 0.0, 1.0, [])])


def test_the_threshold_must_be_given() -> None:
    with pytest.raises(UserError, match="needs the option threshold"):
        make_step("filters.diverse", Diverse, {})
