"""Where the frames of a video lie in its file: read from the packets, without decoding."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import RowError
from ..clock import JUMP_S, Clock
from ..container import best_video, fraction, is_joinable, open_media
from ..decode import StreamObservers, decode_all, demux_packets
from .h264 import IDR, PPS, SPS, BitstreamError, ParameterSets, begins_anew, nal_units, parameter_sets, read_sps

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

Ticks = NDArray[np.int64]
Flags = NDArray[np.bool_]

MOST_DELAY = 32
"""No codec shows a frame this many packets later than it is sent: the times are not to be trusted."""
_FINEST = 1_000_000
"""Ticks per second; players get into trouble with finer ones."""
_ODD_TICK = Fraction(1, 90_000)
_TRIED_FRAMES = 300


@dataclass(frozen=True)
class Packets:
    """The packets of a video stream in file order, ``(N,)`` each."""

    ticks: Ticks  # when the frame is shown
    key: Flags  # a decoder can begin here
    idr: Flags  # nothing after it refers to anything before it (H.264)
    hidden: Flags  # decoded but not shown


@dataclass(frozen=True)
class FrameIndex:
    """The frames of a video by time.

    ``packets`` is None where the file's own times are not to be trusted (missing, twice the same,
    going back); the n-th frame that decodes is then the n-th of ``frames``.
    """

    tick: Fraction  # seconds
    ratio: Fraction  # ticks per unit of the stream's own time base
    frames: Ticks  # when each frame is shown, ascending
    end: int  # end of the last frame
    packets: Packets | None
    sets: ParameterSets | None  # of an H.264 stream that edges can be added to
    shifts: tuple[float, ...] = ()  # seconds added after each new start of the clock, as ``Clock.shifts``

    def ticks(self, pts: int) -> int:
        """A time of the stream in ticks."""
        return pts if self.ratio == 1 else round(pts * self.ratio)

    def seconds(self, ticks: int) -> float:
        """Ticks in seconds, on the container's clock."""
        return float(ticks * self.tick)


def read_index(path: str) -> FrameIndex:
    """Read all packets of a file's best video stream.

    Raises:
        RowError: ``unreadable`` or ``too_large`` as ``open_media`` says; ``no_video``.
    """
    with open_media(path) as container:
        stream = best_video(container)
        if stream is None:
            raise RowError(f"{os.path.basename(path)}: it has no pictures", "no_video")
        index = _from_packets(container, stream)
        # No frame is sent out of order, though the codec has prepared for it: perhaps the file tells
        # only when frames are sent.
        doubtful = index is not None and not _late(index) and stream.codec_context.reorder_depth > 0
    if index is None or (doubtful and not _ascends(path)):
        return _by_decoding(path)
    return index


def _from_packets(container: InputContainer, stream: VideoStream) -> FrameIndex | None:
    base = fraction(stream.time_base) or _ODD_TICK
    tick = Fraction(1, base.denominator) if base.denominator <= _FINEST else _ODD_TICK
    step = max(1, round(1 / float(stream.guessed_rate or 25) / tick))
    sets = _plain_sets(stream)
    reader = _PacketReader(sets, _length_size(stream))
    for packet in demux_packets(container, [stream], []):
        if packet.size:
            reader.add(packet)
    if not reader.is_sane(round(JUMP_S / base) if is_joinable(container) else None):
        return None
    ratio = base / tick
    exact = ratio.denominator == 1
    ticks = np.array([t * ratio.numerator if exact else round(t * ratio) for t in reader.pts], np.int64)
    hidden = np.array(reader.hidden, np.bool_)
    frames = np.sort(ticks[~hidden])
    end = 0
    if len(frames):
        last = reader.durations[int(np.argmax(np.where(hidden, np.iinfo(np.int64).min, ticks)))]
        end = int(frames[-1]) + (max(1, round(last * ratio)) if last else step)
    packets = Packets(ticks, np.array(reader.key, np.bool_), np.array(reader.idr, np.bool_), hidden)
    return FrameIndex(tick, ratio, frames, end, packets, sets if reader.uniform else None)


def reorder(ticks: Ticks) -> int:
    """By how many packets a frame may be sent before it is shown; 0 where all are in order."""
    order = np.argsort(ticks, kind="stable")  # order[r]: the packet that is shown as r-th
    return int(np.max(order - np.arange(len(order)), initial=0))


