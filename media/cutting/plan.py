"""How a clip is cut: which packets are copied, which frames are encoded, what must be decoded for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...engine.contract.errors import RowError
from ...schemas.ids import SAME_TIME_S
from .index import FrameIndex, Packets


class IndexRange(NamedTuple):
    """``[first, last)``: of packets in file order, or of ticks."""

    first: int
    last: int


NOTHING = IndexRange(0, 0)


class CutPlan(NamedTuple):
    """One clip's file: it begins with its first own frame and ends where the clip ends."""

    cut: str  # copy, smart or encode
    start: int  # ticks
    end: int  # ticks
    copied: IndexRange  # packets
    encoded: tuple[IndexRange, ...]  # ticks: before and after what is copied

    def packets(self, index: FrameIndex) -> list[IndexRange]:
        """The packets to decode for the frames to encode."""
        if index.packets is None:
            return [IndexRange(0, np.iinfo(np.int64).max)]
        return [to_decode(index.packets, ticks) for ticks in self.encoded if ticks.first < ticks.last]


def plan(index: FrameIndex, start_s: float, end_s: float, cut: str) -> CutPlan:
    """Plan the clip ``[start_s, end_s)``; ``smart`` and ``copy`` become ``encode`` where they cannot be.

    Raises:
        RowError: ``no_frames``, where no frame begins in the clip.
    """
    first, last = (int(np.searchsorted(index.frames, _ceil(index, t))) for t in (start_s, end_s))
    if first >= last:
        raise RowError(f"no frame begins between {start_s:.3f} s and {end_s:.3f} s", "no_frames")
    start, final = int(index.frames[first]), int(index.frames[last - 1])
    limit = int(index.frames[last]) if last < len(index.frames) else index.end
    end = max(min(round(end_s / index.tick), limit), final + 1)
    made = None
    if index.packets is not None and cut == "copy":
        made = _copy(index, index.packets, start, final)
    elif index.packets is not None and cut == "smart" and index.sets is not None:
        made = _smart(index.packets, start, end, final)
    return made or CutPlan("encode", start, end, NOTHING, (IndexRange(start, end),))


def _ceil(index: FrameIndex, time_s: float) -> int:
    return int(np.ceil((time_s - SAME_TIME_S) / float(index.tick)))


def _smart(packets: Packets, start: int, end: int, final: int) -> CutPlan | None:
    """Copy from the first IDR frame inside the clip as far as whole groups of frames go."""
    inside = np.flatnonzero(packets.idr & ~packets.hidden & (packets.ticks >= start) & (packets.ticks <= final))
    if not len(inside):
        return None
    first = int(inside[0])
    ends = _whole(packets, first)
    ends = ends[np.maximum.accumulate(packets.ticks[first:])[ends - first - 1] <= final]
    if not len(ends):
        return None
    copied = IndexRange(first, int(ends[-1]))
    resume = _next(packets, copied.last, end)
    head, tail = IndexRange(start, int(packets.ticks[first])), IndexRange(min(resume, end), end)
    return CutPlan("smart", start, end, copied, (head, tail))


def _copy(index: FrameIndex, packets: Packets, start: int, final: int) -> CutPlan | None:
    """Copy from the key frame at or before the start up to the last whole group of frames."""
    before = np.flatnonzero(packets.key & ~packets.hidden & (packets.ticks <= start))
    if not len(before):
        return None
    first = int(before[-1])
    ends = _whole(packets, first)
    shown = np.maximum.accumulate(packets.ticks[first:])[ends - first - 1]
    good = ends[(shown >= start) & (shown <= final)]
    chosen = good[-1:] if len(good) else ends[shown > final][:1]
    if not len(chosen):
        return None
    copied = IndexRange(first, int(chosen[0]))
    return CutPlan("copy", int(packets.ticks[first]), _next(packets, copied.last, index.end), copied, ())


def _whole(packets: Packets, first: int) -> np.typing.NDArray[np.int64]:
    """Where a copy that begins at ``first`` may end: all that was sent is shown before all that follows."""
    ticks = packets.ticks[first:]
    hidden = np.flatnonzero(packets.hidden[first:])
    stop = int(hidden[0]) if len(hidden) else len(ticks)
    sent = np.maximum.accumulate(ticks)
    follows = np.append(np.minimum.accumulate(ticks[::-1])[::-1][1:], np.iinfo(np.int64).max)
    return first + 1 + np.flatnonzero((sent < follows)[:stop])


def _next(packets: Packets, after: int, default: int) -> int:
    """When the next frame is shown after the packets up to ``after``."""
    rest = packets.ticks[after:][~packets.hidden[after:]]
    return int(rest.min()) if len(rest) else default


def to_decode(packets: Packets, ticks: IndexRange) -> IndexRange:
    """The packets that the frames in ``ticks`` need: from a key frame to the last of them."""
    wanted = np.flatnonzero((packets.ticks >= ticks.first) & (packets.ticks < ticks.last) & ~packets.hidden)
    if not len(wanted):
        return NOTHING
    before = np.flatnonzero(packets.key[: wanted[0] + 1] & (packets.ticks[: wanted[0] + 1] <= ticks.first))
    return IndexRange(int(before[-1]) if len(before) else 0, int(wanted[-1]) + 1)


def merge_ranges(reaches: list[IndexRange]) -> list[IndexRange]:
    """The same packets in ascending order, each once."""
    found: list[IndexRange] = []
    for reach in sorted(r for r in reaches if r.first < r.last):
        if found and reach.first <= found[-1].last:
            found[-1] = IndexRange(found[-1].first, max(found[-1].last, reach.last))
        else:
            found.append(reach)
    return found
