"""Labels of motion and appearance: against plain loops over the published rules, and on a real film."""

from __future__ import annotations

from math import atan2, degrees, hypot
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cliploom.annotation.movement.appearance_labels import appearance_labels, commonest_colour, overlap
from cliploom.annotation.movement.motion_labels import (
    block_masks,
    direction,
    from_bytes,
    motion_boundary,
    motion_labels,
    ring_masks,
    triangle_masks,
)
from cliploom.annotation.movement_labels import MovementLabels, MovementLabelsInput
from cliploom.engine.contract.errors import RowError
from cliploom.schemas import Clip, Frame
from cliploom.testing import run_step

MEDIA = Path(__file__).parents[1] / "media"


def test_patterns_cover_the_picture() -> None:
    for masks, count in ((block_masks(), 16), (ring_masks(), 4)):
        assert len(masks) == count and (np.sum(masks, axis=0) == 1).all()
    triangles = triangle_masks()
    assert {int(mask.sum()) for mask in triangles} == {1596}
    assert np.sum(triangles, axis=0).sum() == 8 * 1596 and (np.sum(triangles, axis=0) >= 1).all()
    assert [int(mask[0, 0]) for mask in triangles] == [1, 1, 0, 0, 0, 0, 0, 0]
    assert triangles[0][55, 0] and triangles[1][0, 55] and triangles[2][0, 56] and triangles[3][55, 111]
    assert triangles[4][56, 0] and triangles[5][111, 55] and triangles[6][111, 56] and triangles[7][56, 111]


def test_the_boundary_is_that_of_a_convolution() -> None:
    flow = np.random.default_rng(0).normal(size=(1, 6, 7))
    found = motion_boundary(flow)
    wide = np.pad(flow[0], 1, "symmetric")
    for row in range(6):
        for column in range(7):
            part = wide[row : row + 3, column : column + 3]
            assert found.dx[0, row, column] == pytest.approx((part[:, 0] - part[:, 2]).sum())
            assert found.dy[0, row, column] == pytest.approx((part[0] - part[2]).sum())


def test_directions_are_voted_for() -> None:
    assert direction(np.array([1.0]), np.array([0.0])) == 0
    assert direction(np.array([1.0, 0.4]), np.array([350.0, 200.0])) == 0
    assert direction(np.array([1.0]), np.array([100.0])) == 2
    assert direction(np.array([1.0, 1.0]), np.array([92.0, 40.0])) == 2


def _plain(u: np.ndarray, v: np.ndarray) -> list[int]:
    """Pattern 1 and the frames, place by place."""
    found: list[int] = []
    frames = []
    for flow in (u, v):
        edges = motion_boundary(flow)
        frames.append(int(np.hypot(edges.dx, edges.dy).sum(axis=(1, 2)).argmax()) + 1)
        dx, dy = edges.dx.sum(axis=0), edges.dy.sum(axis=0)
        best, most = 0, -1.0
        for block in range(16):
            top, left = 28 * (block // 4), 28 * (block % 4)
            total = sum(hypot(dx[i, j], dy[i, j]) for i in range(top, top + 28) for j in range(left, left + 28))
            best, most = (block, total) if total > most else (best, most)
        votes = [0.0] * 8
        top, left = 28 * (best // 4), 28 * (best % 4)
        for i in range(top, top + 28):
            for j in range(left, left + 28):
                angle = degrees(atan2(dy[i, j], dx[i, j])) % 360
                low, part = int(angle / 45) % 8, angle % 45 / 45
                votes[low] += hypot(dx[i, j], dy[i, j]) * (1 - part)
                votes[(low + 1) % 8] += hypot(dx[i, j], dy[i, j]) * part
        found += [best + 1, votes.index(max(votes)) + 1]
    return found + frames


def test_motion_labels_are_those_of_plain_loops() -> None:
    random = np.random.default_rng(1)
    u, v = random.normal(size=(2, 15, 112, 112))
    u[:, 30:50, 60:80] += np.linspace(0, 40, 20)
    v[7, 90:, :20] += 30
    labels = motion_labels(u, v)
    assert len(labels) == 14 and [*labels[:4], *labels[12:]] == _plain(u, v)
    assert labels[0] == 7 and labels[2] == 13 and labels[13] == 8
    still = np.zeros((15, 112, 112))
    assert motion_labels(still, still) == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    with pytest.raises(ValueError, match="fields of flow"):
        motion_labels(still[:3], still[:3])
    assert from_bytes(np.array([0, 255], np.uint8)).tolist() == [-20, 20]


def test_appearance_labels() -> None:
    frames = np.full((16, 112, 112, 3), (200, 10, 10), np.uint8)
    frames[:, 28:56, 56:84] = np.random.default_rng(0).integers(0, 255, (16, 28, 28, 3), np.uint8)  # block 7 changes
    frames[:, 28:56, 56:84, 2] = 255
    labels = appearance_labels(frames)
    assert labels[0] == 7 and labels[2:4] == [1, 1] and labels[12] == 1
    assert overlap(frames[:, :28, :28].reshape(16, -1, 3)) == 1.0
    assert commonest_colour(np.array([[0, 0, 0], [255, 255, 0], [255, 255, 0]], np.uint8)) == 2
    ring = np.full((16, 112, 112, 3), 200, np.uint8)
    ring[:, 28:84, 28:84] = np.arange(16, dtype=np.uint8)[:, None, None, None] * 9  # the second ring changes ...
    ring[:, 42:70, 42:70] = 100  # ... around a square that does not
    published, fixed = appearance_labels(ring), appearance_labels(ring, "fixed")
    assert published[4] == fixed[4] == 2 and published[:5] == fixed[:5] and published[6:] == fixed[6:]
    with pytest.raises(ValueError, match="frames are"):
        appearance_labels(frames[:8])
    with pytest.raises(ValueError, match="no profile"):
        appearance_labels(frames, "other")


def test_clips_of_a_real_film_are_labelled() -> None:
    with av.open(str(MEDIA / "bbb_480p_20s.mp4")) as film:
        pictures = [
            np.asarray(f.to_ndarray(format="bgr24"), np.uint8)
            for _, f in zip(range(20), film.decode(video=0), strict=False)
        ]
    frames = [
        Frame(f"f{n:02}", "v", n / 24, bytes(cv2.imencode(".jpg", picture)[1]), 1, 1, "0" * 16, 1.0, 1.0)
        for n, picture in enumerate(pictures)
    ]
    clip = Clip("k", "v", 0.0, 1.0, [])
    answers = run_step(MovementLabels(), [MovementLabelsInput(clip, frames), MovementLabelsInput(clip, frames[:9])])
    scores = {score.name: score.value for score in answers[0]}
    assert len(scores) == 27 and all(1 <= value <= 16 for value in scores.values())
    assert isinstance(answers[1], RowError) and answers[1].kind == "few_frames"