class _PacketReader:
    """Collects what the packets say of themselves."""

    def __init__(self, sets: ParameterSets | None, length_size: int | None) -> None:
        self.pts: list[Any] = []
        self.durations: list[int] = []
        self.key: list[bool] = []
        self.idr: list[bool] = []
        self.hidden: list[bool] = []
        self.uniform = True  # every key frame uses the same parameter sets
        self._sets, self._length_size = sets, length_size

    def add(self, packet: Packet[Any]) -> None:
        units = []
        if packet.is_keyframe and self._length_size is not None:
            units = nal_units(bytes(packet), self._length_size)
        key = packet.is_keyframe and begins_anew(units)
        self.pts.append(packet.pts)
        self.durations.append(packet.duration or 0)
        self.key.append(key)
        self.hidden.append(packet.is_discard)
        self.idr.append(key and self._sets is not None and self._is_idr(units, self._sets))
        self.uniform = self.uniform and not packet.has_sidedata("new_extradata")

    def _is_idr(self, units: list[bytes], sets: ParameterSets) -> bool:
        self.uniform = self.uniform and all(u in sets for u in units if u[0] & 31 in (SPS, PPS))
        return any(u[0] & 31 == IDR for u in units)

    def is_sane(self, longest_gap: int | None) -> bool:
        """Have all packets a time of their own, are they nearly in order, and is no gap too long?"""
        if any(t is None for t in self.pts) or len(set(self.pts)) < len(self.pts):
            return False
        pts = np.array(self.pts, np.int64)
        if longest_gap is not None and np.diff(np.sort(pts)).max(initial=0) > longest_gap:
            return False
        return reorder(pts) <= MOST_DELAY


def _length_size(stream: VideoStream) -> int | None:
    """How the NAL units of an H.264 stream are separated, as ``nal_units`` takes it; None for another codec."""
    context = stream.codec_context
    if context.codec.canonical_name != "h264":
        return None
    extradata = context.extradata or b""
    return (extradata[4] & 3) + 1 if extradata[:1] == b"\1" and len(extradata) > 4 else 0


def _plain_sets(stream: VideoStream) -> ParameterSets | None:
    context = stream.codec_context
    if context.codec.canonical_name != "h264" or not context.extradata or (context.width | context.height) % 2:
        return None  # x264 takes no odd sizes
    try:
        sets = parameter_sets(context.extradata)
        sets.free_id()
        return sets if all(read_sps(s).plain for s in sets.sps) else None
    except BitstreamError:
        return None


def _late(index: FrameIndex) -> int:
    return reorder(index.packets.ticks) if index.packets is not None else 0


def _ascends(path: str) -> bool:
    """Do the first frames come out of the decoder in the order of their times?"""
    import av

    times: list[int] = []
    with open_media(path) as container:
        stream = best_video(container)
        assert stream is not None
        stream.codec_context.thread_type, stream.codec_context.thread_count = "SLICE", 1
        try:
            for frame in container.decode(stream):
                times.append(frame.pts or 0)
                if len(times) == _TRIED_FRAMES:
                    break
        except av.FFmpegError:
            pass  # the frames before the damage tell enough
    return all(a < b for a, b in pairwise(times))


def _by_decoding(path: str) -> FrameIndex:
    """An index by decoding everything: frames get the times that builders.scan gives them."""
    times: list[float] = []

    def watch(frame: Any) -> None:
        lasts_s = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else step_s
        times.append(clock.tell(frame.time, lasts_s))

    with open_media(path) as container:
        stream = best_video(container)
        assert stream is not None
        clock = Clock(is_joinable(container))
        step_s = 1 / float(stream.guessed_rate or 25)
        decode_all(container, [StreamObservers(stream, watch)])
    count = np.arange(len(times))
    frames = np.round(np.array(times, np.float64) / float(_ODD_TICK)).astype(np.int64)
    frames = np.maximum.accumulate(frames - count) + count  # no two at once
    end = round(clock.end_s / _ODD_TICK) if times else 0
    return FrameIndex(_ODD_TICK, Fraction(1), frames, end, None, None, tuple(clock.shifts))
