"""A clip's vector from those of its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cliploom.captioners.clip_embeddings import ClipEmbeddings, ClipEmbeddingsInput
from cliploom.captioners.frame_embeddings import FrameEmbeddings
from cliploom.captioners.text_embeddings import TextEmbeddings
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Clip, Embedding, Video, problem

VIDEO = Video("v_1", "v", "v", "", 1)
CLIPS = [Clip("v_1_a", "v_1", 0.5, 2.0, []), Clip("v_1_b", "v_1", 2.0, 2.4, []), Clip("v_1_c", "v_1", 9.0, 9.1, [])]


def of_frame(time_ms: int, *vector: float, encoder: str = "net") -> Embedding:
    unit = np.array(vector) / np.linalg.norm(vector)
    name = f"v_1_{time_ms:09d}"
    return Embedding(f"{name}_{encoder}", "v_1", f"{encoder} (1)", unit.astype(np.float16), frame_id=name)


FRAMES = [
    of_frame(499, -1, -1), of_frame(500, 1, 0), of_frame(1999, 0, 1), of_frame(2000, 1, 1),
    of_frame(1000, 1, 0, 0, encoder="other"),
    Embedding("v_1_a_net", "v_1", "net (1)", np.ones(2, np.float16), clip_id="v_1_a"),
    Embedding("c_net", "v_1", "net (1)", np.ones(2, np.float16), clip_id="v_1_a", caption_id="c"),
]  # fmt: skip


def pooled(pool: str) -> dict[str, Embedding]:
    with ClipEmbeddings(pool=pool).open(StepContext(Path("."), {})) as work:
        [rows] = work([ClipEmbeddingsInput(VIDEO, CLIPS, FRAMES[::-1])])
    assert isinstance(rows, list)
    made = [row for row in rows if isinstance(row, Embedding)]
    assert [problem(row) for row in made] == [None] * len(rows)
    assert {row.vector.dtype for row in made} == {np.dtype(np.float16)}
    assert {row.caption_id for row in made} == {None}
    return {row.embedding_id: row for row in made}


def test_the_mean_of_its_frames_of_length_one() -> None:
    found = pooled("mean")
    assert set(found) == {"v_1_a_net", "v_1_b_net", "v_1_a_other"}
    assert found["v_1_a_net"].vector == pytest.approx([0.7071, 0.7071], abs=1e-3)
    assert found["v_1_b_net"].vector == pytest.approx([0.7071, 0.7071], abs=1e-3)
    one = found["v_1_a_other"]
    assert (one.clip_id, one.frame_id, one.model) == ("v_1_a", None, "other (1)")


def test_the_first_of_its_frames() -> None:
    assert pooled("first")["v_1_a_net"].vector.tolist() == [1, 0]


def test_one_for_every_frame() -> None:
    found = pooled("per_frame")
    assert set(found) == {
        "v_1_a_000000500_net", "v_1_a_000001999_net", "v_1_b_000002000_net", "v_1_a_000001000_other",
    }  # fmt: skip
    one = found["v_1_a_000001999_net"]
    assert (one.clip_id, one.frame_id, one.vector.tolist()) == ("v_1_a", "v_1_000001999", [0, 1])


def test_a_frame_without_a_time_fails_its_video() -> None:
    odd = Embedding("v_1_x_net", "v_1", "net (1)", np.ones(2, np.float16), frame_id="v_1_x")
    with ClipEmbeddings().open(StepContext(Path("."), {})) as work:
        [answer] = work([ClipEmbeddingsInput(VIDEO, CLIPS, [odd])])
    assert isinstance(answer, RowError)
    assert answer.kind == "bad_id"


def test_frames_must_have_been_encoded() -> None:
    ClipEmbeddings().check([TextEmbeddings(), FrameEmbeddings()])
    with pytest.raises(UserError, match="no step before it makes them") as caught:
        ClipEmbeddings().check([TextEmbeddings()])
    assert "captioners.frame_embeddings" in caught.value.hint
