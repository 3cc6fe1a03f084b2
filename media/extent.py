"""How long a file really is: read from its packets, without decoding."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .clock import Clock
from .container import best_audio, best_video, fraction, is_joinable
from .decode import demux_packets

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

_TAIL_S = 5.0
_CLOSE_S = 1.0
"""A declared length that is this near to the measured one is taken as it is."""


class Extent(NamedTuple):
    """From the start of the first stream to the end of the last picture or sound, on the container's clock."""

    start_s: float
    end_s: float

    def length_s(self, declared_s: float | None) -> float | None:
        """The length that the file declares, or the measured one where that is another; None where there is neither."""
        measured_s = self.end_s - self.start_s
        if measured_s <= 0 or (declared_s is not None and abs(declared_s - measured_s) <= _CLOSE_S):
            return declared_s
        return measured_s


def header_length(container: InputContainer) -> float | None:
    """How long the file says that it is, in seconds; it may lie."""
    import av

    declared = container.duration
    return None if declared is None or declared < 0 else declared / av.time_base


def read_extent(container: InputContainer) -> Extent:
    """Read a file's last packets, or all of them where that does not tell; the container is left anywhere.

    All are read of recordings that may have been joined, of files that declare no length, and of those that have
    nothing where they declare their end.
    """
    import av

    start, declared_s = container.start_time or 0, header_length(container)
    streams: list[Stream] = [s for s in (best_video(container), best_audio(container)) if s is not None]
    end_s = 0.0
    if declared_s is not None and not is_joinable(container):
        with suppress(av.FFmpegError):
            container.seek(start + int(max(declared_s - _TAIL_S, 0.0) * av.time_base))
            end_s = _last_end(container, streams)
    if not end_s:
        with suppress(av.FFmpegError):
            container.seek(start)
            end_s = _end_of_parts(container, streams[0]) if is_joinable(container) else _last_end(container, streams)
    return Extent(start / av.time_base, end_s)


def _last_end(container: InputContainer, streams: Sequence[Stream]) -> float:
    last_s = 0.0
    for packet in demux_packets(container, streams, []):
        tick = fraction(packet.time_base)
        if packet.pts is not None and tick is not None:
            last_s = max(last_s, float((packet.pts + (packet.duration or 0)) * tick))
    return last_s


def _end_of_parts(container: InputContainer, stream: Stream) -> float:
    """The end of the last recording, where the clock of each goes on where that of the one before ended."""
    clock, tick_s = Clock(joinable=True), float(stream.time_base or 0)
    for packet in demux_packets(container, [stream], []):
        if packet.dts is not None:
            clock.tell(packet.dts * tick_s, (packet.duration or 0) * tick_s)
    return clock.end_s
