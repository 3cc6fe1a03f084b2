"""When the packets of a clip are sent, shown, and how long they last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .index import reorder


class PacketTimes(NamedTuple):
    """One packet's times, in ticks; the clip's first picture is shown at 0."""

    shown: int
    sent: int
    lasts: int


class ClipTiming(NamedTuple):
    """The times of all packets in the order of the file, and how long a frame usually is shown."""

    packets: list[PacketTimes]
    usual: int


def timing(ticks: Sequence[int], start: int, end: int) -> ClipTiming:
    """Times for packets that show their frames at ``ticks``, in the order in which they are sent.

    They depend on nothing but when frames are shown: what the source says of sending does not fit
    where copied and encoded stretches meet. Every packet is sent as late as the order allows, at the
    time of the frame that is shown as many frames earlier as the order needs. The first frame is shown
    at 0 even where the clip's own first frame is missing; the last ends with the clip.
    """
    shown, total = np.asarray(ticks, np.int64) - start, end - start
    order = np.argsort(shown, kind="stable")
    shown[order[0]] = 0
    ascending = shown[order]
    between = np.diff(ascending, append=total)
    lasts = np.empty_like(shown)
    lasts[order] = between
    delay = reorder(shown)
    late = ascending[: len(order) - delay]
    # mp4 knows the length of a track as the time from the first sending to the last, and the last
    # packet's length: it must come out as the clip's, without a frame that is shown beyond its end.
    lead = delay * max(1, int(between[:-1].min(initial=total)))
    last = min(max(1, total - lead - int(late[-1])), total - int(shown[-1]))
    lead = max(lead, total - last - int(late[-1])) if delay else 0
    lasts[-1] = last
    sent = np.concatenate((-lead * np.arange(delay, 0, -1) // max(1, delay), late))
    rows = [PacketTimes(*row) for row in zip(shown.tolist(), sent.tolist(), lasts.tolist(), strict=True)]
    return ClipTiming(rows, int(np.median(between)))
