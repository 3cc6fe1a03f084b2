"""How damage spreads from the frames that a decoder marks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cliploom.media.damage import FrameHealth


def damaged(frames: str, *bad_packets: int) -> str:
    """``I``: key frame, ``P``, ``B``; in lower case corrupt; ``_``: missing. What is damaged is marked with ``x``."""
    health = FrameHealth()
    for at, letter in enumerate(frames):
        frame: Any = SimpleNamespace(
            pts=10 * at, key_frame=letter in "Ii", pict_type="IPB".index(letter.upper()) + 1 if letter != "_" else 0,
            is_corrupt=letter.islower(),
        )  # fmt: skip
        if letter != "_":
            health.add(frame)
    return "".join("x" if bad else "." for bad in health.find_damage([10 * at for at in bad_packets]).tolist())


@pytest.mark.parametrize(
    ("frames", "spread"),
    [
        ("IPPPIPP", "......."),
        ("IPpPIPP", "..xx..."),  # up to the next key frame
        ("IPPiPPI", "...xxx."),  # a key frame too
        ("IBBpBBPI", ".xxxxxx."),  # B-frames before it refer to it
        ("IBbBPBBP", ".xxx...."),  # a B-frame harms those beside it alone
        ("IPPPp", "....x"),
    ],
)
def test_damage_spreads_as_far_as_frames_refer_to_each_other(frames: str, spread: str) -> None:
    assert damaged(frames) == spread


@pytest.mark.parametrize(
    ("frames", "bad", "spread"),
    [
        ("IPP_PPIP", 3, "..xxx.."),  # the frame before is shown in its place, those after refer to it
        ("IPPP_", 4, "...."),  # the file ends there
        ("IPP_IP", 3, "..x.."),
        ("IPPPIP", 2, "..xx.."),  # a packet that came damaged, of which a frame was made
    ],
)
def test_packets_that_fail_or_come_damaged_count(frames: str, bad: int, spread: str) -> None:
    assert damaged(frames, bad) == spread


def test_without_times_packets_cannot_be_told_apart() -> None:
    health = FrameHealth()
    for _ in range(3):
        frame: Any = SimpleNamespace(pts=None, key_frame=False, pict_type=2, is_corrupt=False)
        health.add(frame)
    assert not health.find_damage([20]).any()
    assert not FrameHealth().find_damage([20]).any()
