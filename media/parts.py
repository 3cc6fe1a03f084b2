"""A part of a video whose file is far away: only the bytes that it takes are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..engine.contract.errors import RowError
from .container import best_audio, best_video, open_source

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet


def copy_part(file: BinaryIO, name: str, start_s: float, end_s: float, out: Path) -> float:
    """Copy ``[start_s, end_s)`` of a video that can be read and sought into a Matroska file; nothing is encoded.

    It begins at the last key frame before ``start_s``, whose time, on the video's clock, is returned and becomes 0.

    Raises:
        RowError: ``unreadable``, or ``past_end`` where the video ends before.
    """
    import av

    try:
        with (
            open_source(file, name) as source,
            av.open(str(out), "w", format="matroska", options={"avoid_negative_ts": "disabled"}) as target,
        ):
            video, audio = best_video(source), best_audio(source)
            if video is None or video.time_base is None:
                raise RowError(f"{name}: no pictures that can be decoded", "unreadable")
            kept = [stream for stream in (video, audio) if stream is not None]
            copies: dict[int, Any] = {s.index: target.add_stream_from_template(s) for s in kept}
            source.seek(int(start_s / video.time_base), stream=video, backward=True)
            first_s, last_s = None, 0.0
            early: list[Packet[Any]] = []
            for packet in _before(source, kept, end_s):
                if packet.stream.index == video.index:
                    last_s = max(last_s, _time(packet))
                    first_s = _time(packet) if first_s is None and packet.is_keyframe else first_s
                early.append(packet)
                while first_s is not None and early:
                    _mux(target, copies, early.pop(0), first_s)
    except av.FFmpegError as error:
        raise RowError(f"{name}: {error}", "unreadable") from None
    if first_s is None or last_s < start_s:
        raise RowError(f"{name}: it ends before {start_s:g} s", "past_end")
    return first_s


def _before(source: InputContainer, kept: list[Any], end_s: float) -> Iterator[Packet[Any]]:
    """The packets of streams from here on, of each those that are decoded before a time."""
    under_way = {stream.index for stream in kept}
    for packet in source.demux(kept):
        if packet.pts is None or packet.dts is None or packet.time_base is None:
            continue
        if float(packet.dts * packet.time_base) < end_s:
            yield packet
            continue
        under_way.discard(packet.stream.index)
        if not under_way:
            return


def _time(packet: Packet[Any]) -> float:
    assert packet.pts is not None and packet.time_base is not None
    return float(packet.pts * packet.time_base)


def _mux(target: Any, copies: dict[int, Any], packet: Packet[Any], first_s: float) -> None:
    """Write a packet, ``first_s`` earlier; what was shown before is left out."""
    if _time(packet) < first_s:
        return
    assert packet.pts is not None and packet.dts is not None and packet.time_base is not None
    ticks = round(first_s / packet.time_base)
    packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
    packet.stream = copies[packet.stream.index]
    target.mux(packet)
