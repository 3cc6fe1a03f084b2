"""HDR pictures shown as SDR ones."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

PQ, HLG = 16, 18
"""Transfer curves as ITU-T H.273 numbers them."""

_WHITE_NITS = 203.0
"""HDR reference white (ITU-R BT.2408) is SDR white; what is brighter is clipped, as swscale does."""
_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""BT.2020 to BT.709, linear RGB (ITU-R BT.2087)."""


def to_sdr(picture: NDArray[np.uint8], curve: int) -> NDArray[np.uint8]:
    """BT.709 of a BT.2020 picture whose codes follow PQ or HLG; both ``(H, W, 3)`` uint8 BGR."""
    import cv2

    light = np.asarray(cv2.LUT(picture, _light(curve)), np.float32)
    if curve == HLG:  # the picture's brightness bends it once more (system gamma 1.2 of a 1000-nit display)
        luma = light @ np.array([0.0593, 0.6780, 0.2627], np.float32)
        gain = 1000 / _WHITE_NITS * np.power(np.maximum(luma, 1e-6), 0.2)
        light *= gain[..., None].astype(np.float32)
    light = np.asarray(cv2.transform(light, _TO_BT709[::-1, ::-1].copy()), np.float32)
    return np.asarray(np.power(np.clip(light, 0, 1), 1 / 2.4) * 255 + 0.5, np.float32).astype(np.uint8)


@cache
def _light(curve: int) -> NDArray[np.float32]:
    """Linear light of each code, ``(256,)``; for PQ white is 1 (SMPTE ST 2084), for HLG the peak (BT.2100)."""
    code = np.arange(256) / 255
    if curve == HLG:
        high = (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(code <= 0.5, code * code / 3, high).astype(np.float32)
    root = code ** (32 / 2523)
    nits = 10_000 * (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305)
    return (nits / _WHITE_NITS).astype(np.float32)
