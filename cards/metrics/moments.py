"""Spans of a video and the grades of its parts, against those that people marked: as QVHighlights counts them.

Windows are ``(N, 2)`` seconds, start and end; grades are ``(cells, raters)``. All results are shares, 0 to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def window_iou(first: Floats, second: Floats) -> Floats:
    """What each two windows share, of what either covers: ``(N, M)``; 0 for two of no length."""
    start = np.maximum(first[:, None, 0], second[None, :, 0])
    end = np.minimum(first[:, None, 1], second[None, :, 1])
    shared = np.clip(end - start, 0, None)
    lengths = (first[:, 1] - first[:, 0])[:, None] + (second[:, 1] - second[:, 0])[None, :]
    union = lengths - shared
    made: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union != 0)
    return made


def window_precision(windows: Floats, scores: Floats, gold: Floats, thresholds: Floats) -> Floats:
    """Average precision of one query's windows at each threshold of overlap, interpolated as in VOC 2011.

    From the highest score down each window takes the gold window it overlaps most of those that are free and near
    enough; among equal overlaps the later one. Without a window it is 0.
    """
    order = np.argsort(-scores, kind="stable")
    overlaps = window_iou(windows[order], gold)
    hit = np.zeros((len(thresholds), len(windows)), bool)
    taken = np.zeros((len(thresholds), len(gold)), bool)
    for n, row in enumerate(overlaps):
        for j in np.argsort(row, kind="stable")[::-1]:
            now = (row[j] >= thresholds) & ~taken[:, j] & ~hit[:, n]
            hit[now, n] = taken[now, j] = True
    right = np.cumsum(hit, axis=1, dtype=float)
    precision = right / np.arange(1, len(windows) + 1)
    best_after = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    gained = np.diff(right / len(gold), axis=1, prepend=0.0)
    return np.asarray((gained * best_after).sum(axis=1), np.float64)


def best_overlap(window: Floats, gold: Floats) -> float:
    """How much one window ``(2,)`` overlaps the gold window that it is nearest to."""
    return float(window_iou(window[None, :], gold).max())


def highlight_precision(right: NDArray[np.bool_], scores: Floats) -> float:
    """Average precision of cells in order of their scores: the mean, over the levels of recall that are reached, of
    the best precision at that level or a higher one (as for Video2GIF). 0 or 1 where no cell or all are right.
    """
    if right.all() or not right.any():
        return float(right.all() and right.size > 0)
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # of the cells that have equal scores
    found = np.cumsum(right[order])[last]
    precision = found / (last + 1)
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    first = np.append(True, np.diff(found) > 0) & (found > 0)  # of each level of recall
    return float(best_after[first].mean())


def pad(scores: Floats, cells: int) -> Floats:
    """As many scores as there are cells: those over are left out, those that are missing are 0."""
    return np.pad(scores[:cells], (0, max(0, cells - len(scores))))
