"""What moves in a clip, and how: measures of its stored frames, on small gray pictures.

``pictures`` are ``(T, H, W)`` float32, 0..255, in order of time; 128 x 72 is the size that the limits were chosen for.
``shots`` says for each picture which shot it belongs to: what changes from shot to shot is no motion.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.float32]
Whole = NDArray[np.int64]

WIDTH, HEIGHT = 128, 72
_MOVES = 4.0
"""Standard deviation over time from which on a pixel moves; the noise of stored JPEGs stays below 2."""


class Movement(NamedTuple):
    """What the camera does, and what it does not explain."""

    camera: float  # mean way of a point of the picture, in widths of the picture per second
    left: float  # share of all change from picture to picture that no camera explains; 0 where nothing changes


class Inset(NamedTuple):
    """How like a moving picture in a still one it is."""

    moving: float  # share that moves inside a rectangle less that outside, 0..1
    border: float  # the second strongest of the rectangle's four borders, as a step of gray, 0..255


class CartoonMeasures(NamedTuple):
    """How like something drawn by a computer a picture is; all are shares of its pixels."""

    flat: float  # like those beside and below them
    plain: float  # of one of its three commonest grays, give or take two
    edges: float  # far from those beside or below them, as those of letters are


def change(pictures: Pictures, shots: Whole) -> Pictures:
    """Standard deviation of each pixel over time within the shots, ``(H, W)``; zero where no shot has two pictures."""
    total, count = np.zeros(pictures.shape[1:], np.float64), 0
    for shot in np.unique(shots):
        held = pictures[shots == shot]
        if len(held) > 1:
            total += held.var(axis=0, dtype=np.float64) * len(held)
            count += len(held)
    return np.sqrt(total / max(count, 1)).astype(np.float32)


def still_share(changed: Pictures) -> float:
    """Share of the pixels in the middle (half the width and height) that do not move; the corners may."""
    high, wide = changed.shape
    middle = changed[high // 4 : high - high // 4, wide // 4 : wide - wide // 4]
    return float((middle < _MOVES).mean())


def movement(pictures: Pictures, times_s: NDArray[np.float64], shots: Whole) -> Movement:
    """The camera's part in the changes from picture to picture; both numbers are 0 where there are no two of a shot.

    The camera is an affine map (pan, zoom, turn), fitted to the brightness of blurred pictures by least squares and at
    first order: it explains ways of some 3 pixels from one picture to the next, but no quick ones.
    """
    pairs = np.flatnonzero(shots[1:] == shots[:-1])
    if not len(pairs):
        return Movement(0.0, 0.0)
    smooth = _blur(pictures.astype(np.float64))
    found = np.asarray([_camera(smooth[at], smooth[at + 1]) for at in pairs])
    way, left, all_ = found.sum(axis=0)
    seconds = float((times_s[pairs + 1] - times_s[pairs]).sum())
    return Movement(float(way / pictures.shape[2] / seconds), float(left / all_) if all_ > 0 else 0.0)


def _blur(pictures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of 5 x 5 pixels; the picture loses two pixels on each side."""
    for axis in (1, 2):
        windows = np.lib.stride_tricks.sliding_window_view(pictures, 5, axis=axis)
        pictures = windows.mean(axis=-1)
    return pictures


def _camera(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean way in pixels of the affine map that explains the change best, the change that it leaves, all change."""
    down, across = np.gradient((one + other) / 2)
    later = (other - one).ravel()
    high, wide = one.shape
    y, x = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j]
    terms = [across, across * x, across * y, down, down * x, down * y]
    design = np.stack([term.ravel() for term in terms], axis=1)
    least = np.linalg.lstsq(design, -later, rcond=1e-6)[0]
    way = np.hypot(least[0] + least[1] * x + least[2] * y, least[3] + least[4] * x + least[5] * y)
    return float(way.mean()), float(np.abs(later + design @ least).mean()), float(np.abs(later).mean())


def inset(changed: Pictures, mean: Pictures) -> Inset:
    """Look for a rectangle in which all moves and around which nothing does; ``mean`` is the clip's mean picture.

    Both numbers are 0 where the rectangle takes less than 5 % or more than 75 % of the picture, and where there is
    nothing to be seen around it: black bars are no screen.
    """
    moving = changed >= _MOVES
    box = _box(moving)
    if box is None:
        return Inset(0.0, 0.0)
    inside = np.zeros(moving.shape, bool)
    inside[box] = True
    if not 0.05 <= inside.mean() <= 0.75 or mean[~inside].std() < 10:
        return Inset(0.0, 0.0)
    rows, columns = box
    sides = [*_borders(mean[:, columns], rows), *_borders(mean[rows].T, columns)]
    return Inset(max(0.0, float(moving[inside].mean() - moving[~inside].mean())), sorted(sides)[-2])


def _borders(strip: Pictures, span: slice) -> tuple[float, float]:
    """The steps of gray at the first and the last row of a span, give or take two; 0 at the picture's own border."""
    steps = np.median(np.abs(np.diff(strip, axis=0)), axis=1)
    one, other = (
        float(steps[at - 3 : at + 2].max()) if 2 < at < len(strip) - 2 else 0.0 for at in (span.start, span.stop)
    )
    return one, other


def _box(moving: NDArray[Any]) -> tuple[slice, slice] | None:
    """The rows and columns between which most moves."""
    rows, columns = slice(None), slice(None)
    for _ in range(2):
        found = _stretch(moving[:, columns].mean(axis=1))
        if found is None:
            return None
        rows = found
        found = _stretch(moving[rows].mean(axis=0))
        if found is None:
            return None
        columns = found
    return rows, columns


def _stretch(shares: NDArray[np.float64]) -> slice | None:
    """From the first to the last place with more than half of what the busiest twentieth has."""
    busy = np.flatnonzero(shares > np.quantile(shares, 0.95) / 2)
    return slice(int(busy[0]), int(busy[-1]) + 1) if len(busy) else None


def measure_cartoon(picture: NDArray[np.uint8]) -> CartoonMeasures:
    """Measures of one whole gray picture, ``(H, W)`` uint8."""
    values = picture.astype(np.int16)
    across, down = np.abs(np.diff(values, axis=1)[:-1]), np.abs(np.diff(values, axis=0)[:, :-1])
    most = np.maximum(across, down)
    counts, plain = np.bincount(picture.ravel(), minlength=256), 0
    for _ in range(3):
        commonest = int(np.convolve(counts, np.ones(5, np.int64), "same").argmax())
        window = slice(max(0, commonest - 2), commonest + 3)
        plain += int(counts[window].sum())
        counts[window] = 0
    return CartoonMeasures(float((most <= 1).mean()), plain / picture.size, float((most >= 40).mean()))


def quiet_share(motion: NDArray[np.float32]) -> float:
    """Share of the video's frames that are as good as the one before (``Signals.motion`` below 0.1); 0 without any."""
    return float((motion < 0.1).mean()) if len(motion) else 0.0
