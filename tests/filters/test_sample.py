"""Samples: nested draws, strata, caps, and vectors that are spread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from step_tables import step_tables

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.filters.sample import SampleStep
from cliploom.filters.sampling.choice import allocate, cap_groups, cap_tags, seeded_ranks, take_strata
from cliploom.models.encoders.spread import farthest_first, spherical_kmeans
from cliploom.schemas import Caption, Clip, Embedding, Row, Score, Tags, Video

HERE = StepContext(Path(), {"": Path("x")})


def test_ranks_follow_from_seed_and_id_alone() -> None:
    ids = [f"k{n}" for n in range(50)]
    ranks = seeded_ranks(ids)
    assert sorted(ranks.tolist()) == list(range(50)) and ranks.tolist() != list(range(50))
    some = seeded_ranks(ids[10:30])
    assert (np.argsort(some) == np.argsort(ranks[10:30])).all()
    assert seeded_ranks(ids, 1).tolist() != ranks.tolist() and seeded_ranks([]).tolist() == []


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(0, 40))
def test_all_that_is_wanted_is_taken_and_no_more_than_there_is(sizes: list[int], wanted: int) -> None:
    for even in (False, True):
        taken = allocate(sizes, wanted, even)
        assert sum(taken) == min(wanted, sum(sizes)) and all(t <= s for t, s in zip(taken, sizes, strict=True))
    shares = allocate(sizes, wanted)
    exact = [s * min(wanted, sum(sizes)) / max(sum(sizes), 1) for s in sizes]
    assert all(abs(t - e) < 1 for t, e in zip(shares, exact, strict=True))


def test_strata_are_taken_by_size_or_evenly() -> None:
    assert allocate([60, 30, 10], 10) == [6, 3, 1] and allocate([5, 5, 5], 4) == [2, 1, 1]
    assert allocate([60, 30, 2], 12, even=True) == [5, 5, 2] and allocate([], 3, even=True) == []
    groups, ranks = np.array([0, 0, 0, 1, 1, 7]), np.array([5, 4, 3, 2, 1, 0])
    assert take_strata(groups, ranks, 3, even=True).tolist() == [False, False, True, False, True, True]
    assert cap_groups(groups, ranks, 1).tolist() == [False, False, True, False, True, True]
    assert cap_groups(groups, ranks, 0).tolist() == [False] * 6 and cap_groups(groups[:0], ranks[:0], 1).tolist() == []


def test_a_clip_stays_for_its_rarest_tag() -> None:
    tags = [["dog"], ["dog"], ["dog", "unicorn"], [], ["dog"]]
    assert cap_tags(tags, np.arange(5), 1).tolist() == [True, False, True, True, False]
    assert cap_tags(tags, np.arange(5)[::-1].copy(), 1).tolist() == [False, False, True, True, True]


def test_clusters_of_vectors() -> None:
    random = np.random.default_rng(0)
    centres = np.eye(4)[:, :3] + np.array([[0, 0, 0]] * 3 + [[-1, -1, -1]])
    vectors = np.concatenate([c + random.normal(size=(30, 3)) * 0.05 for c in centres])
    found = spherical_kmeans(vectors, 4)
    groups = found.labels.reshape(4, 30)
    assert (groups == groups[:, :1]).all() and len({*groups[:, 0].tolist()}) == 4
    assert np.allclose(np.linalg.norm(found.centres, axis=1), 1, atol=1e-5)
    assert (spherical_kmeans(vectors, 4).labels == found.labels).all()
    assert len(spherical_kmeans(np.ones((5, 2)), 3).centres) == 1
    assert spherical_kmeans(np.zeros((0, 2)), 3).labels.tolist() == []


def test_the_farthest_come_first() -> None:
    angles = np.array([0, 0.1, 3.1, 1.5, 1.6])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert farthest_first(vectors, 3).tolist() == [0, 2, 3]
    assert sorted(farthest_first(vectors, 9).tolist()) == [0, 1, 2, 3, 4]
    assert farthest_first(vectors, 0).tolist() == [] == farthest_first(vectors[:0], 2).tolist()


def rows(count: int = 40) -> list[Row]:
    made: list[Row] = []
    for n in range(count):
        video, clip = f"v{n % 4}", f"k{n:02}"
        angle = 0.0 if n < count - 2 else 1.0 + n
        vector = np.array([np.cos(angle), np.sin(angle)], np.float16)
        made += [Clip(clip, video, 0.0, 1.0 + n % 10, []), Score(f"s{n}", video, clip, None, "Topic", n % 2, "m")]
        made += [Caption(f"c{n}", video, clip, "t", "source", "x", [], "m", "1", language="de" if n == 7 else "en")]
        made += [Tags(f"t{n}", video, clip, f"c{n}", ["dog"] if n else ["cat"], [], [], "m")]
        made += [Embedding(f"e{n}", video, "m 1", vector, clip)]
    uri = "https://films.example/a/{}.mp4"
    return made + [Video(f"v{n}", uri.format(n), "", "", 1, width_px=100 * (n + 1)) for n in range(4)]


def stay(**options: object) -> set[str]:
    step = SampleStep(**options)  # type: ignore[arg-type]
    with step_tables(rows()) as db:
        gone = {drop.id for drop in step.rows(db, HERE)}
    return {f"k{n:02}" for n in range(40)} - gone


def test_smaller_samples_are_parts_of_larger_ones() -> None:
    assert stay(n=5) < stay(n=10) < stay(share=0.5) and len(stay(n=5)) == 5 and len(stay(share=0.5)) == 20
    assert stay(n=5, seed=1) != stay(n=5) and len(stay(n=99)) == 40 and stay(n=0) == set()


def test_strata_by_an_expression() -> None:
    taken = stay(by="video_id", most=2)
    assert len(taken) == 8 and {sum(int(k[1:]) % 4 == n for k in taken) for n in range(4)} == {2}
    assert len(stay(by="topic", most=3)) == 6
    assert len(stay(by="language", n=3, even=True) & {"k07"}) == 1
    assert len(stay(by="host || ' ' || (width_px > 200)", most=1)) == 2
    assert len(stay(by="floor(seconds / 5)", n=10, most=4)) == 10


def test_tags_and_vectors() -> None:
    assert "k00" in stay(tag_most=3) and len(stay(tag_most=3)) == 4
    assert {"k38", "k39"} <= stay(n=3, spread="farthest") and {"k38", "k39"} <= stay(n=3, spread="kmeans")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "nothing to do"), ({"n": 1, "share": 0.5}, "say the same"), ({"most": 1}, "need strata"),
        ({"most": 1, "by": "viedo_id"}, "did you mean video_id"), ({"n": 1, "by": "(SELECT 1)"}, "subquery"),
        ({"most": 1, "by": "title", "spread": "kmeans"}, "neither n nor share"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        SampleStep(**options).check([])  # type: ignore[arg-type]


def test_vectors_are_needed_to_spread() -> None:
    some: Sequence[Row] = [row for row in rows() if not isinstance(row, Embedding)]
    with step_tables(some) as db, pytest.raises(UserError, match="have no vectors"):
        list(SampleStep(n=1, spread="kmeans").rows(db, HERE))
