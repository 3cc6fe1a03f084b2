"""Cuts all clips of one video in one pass over its file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..container import decoder
from ..decode import demux_packets
from ..deinterlace import Deinterlacer
from .clip_file import AFTER, BEFORE, ClipFile
from .index import reorder
from .measure import StreamTimes
from .plan import CutPlan, IndexRange, merge_ranges

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

    from .sound import SoundRun
    from .source import VideoSource

_LEAD_S, _TRAIL_S = 0.5, 0.25
"""Sound is decoded from before a clip, as codecs take some packets to get going, until after it."""

_LAG_S = 30.0
"""Sound that lies this far behind the pictures in the file is given up: the track has ended."""


class ClipOrder(NamedTuple):
    """A clip to be cut, and its file."""

    plan: CutPlan
    path: Path


class FrameRequest(NamedTuple):
    """Something that one clip wants of a stretch of the video."""

    first: float
    last: float  # exclusive
    clip: int
    part: int = 0


class RequestWindow:
    """Who wants what is at a position that only grows."""

    def __init__(self, wants: Iterable[FrameRequest]) -> None:
        self._waiting = deque(sorted(wants))
        self._active: list[FrameRequest] = []

    def at(self, position: float) -> list[FrameRequest]:
        """Those that begin at or before the position and have not ended."""
        while self._waiting and self._waiting[0].first <= position:
            self._active.append(self._waiting.popleft())
        return self._active

    def pop_until(self, position: float) -> list[FrameRequest]:
        """Those that end at or before the position; each is told once."""
        over = [w for w in self.at(position) if w.last <= position]
        if over:
            self._active = [w for w in self._active if w.last > position]
        return over


class DecodeStage:
    """One stretch of packets that is decoded, and the frames that are wanted of it."""

    def __init__(self, reach: IndexRange, wants: Iterable[FrameRequest]) -> None:
        self.reach, self.window = reach, RequestWindow(wants)


class Cutter:
    """One video's clips in the making."""

    def __init__(self, container: InputContainer, audio: AudioStream | None, source: VideoSource) -> None:
        self._container, self._audio, self._source = container, audio, source
        self._context = decoder(source.stream)
        # Where the stream does not say how far it is out of order, decoders guess too little and lose frames.
        packets = source.index.packets
        self._trusted = packets is not None  # else times of packets are not those of the index
        self._reorder = max(self._context.reorder_depth, reorder(packets.ticks) if packets is not None else 0)
        self._context.reorder_depth = self._reorder
        for context in [self._context] + ([audio.codec_context] if audio is not None else []):
            # Frame threads hang on some damaged files, and cost more CPU.
            context.thread_type, context.thread_count = "SLICE", 1
        self._sound_base = float(audio.time_base or 0) if audio is not None else 0.0
        self._heard = False
        self._frames = self._number = 0
        self._deinterlacer: Deinterlacer[int | None] = Deinterlacer()

    def cut(self, orders: list[ClipOrder]) -> list[StreamTimes | None]:
        """Write all files; None stands for a clip of which nothing decodes."""
        self._orders = orders
        self._made: dict[int, StreamTimes | None] = {}
        self._files: dict[int, ClipFile] = {}
        self._left = [self._pieces(o.plan) for o in orders]
        # What is joined to copied pictures stays as those are.
        self._deinterlaces = all(o.plan.cut != "smart" for o in orders)
        self._copies = RequestWindow(
            FrameRequest(*o.plan.copied, i) for i, o in enumerate(orders) if o.plan.copied.last
        )
        self._stages = deque(self._iterate_stages())
        self._needed = self._packets_to_encode()
        self._sounds = RequestWindow(())
        if self._audio is not None:
            spans = [(self._source.index.seconds(o.plan.start), self._source.index.seconds(o.plan.end)) for o in orders]
            self._sounds = RequestWindow(FrameRequest(s - _LEAD_S, e + _TRAIL_S, i) for i, (s, e) in enumerate(spans))
        try:
            self._read()
            for clip in range(len(orders)):
                self._finish(clip)
        finally:
            for file in self._files.values():
                file.discard()
        return [self._made[clip] for clip in range(len(orders))]

    def _pieces(self, plan: CutPlan) -> int:
        """How many things must be over before a clip is complete."""
        encoded = sum(r.first < r.last for r in plan.encoded)
        return encoded + (plan.copied.first < plan.copied.last) + (self._audio is not None)

    def _iterate_stages(self) -> Iterator[DecodeStage]:
        index = self._source.index
        stretches = []
        for clip, order in enumerate(self._orders):
            real = [(r, p) for r, p in zip(order.plan.encoded, (BEFORE, AFTER), strict=False) if r.first < r.last]
            for packets, (ticks, part) in zip(order.plan.packets(index), real, strict=True):
                stretches.append((packets, FrameRequest(*ticks, clip, part)))
        for reach in merge_ranges([packets for packets, _ in stretches]):
            yield DecodeStage(reach, [w for p, w in stretches if reach.first <= p.first < reach.last])

    def _packets_to_encode(self) -> Any:
        """Of each packet, whether its frame is to be encoded; the others only serve as references."""
        packets = self._source.index.packets
        if packets is None:
            return None
        needed = np.zeros(len(packets.ticks), np.bool_)
        if self._context.name == "libdav1d":  # it takes what the first packet may leave out for all that follow
            needed[:] = True
        for order in self._orders:
            for first, last in order.plan.encoded:
                needed |= (packets.ticks >= first) & (packets.ticks < last)
        return needed

    def _read(self) -> None:
        streams: list[Stream] = [self._source.stream, *([self._audio] if self._audio is not None else [])]
        sounding = {s.index for s in streams[1:]}  # joined files grow new streams on the way
        for packet in demux_packets(self._container, streams, []):
            if packet.stream_index == self._source.stream.index:
                if packet.size:
                    self._see(packet)
            elif packet.stream_index in sounding:
                self._hear(packet)
            if len(self._made) == len(self._orders):
                return
        self._drain()
        for heard in self._source.listener.end_run() if self._source.listener is not None else ():
            self._deal(heard)

    def _see(self, packet: Packet[Any]) -> None:
        number, self._number = self._number, self._number + 1
        ticks = self._source.index.ticks(packet.pts) if packet.pts is not None else 0
        for want in self._copies.pop_until(number):
            self._over(want.clip)
        for want in self._copies.at(number):
            self._file(want.clip).copy(packet, ticks)
        if packet.is_keyframe and packet.pts is not None and self._trusted:
            self._end_sounds(self._source.index.seconds(ticks) - _LAG_S)
        if self._stages and self._stages[0].reach.first <= number:
            self._decode(packet, number)
            if number + 1 >= self._stages[0].reach.last:
                self._drain()

    def _decode(self, packet: Packet[Any] | None, number: int = 0) -> None:
        import av

        if self._needed is not None and packet is not None:
            self._context.skip_frame = "DEFAULT" if self._needed[number] else "NONREF"
        try:
            frames = self._context.decode(packet)
        except av.EOFError:
            return
        except (av.FFmpegError, ValueError):
            return  # a damaged packet: its frame is missing, the one before is shown longer
        for frame in frames:
            for shown, pts in self._deinterlacer.add(frame, frame.pts) if self._deinterlaces else ((frame, frame.pts),):
                self._show(shown, pts)

    def _show(self, frame: VideoFrame, pts: int | None) -> None:
        index = self._source.index
        if index.packets is None:
            if self._frames >= len(index.frames):
                return
            ticks, self._frames = int(index.frames[self._frames]), self._frames + 1
            self._end_sounds(index.seconds(ticks) - _LAG_S)
        elif pts is None:
            return
        else:
            ticks = index.ticks(pts)
        window = self._stages[0].window
        self._end_stretches(window.pop_until(ticks))
        for want in window.at(ticks):
            self._file(want.clip).encode(want.part, frame, ticks)

    def _drain(self) -> None:
        """A stretch of packets is over: get the last frames out, and make the decoder ready for the next."""
        if not self._stages:
            return
        self._decode(None)
        for shown, pts in self._deinterlacer.end():
            self._show(shown, pts)
        stage = self._stages.popleft()
        self._context.flush_buffers()
        self._context.reorder_depth = self._reorder  # flushing forgets it, and frames would be lost
        self._end_stretches(stage.window.pop_until(float("inf")))

    def _end_stretches(self, wants: list[FrameRequest]) -> None:
        for want in wants:
            if want.clip in self._files:
                self._files[want.clip].end_part(want.part)
            self._over(want.clip)

    def _hear(self, packet: Packet[Any]) -> None:
        import av

        listener = self._source.listener
        assert listener is not None
        if packet.pts is not None and self._trusted:
            time_s = packet.pts * self._sound_base
            self._end_sounds(time_s)
            if not self._sounds.at(time_s):
                return
        sounds: list[SoundRun] = []
        try:
            for frame in packet.decode():
                sounds += listener.add(frame)  # type: ignore[arg-type]
        except (av.FFmpegError, ValueError):
            pass  # silence stands in for what does not decode, or has channels that nobody can place
        for heard in sounds:
            self._deal(heard)

    def _deal(self, heard: SoundRun) -> None:
        assert self._source.listener is not None
        self._heard = True
        rate = self._source.listener.rate
        until_s = heard.run_s + (heard.first + heard.samples.shape[1]) / rate
        for want in self._sounds.at(until_s + _LEAD_S):
            self._file(want.clip).hear(heard)
        if not self._trusted:
            self._end_sounds(heard.run_s + heard.first / rate)

    def _end_sounds(self, time_s: float) -> None:
        for want in self._sounds.pop_until(time_s):
            self._over(want.clip)

    def _over(self, clip: int) -> None:
        self._left[clip] -= 1
        if not self._left[clip]:
            self._finish(clip)

    def _file(self, clip: int) -> ClipFile:
        if clip not in self._files:
            order = self._orders[clip]
            self._files[clip] = ClipFile(order.path, order.plan, self._source)
        return self._files[clip]

    def _finish(self, clip: int) -> None:
        if clip in self._made:
            return
        self._made[clip] = self._file(clip).write(self._heard)
        self._files.pop(clip).discard()
