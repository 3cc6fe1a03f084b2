"""ALIP's gates: the published numbers, and weights of clips."""

from __future__ import annotations

from math import exp
from pathlib import Path

import numpy as np
import pytest
from step_tables import step_tables

from cliploom.captioners.pair_weights import PairWeightsStep
from cliploom.captioners.weights.gates import GateMeans, moved, pair_weights
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Caption, Clip, Embedding, Row

HERE = StepContext(Path(), {"": Path("x")})


def test_the_means_begin_at_one_and_move_slowly() -> None:
    after = moved(GateMeans(), [0.2, 0.4], [0.5], [])
    assert after == pytest.approx((0.99 + 0.01 * 0.3, 0.99 + 0.01 * 0.5, 1.0))


def test_weights_are_one_where_the_texts_agree_better_than_the_mean() -> None:
    found = pair_weights(GateMeans(0.5, 0.2, 0.3), [0.5, 0.6, 0.4], [0.9, 0.1, 0.4], [0.1, 0.1, 0.1])
    assert found.sample == pytest.approx([1, 1, exp(-0.1) ** 2])
    assert found.raw == pytest.approx([1, 1, exp(0.2) ** 2])  # not limited
    assert found.caption == pytest.approx([1, 1, exp(-0.2) ** 2])


def rows() -> list[Row]:
    made: list[Row] = []
    angles = {"a": (0.0, 0.1, 0.2), "b": (0.0, 1.0, 0.0), "c": (0.0, 0.3, None)}
    for name, (shown, raw, written) in angles.items():
        made += [Clip(name, "v", 0.0, 1.0, [])]
        for part, kind, angle in (("s", "source", raw), ("w", "teacher", written)):
            if angle is not None:
                caption = f"{name}_{part}"
                vector = np.array([np.cos(angle), np.sin(angle)], np.float16)
                made += [Caption(caption, "v", name, "t", kind, "x", [], "m", "1")]
                made += [Embedding(f"e_{caption}", "v", "m 1", vector, name, caption_id=caption)]
        made += [Embedding(f"e_{name}", "v", "m 1", np.array([np.cos(shown), np.sin(shown)], np.float16), name)]
    return made


def test_clips_with_all_three_vectors_have_weights() -> None:
    with step_tables(rows()) as db:
        found = {score.score_id: score.value for score in PairWeightsStep().rows(db, HERE)}
    texts, raw = (np.cos(0.1), np.cos(1.0)), (np.cos(0.1), np.cos(1.0))
    assert found["a_alip_sample"] == found["a_alip_raw"] == found["a_alip_caption"] == 1
    assert found["b_alip_sample"] == pytest.approx(exp(texts[1] - np.mean(texts)) ** 2, abs=2e-3)
    assert found["b_alip_raw"] == pytest.approx(exp(raw[1] - np.mean(raw)) ** 2, abs=2e-3)
    assert found["b_alip_caption"] > 1 and len(found) == 6
    with step_tables([]) as db:
        assert list(PairWeightsStep().rows(db, HERE)) == []
    with step_tables(rows()[:1]) as db, pytest.raises(UserError, match="have no vectors"):
        list(PairWeightsStep().rows(db, HERE))
