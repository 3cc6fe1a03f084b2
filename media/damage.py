"""Which frames of a video are damaged."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Flags = NDArray[np.bool_]

_KEY, _BETWEEN, _CORRUPT = 1, 2, 4
_B = 3  # FFmpeg's AV_PICTURE_TYPE_B
_UNKNOWN = np.iinfo(np.int64).min


class FrameHealth:
    """What a decoder says of each frame, and which frames are damaged after that.

    Damage spreads: what is decoded after a corrupt or missing frame refers to it, up to the next key frame; of B-frames
    it reaches those beside them. Decoders mark only where it begins. What they repair without a word (single bits in
    VP8, VP9, HEVC or JPEG) is not found.
    """

    def __init__(self) -> None:
        self._kinds, self._pts = bytearray(), array("q")

    def add(self, frame: VideoFrame) -> None:
        """Take in the next frame, in the order in which they are shown."""
        kind = _KEY * bool(frame.key_frame) | _BETWEEN * (frame.pict_type == _B) | _CORRUPT * bool(frame.is_corrupt)
        self._kinds.append(kind)
        self._pts.append(_UNKNOWN if frame.pts is None else frame.pts)

    def find_damage(self, bad_packets: Sequence[int]) -> Flags:
        """For each frame, ``(N,)``, whether it is damaged.

        ``bad_packets``: the times, in the stream's units, of packets that came damaged or did not decode.
        """
        kinds, pts = np.frombuffer(self._kinds, np.uint8), np.array(self._pts, np.int64)
        between, keys = (kinds & _BETWEEN) > 0, np.flatnonzero(kinds & _KEY)
        found, corrupt = np.zeros(len(kinds), np.bool_), (kinds & _CORRUPT) > 0
        if (np.diff(pts) > 0).all():  # else no packet can be told by its time
            corrupt |= np.isin(pts, bad_packets)
            for at in np.searchsorted(pts, np.setdiff1d(bad_packets, pts)).tolist():
                found[_first(between, at) : _next(keys, at)] = True
                if 0 < at < len(found):
                    found[at - 1] = True  # it is shown in place of what is missing
        for at in np.flatnonzero(corrupt).tolist():
            found[_first(between, at) : _last(between, at) if between[at] else _next(keys, at + 1)] = True
        return found


def _first(between: Flags, at: int) -> int:
    """The first of the B-frames before a frame: they may refer to it."""
    while at > 0 and between[at - 1]:
        at -= 1
    return at


def _last(between: Flags, at: int) -> int:
    while at < len(between) and between[at]:
        at += 1
    return at


def _next(keys: NDArray[np.intp], at: int) -> int | None:
    """The first key frame at or after a place; None where there is none."""
    after = int(np.searchsorted(keys, at))
    return int(keys[after]) if after < len(keys) else None
