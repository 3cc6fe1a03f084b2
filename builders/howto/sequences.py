"""Clips that follow each other, drawn by chance, and the orders that their texts may be shuffled into.

As TVTS (Zeng et al. 2022, arXiv:2209.15280): four clips of 3, 4 or 5 s with 1 s between them, at a random place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

CLIPS = 4
LENGTHS_S = (3.0, 4.0, 5.0)
GAP_S = 1.0


class ClipSpan(NamedTuple):
    """``[start_s, end_s)`` in seconds of the video."""

    start_s: float
    end_s: float


def draw_sequence(
    draw: Random, duration_s: float, clips: int = CLIPS, lengths_s: Sequence[float] = LENGTHS_S, gap_s: float = GAP_S
) -> list[ClipSpan]:
    """``clips`` spans of one length each, with ``gap_s`` between them, inside ``[0, duration_s]``.

    The length is drawn from those of ``lengths_s`` for which there is room, then the start; none fits: no spans. Times
    are whole milliseconds.
    """
    fitting = [length for length in lengths_s if sequence_length(length, clips, gap_s) <= duration_s]
    if not fitting or clips < 1:
        return []
    length_s = fitting[int(draw.random() * len(fitting))]
    start_s = math.floor(draw.random() * (duration_s - sequence_length(length_s, clips, gap_s)) * 1000) / 1000
    starts = [round(start_s + number * (length_s + gap_s), 3) for number in range(clips)]
    return [ClipSpan(start_s, round(start_s + length_s, 3)) for start_s in starts]


def sequence_length(length_s: float, clips: int, gap_s: float) -> float:
    """From the first clip's start to the last one's end."""
    return clips * length_s + (clips - 1) * gap_s


def draw_order(draw: Random, clips: int = CLIPS) -> list[int]:
    """A permutation of ``0 … clips - 1``, each as likely: at place ``i`` stands the text of clip ``order[i]``."""
    return sorted(range(clips), key=lambda _: draw.random())


def order_label(order: Sequence[int]) -> int:
    """The class of a permutation: its place among all of them in dictionary order, ``0 … n! - 1``.

    Raises:
        ValueError: it is no permutation of ``0 … n - 1``.
    """
    if sorted(order) != list(range(len(order))):
        raise ValueError(f"{list(order)} is no permutation of 0 to {len(order) - 1}")
    left, label = sorted(order), 0
    for number in order:
        label = label * len(left) + left.index(number)
        left.remove(number)
    return label


def order_of_label(label: int, clips: int = CLIPS) -> list[int]:
    """The permutation of a class.

    Raises:
        ValueError: there is no such class.
    """
    if not 0 <= label < math.factorial(clips):
        raise ValueError(f"{clips} clips have the orders 0 to {math.factorial(clips) - 1}, not {label}")
    left, order = list(range(clips)), []
    for size in range(clips, 0, -1):
        place, label = divmod(label, math.factorial(size - 1))
        order.append(left.pop(place))
    return order
