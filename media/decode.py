"""The one pass over a file: demux, decode, and hand every frame to whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .container import decoder

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

Watcher = Callable[[Any], None]
"""Called with each decoded frame of one stream, in the order in which the decoder gives them."""

_BATCH = {"video": 4, "audio": 64}
"""Packets decoded in one go: by turns, decoders and watchers would drive each other out of the CPU's caches."""
_LARGE_PX = 10_000_000  # pictures of which only one is held
_RESTARTS = 100


@dataclass
class StreamObservers:
    """One stream, who looks at its frames (nobody: it is read but not decoded), and how that went."""

    stream: Stream
    watcher: Watcher | None
    failed: int = 0
    corrupt: int = 0
    first_failure: str = ""
    end_s: float = 0.0  # end of its last packet
    bad_packets: list[int] = field(default_factory=list)  # times of those that came damaged or failed, in its units

    def __post_init__(self) -> None:
        from av.video.stream import VideoStream

        self._tick_s = float(self.stream.time_base or 0)
        self._held: list[Packet[Any] | None] = []
        self._after_loss = False
        declared: Any = self.stream.codec_context
        self.context: Any = declared
        large = False
        if isinstance(self.stream, VideoStream):
            self.context = decoder(self.stream)
            large = declared.width * declared.height > _LARGE_PX
        self._batch = 1 if large else _BATCH.get(self.stream.type, 1)

    def take(self, packet: Packet[Any] | None) -> None:
        """Take in the next packet; None or an empty one empties the decoder."""
        if packet is not None and packet.pts is not None:
            self.end_s = max(self.end_s, (packet.pts + (packet.duration or 0)) * self._tick_s)
            if packet.is_corrupt or self._after_loss:  # a parser may tell of a loss one packet early
                self.bad_packets.append(packet.pts)
            self._after_loss = packet.is_corrupt
        if self.watcher is not None:
            self._held.append(packet)
            if len(self._held) >= self._batch:
                self.decode()

    def decode(self) -> None:
        """Decode the packets that are held, and have the frames watched; a packet that fails is counted."""
        frames = [frame for packet in self._held for frame in self._decode(packet)]
        self._held.clear()
        for frame in frames:
            self.corrupt += frame.is_corrupt
            if self.watcher is not None:
                self.watcher(frame)

    def _decode(self, packet: Packet[Any] | None) -> list[Any]:
        import av

        try:
            return list(self.context.decode(packet))
        except av.EOFError:
            return []  # the decoder was emptied already
        except (av.FFmpegError, ValueError) as error:
            self.failed += 1
            if packet is not None and packet.pts is not None:
                self.bad_packets.append(packet.pts)
            self.first_failure = self.first_failure or _words(error)
            return []

    def complaints(self) -> list[str]:
        """What went wrong, in words."""
        told = []
        if self.failed:
            told.append(f"packets that did not decode: {self.failed} ({self.first_failure})")
        if self.corrupt:
            told.append(f"corrupt frames: {self.corrupt}")
        return told


def decode_all(container: InputContainer, watched: list[StreamObservers]) -> str:
    """Read a container once, to its end or to where it cannot be read further; why it stopped there.

    Streams without a watcher are read too: what is said of a file does not depend on who watches.
    """
    by_index = {one.stream.index: one for one in watched}
    for one in watched:
        # One thread costs the least CPU (videos are what runs in parallel), and frame threads
        # have been seen to hang on damaged files.
        one.context.thread_type, one.context.thread_count = "SLICE", 1
    stopped: list[str] = []
    streams = [one.stream for one in watched]
    for packet in demux_packets(container, streams, stopped) if streams else ():  # no streams would mean all of them
        # The empty packets at the end have a right stream, but stream_index 0.
        by_index[packet.stream.index].take(packet)
    for one in watched:
        if stopped:
            one.take(None)
        one.decode()
    return "".join(stopped)


def demux_packets(container: InputContainer, streams: Sequence[Stream], stopped: list[str]) -> Iterator[Packet[Any]]:
    """All packets and, at the end, the empty ones that empty the decoders; why it ends early goes into ``stopped``."""
    import av

    packets = container.demux(*streams)
    for _ in range(_RESTARTS):
        try:
            yield from packets
            return
        except IndexError:
            # PyAV does not know a stream that begins in mid-file (MPEG-TS); asked anew, it passes over it.
            packets = container.demux(*streams)
        except av.FFmpegError as error:
            stopped.append(_words(error))
            return
    stopped.append("too many streams begin in mid-file")


def _words(error: Exception) -> str:
    """FFmpeg's own words, without its number and the name of the call."""
    return str(getattr(error, "strerror", None) or error)
