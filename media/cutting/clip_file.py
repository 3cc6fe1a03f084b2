"""One clip's mp4 file: collected piece by piece, written in one go, measured before it gets its name."""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..display import Size, orientation
from .encoder import FramePacket, H264Encoder, edge_encoder, whole_encoder
from .h264 import ParameterSets, avcc, nal_units, packet
from .measure import StreamTimes, measure
from .pictures import upright_size
from .sound import SoundCut, SoundRun
from .timing import ClipTiming, timing

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from .plan import CutPlan
    from .source import VideoSource

_IN_MEMORY = 8 << 20
BEFORE, COPIED, AFTER = range(3)


class _SourcePacket(NamedTuple):
    part: int
    ticks: int
    key: bool
    offset: int
    size: int


class _FrameAtTime(NamedTuple):
    sent_s: float
    packet: Packet[Any]

    def when(self) -> float:
        return self.sent_s


class ClipFile:
    """Takes a clip's packets, frames and sound, in any order between the three; then ``write``."""

    def __init__(self, path: Path, plan: CutPlan, source: VideoSource) -> None:
        import av

        self.plan, self._source, self._path = plan, source, path
        self._part = path.with_name(f"{path.name}.{os.getpid()}.part")
        # The index in front, so that a player can begin before it has the whole file.
        # Times are in units of the movie as well as of its tracks: fine ones, or ends are rounded to milliseconds.
        options = {"movflags": "faststart", "movie_timescale": "90000"}
        self._container: OutputContainer = av.open(str(self._part), "w", format="mp4", container_options=options)
        self._stream = self._video_stream()
        self._encoders: dict[int, H264Encoder] = {}
        self._edges: list[ParameterSets] = []
        self._latest: dict[int, int] = {}
        self._size: Size | None = None
        self._kept: list[_SourcePacket] = []
        self._data = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(path.parent))  # noqa: SIM115 - closed by discard
        index = source.index
        self.start_s, self.end_s = index.seconds(plan.start), index.seconds(plan.end)
        self._sound = None
        if source.listener is not None:
            self._sound = SoundCut(self._container, source.listener, self.start_s, self.end_s)

    def copy(self, packet: Packet[Any], ticks: int) -> None:
        """Take a packet of the source as it is."""
        if ticks < self.plan.start:
            return  # it is shown before the key frame that the copy begins with, and refers to what is cut off
        data = bytes(packet)
        if self.plan.cut == "smart":
            data = self._joinable(data)
        self._keep(COPIED, [FramePacket(ticks, packet.is_keyframe, data)])

    def encode(self, part: int, frame: VideoFrame, ticks: int) -> None:
        """Take a frame to be encoded; ``part`` is ``BEFORE`` or ``AFTER`` what is copied."""
        if ticks <= self._latest.get(part, -1 << 62):
            return  # a damaged stream shows a frame twice
        self._latest[part] = ticks
        if self.plan.cut == "encode":
            frame = self._upright(part, frame)
        elif part not in self._encoders:
            self._encoders[part] = edge_encoder(frame, self._source)
        self._keep(part, self._encoders[part].add(frame, ticks))

    def end_part(self, part: int) -> None:
        """No more frames come for this part."""
        encoder = self._encoders.pop(part, None)
        if encoder is not None:
            self._keep(part, encoder.close())
            if self.plan.cut == "smart":
                self._edges.append(encoder.sets)

    def hear(self, heard: SoundRun) -> None:
        """Take sound, if it is the clip's."""
        if self._sound is not None:
            self._sound.add(heard)

    def write(self, sounds: bool) -> StreamTimes | None:
        """Write the file and say how its streams lie; None, and no file, where nothing of it decodes.

        ``sounds``: anything was heard in the video.

        Raises:
            RowError: ``av_sync``, where sound and pictures of the written file do not begin together,
                or end more than a frame apart.
        """
        for part in list(self._encoders):
            self.end_part(part)
        if not self._kept:
            return None
        self._kept.sort(key=lambda k: k.part)
        times = timing([k.ticks for k in self._kept], self.plan.start, self.plan.end)
        if self.plan.cut == "smart":
            self._stream.codec_context.extradata = self._record()
        self._mux(times, self._sound if sounds else None)
        measures = measure(self._part, copied=self.plan.cut != "encode")
        measures.check(self._path.name, times.usual * float(self._source.index.tick))
        os.replace(self._part, self._path)
        return measures

    def discard(self) -> None:
        """Leave nothing behind but the finished file."""
        import av

        with suppress(av.FFmpegError):  # it was told when it happened
            self._container.close()
        self._data.close()
        self._part.unlink(missing_ok=True)

    def _video_stream(self) -> VideoStream:
        if self.plan.cut == "encode":
            return self._container.add_stream("libx264", rate=25)  # the rest comes with the first frame
        stream = self._container.add_stream_from_template(self._source.stream, opaque=True)
        if stream.codec_context.codec.canonical_name == "hevc":
            stream.codec_context.codec_tag = "hvc1"  # the one of two names that all players know
        stream.time_base = self._source.index.tick
        return stream

    def _upright(self, part: int, frame: VideoFrame) -> VideoFrame:
        """The frame as it is to be encoded; the first decides on the size and the colours."""
        if self._size is None:
            self._size = upright_size(frame, self._source.quality.max_px)
        upright = orientation(frame)
        shown = self._source.upright(frame, self._size)
        if part not in self._encoders:
            self._encoders[part] = whole_encoder(self._stream, shown, upright, self._source)
        return shown

    def _keep(self, part: int, frames: list[FramePacket]) -> None:
        for frame in frames:
            self._kept.append(_SourcePacket(part, frame.ticks, frame.key, self._data.tell(), len(frame.data)))
            self._data.write(frame.data)

    def _joinable(self, data: bytes) -> bytes:
        """A packet of the source as it stands in a file whose avcC record holds all parameter sets."""
        sets = self._source.index.sets
        assert sets is not None
        return packet(unit for unit in nal_units(data, sets.length_size) if unit not in sets)

    def _record(self) -> bytes:
        sets = self._source.index.sets
        assert sets is not None
        return avcc([sets, *self._edges])

    def _mux(self, times: ClipTiming, sound: SoundCut | None) -> None:
        streams: list[Iterator[_FrameAtTime]] = [self._pictures(times)]
        if sound is not None:
            base = float(sound.close())
            streams.append(_FrameAtTime((p.dts or 0) * base, p) for p in sound.packets)
        for timed in heapq.merge(*streams, key=_FrameAtTime.when):
            self._container.mux_one(timed.packet)
        self._container.close()

    def _pictures(self, times: ClipTiming) -> Iterator[_FrameAtTime]:
        import av

        tick = self._source.index.tick
        tick_s = float(tick)
        for kept, (shown, sent, lasts) in zip(self._kept, times.packets, strict=True):
            self._data.seek(kept.offset)
            one: Packet[Any] = av.Packet(self._data.read(kept.size))
            one.pts, one.dts, one.duration, one.time_base = shown, sent, lasts, tick
            one.is_keyframe, one.stream = kept.key, self._stream
            yield _FrameAtTime(sent * tick_s, one)
