"""Where most motion is and which way it goes, as 14 numbers of 15 fields of optical flow.

Wang et al. 2019, "Self-supervised spatio-temporal representation learning for videos by predicting motion and
appearance statistics" (https://arxiv.org/abs/1904.03597), as the authors' code has it (laura-wang/video_repres_sts,
``sts/``). Fields are ``(15, 112, 112)`` float, from 16 frames of 128 x 171 whose middle was cut out. What is largest is
the first of equals.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Fields = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

SIDE = 112
FRAMES = 16
_BINS = 8
_UNIT = 360 / _BINS


class Boundary(NamedTuple):
    """How a component of flow changes from place to place: derivatives along the columns and along the rows."""

    dx: Fields
    dy: Fields


def from_bytes(stored: NDArray[np.uint8]) -> Fields:
    """Flow in pixels, -20 to 20, of what the authors stored as bytes."""
    return np.asarray(stored * (40 / 255) - 20, np.float64)


def motion_boundary(flow: Fields) -> Boundary:
    """Prewitt derivatives of ``(N, H, W)`` fields, mirrored at the edges, with the sign of a convolution."""
    wide = np.pad(flow, ((0, 0), (1, 1), (1, 1)), "symmetric")
    across = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    along = wide[:, :, :-2] + wide[:, :, 1:-1] + wide[:, :, 2:]
    return Boundary(across[:, :, :-2] - across[:, :, 2:], along[:, :-2] - along[:, 2:])


def block_masks() -> list[Flags]:
    """Pattern 1: 16 blocks of 28 x 28, row by row."""
    masks = []
    for row in range(4):
        for column in range(4):
            mask = np.zeros((SIDE, SIDE), bool)
            mask[28 * row : 28 * (row + 1), 28 * column : 28 * (column + 1)] = True
            masks.append(mask)
    return masks


def ring_masks() -> list[Flags]:
    """Pattern 2: a square of 28 x 28 in the middle, and three rings around it, 14 wide."""
    masks, inner = [], np.zeros((SIDE, SIDE), bool)
    for margin in (42, 28, 14, 0):
        whole = np.zeros((SIDE, SIDE), bool)
        whole[margin : SIDE - margin, margin : SIDE - margin] = True
        masks.append(whole & ~inner)
        inner = whole
    return masks


def triangle_masks() -> list[Flags]:
    """Pattern 3: eight triangles with a corner in the middle; both of a quarter have its diagonal."""
    low, high = np.tril(np.ones((56, 56), bool)), np.triu(np.ones((56, 56), bool))
    flipped = (high[:, ::-1], low[:, ::-1])
    quarters = [((0, 0), (low, high)), ((0, 56), flipped), ((56, 0), flipped), ((56, 56), (low, high))]
    masks = []
    for (top, left), halves in quarters:
        for half in halves:
            mask = np.zeros((SIDE, SIDE), bool)
            mask[top : top + 56, left : left + 56] = half
            masks.append(mask)
    return masks


def direction(magnitude: Fields, angle: Fields) -> int:
    """The strongest of eight directions, from 0, by a vote of each place for the two next to its angle (degrees)."""
    low = (angle / _UNIT).astype(np.int64) % _BINS
    part = (angle.astype(np.float64) % _UNIT) / _UNIT
    votes = np.bincount(low.ravel(), (magnitude * (1 - part)).ravel(), _BINS)
    votes += np.bincount(((low + 1) % _BINS).ravel(), (magnitude * part).ravel(), _BINS)
    return int(votes.argmax())


def motion_labels(u: Fields, v: Fields) -> list[int]:
    """14 numbers from 1 on: for each pattern block and direction of ``u``, then of ``v``; then the frame of each.

    Where nothing changes at all, pattern 1 has 0 for both, as the authors' code gives.

    Raises:
        ValueError: the fields are of another shape.
    """
    if u.shape != (FRAMES - 1, SIDE, SIDE) or v.shape != u.shape:
        raise ValueError(f"fields of flow are (15, 112, 112), not {u.shape} and {v.shape}")
    boundaries = [motion_boundary(flow) for flow in (u, v)]
    sums = [_polar(one.dx.sum(axis=0), one.dy.sum(axis=0)) for one in boundaries]
    labels: list[int] = []
    for masks, is_mean in ((block_masks(), False), (ring_masks(), True), (triangle_masks(), False)):
        for magnitude, angle in sums:
            labels += _largest(magnitude, angle, masks, is_mean)
    return labels + [int(_frame_sums(one).argmax()) + 1 for one in boundaries]


def _largest(magnitude: Fields, angle: Fields, masks: list[Flags], is_mean: bool) -> list[int]:
    values = [magnitude[mask].mean() if is_mean else magnitude[mask].sum() for mask in masks]
    best = int(np.argmax(values))
    if len(masks) == 16 and not values[best] > 0:
        return [0, 0]
    return [best + 1, direction(magnitude[masks[best]], angle[masks[best]]) + 1]


def _frame_sums(boundary: Boundary) -> Fields:
    return np.array([_polar(dx, dy)[0].sum() for dx, dy in zip(boundary.dx, boundary.dy, strict=True)])


def _polar(dx: Fields, dy: Fields) -> tuple[Fields, Fields]:
    """Magnitude, and angle in degrees, as OpenCV computes it: to a third of a degree."""
    import cv2

    magnitude, angle = cv2.cartToPolar(np.ascontiguousarray(dx), np.ascontiguousarray(dy), angleInDegrees=True)
    return np.asarray(magnitude), np.asarray(angle)
