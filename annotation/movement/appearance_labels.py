"""Where colours change most and least over a clip, as 13 numbers of 16 frames.

Wang et al. 2019 (https://arxiv.org/abs/1904.03597), as the authors' code has it (laura-wang/video_repres_sts,
``sts/compute_appearance_statistics.py``). Frames are ``(16, 112, 112, 3)`` uint8 BGR. What is largest or least is the
first of equals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .motion_labels import FRAMES, SIDE, Flags, block_masks, ring_masks, triangle_masks

Pictures = NDArray[np.uint8]
PROFILES = ("published", "fixed")

_COLOURS = {  # of (red, green, blue), each in its upper half or not
    (0, 0, 1): 1, (0, 1, 1): 2, (1, 0, 1): 3, (1, 1, 1): 4, (0, 0, 0): 5, (0, 1, 0): 6, (1, 0, 0): 7, (1, 1, 0): 8,
}  # fmt: skip


def overlap(pixels: Pictures) -> float:
    """How much the colours of a block stay the same, ``(16, P, 3)``: of histograms with 256 bins what all frames have,
    of what any has; the mean of the three channels.
    """
    found: Any = np.float32(0)
    for channel in (2, 1, 0):
        bins = [np.bincount(frame, minlength=256) for frame in pixels[:, :, channel]]
        counts = np.array(bins, np.float32)
        found = found + counts.min(axis=0).sum() / counts.max(axis=0).sum()
    return float(found / np.float32(3))


def commonest_colour(pixels: Pictures) -> int:
    """The octant, 1 to 8, of the one value (blue, green, red) that is there most often; ``(…, 3)``."""
    flat = pixels.reshape(-1, 3).astype(np.int64)
    packed = (flat[:, 0] << 16) | (flat[:, 1] << 8) | flat[:, 2]
    value = int(np.bincount(packed).argmax())
    blue, green, red = value >> 16, (value >> 8) & 255, value & 255
    return _COLOURS[red > 127, green > 127, blue > 127]


def appearance_labels(frames: Pictures, profile: str = "published") -> list[int]:
    """13 numbers from 1 on: for each pattern the most diverse block, its colour, the most constant block, its colour;
    then the colour of all.

    The ``published`` code takes the wrong pixels for the colour of the second ring: in place of its lowest part two
    whole frames of the square, with black where the inner square is. ``fixed`` takes the ring.

    Raises:
        ValueError: the frames are of another shape, or there is no such profile.
    """
    if frames.shape != (FRAMES, SIDE, SIDE, 3):
        raise ValueError(f"frames are (16, 112, 112, 3), not {frames.shape}")
    if profile not in PROFILES:
        raise ValueError(f"no profile {profile!r}: {', '.join(PROFILES)}")
    labels: list[int] = []
    for number, masks in enumerate((block_masks(), ring_masks(), triangle_masks())):
        values = [overlap(frames[:, mask]) for mask in masks]
        for best in (int(np.argmin(values)), int(np.argmax(values))):
            pixels = frames[:, masks[best]]
            if profile == "published" and number == 1 and best == 1:
                pixels = _second_ring(frames, masks[1])
            labels += [best + 1, commonest_colour(pixels)]
    return [*labels, commonest_colour(frames)]


def _second_ring(frames: Pictures, ring: Flags) -> Pictures:
    """What the published code counts for it."""
    square = np.where(ring[None, :, :, None], frames, 0).astype(np.uint8)[:, 28:84, 28:84]
    parts = [square[:, :14], square[:, 14:42, :14], square[:, 14:42, -14:], square[:-14]]
    return np.concatenate([part.reshape(-1, 3) for part in parts])
