"""The names of a picture's main colours, without a model.

The names are the eleven basic colour terms of English (Berlin & Kay 1969). Each stands for a few
typical colours; a pixel has the name of the one that is nearest in CIELAB (D65, distance CIE76).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

TYPICAL = {
    "black": "000000 181818 1a1420 10181a 201810",
    "white": "ffffff f4f4f4 f7f2ea ecf2f6",
    "grey": "303030 505050 787878 a0a0a0 c8c8c8 5a6066 8a8480 b4bcc0 40444a",
    "red": "ff0000 d01c1c a01018 700c10 e04040",
    "orange": "ff8c00 f07010 e8a050 d06020",
    "yellow": "ffff00 ffd700 f0e060 d8c020 fff8a0",
    "green": "00ff00 20a030 106020 70b850 a8d890 687820 304818 88a060 203020",
    "blue": "0000ff 2050d0 102878 4090e0 88c0f0 101838 20a0c0 506890 204858 00d0e0",
    "purple": "800080 9040c0 5c2070 b890d8 381848 684878",
    "pink": "ffc0cb ff80b0 f040a0 e8a8b8 d07088",
    "brown": "8b4513 6b4020 402410 a07040 c8a070 584838 907858 281c10",
}
"""For each name, typical colours as sRGB."""

_GRID = 32  # a picture is judged on so many pixels a side
_BLACK = 24  # a bar is nowhere brighter, save for a hundredth of it (compression)

_WHITE = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def main_colours(images: Sequence[NDArray[np.uint8]], most: int = 3, min_share: float = 0.12) -> list[str]:
    """Up to ``most`` names that fill at least ``min_share`` of ``(H, W, 3)`` uint8 RGB pictures, the largest first."""
    names, typical = _palette()
    areas = np.zeros(len(names))
    for image in images:
        distance = ((_lab(_thin(_without_bars(image)))[:, None] - typical[None]) ** 2).sum(axis=2)
        areas += np.bincount(distance.argmin(axis=1), minlength=len(names)) / len(distance)
    shares = {name: 0.0 for name in TYPICAL}
    for name, area in zip(names, areas / max(1, len(images)), strict=True):
        shares[name] += area
    order = sorted(shares, key=lambda name: -shares[name])
    return [name for name in order[:most] if shares[name] >= min_share]


@cache
def _palette() -> tuple[list[str], NDArray[np.float64]]:
    names = [name for name, colours in TYPICAL.items() for _ in colours.split()]
    colours = [bytes.fromhex(colour) for colours in TYPICAL.values() for colour in colours.split()]
    return names, _lab(np.array([list(colour) for colour in colours], np.uint8))


def _without_bars(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture between two black bars. What ends on all four sides is a title on black and stays as it is."""
    lit = image.max(axis=2) > _BLACK
    rows, columns = (np.flatnonzero(lit.mean(axis=axis) > 0.01) for axis in (1, 0))
    if len(rows) < 0.95 * lit.shape[0] and len(columns) < 0.95 * lit.shape[1]:
        return image
    return np.asarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _thin(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """About ``_GRID`` x ``_GRID`` pixels of it, as ``(N, 3)``."""
    rows, columns = (np.linspace(0, size - 1, min(size, _GRID)).astype(int) for size in image.shape[:2])
    return np.asarray(image[rows][:, columns].reshape(-1, 3))


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """``(N, 3)`` sRGB to CIELAB (IEC 61966-2-1, CIE 15)."""
    encoded = rgb / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
