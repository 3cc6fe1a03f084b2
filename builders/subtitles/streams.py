"""Text subtitle streams inside a container to cues. Packets are read, no subtitle decoder runs."""

from __future__ import annotations

import os

from ...engine.contract.errors import RowError
from ...media.container import fraction, open_media
from .ass import ass_text
from .cues import Cue, Track, make_track, read_payload

_ASS_FIELDS = 8  # before the text of a Matroska packet


def read_stream(path: str, index: int) -> Track:
    """The cues of one stream, on the container's own clock, by start.

    Raises:
        RowError: ``bad_subtitle`` where there is no such text stream or its packets cannot be read,
            or what ``open_media`` says.
    """
    import av

    name = os.path.basename(path)
    with open_media(path) as container:
        stream = next((s for s in container.streams.subtitles if s.index == index), None)
        if stream is None or stream.codec_context is None:
            raise RowError(f"{name}: there is no text stream {index}", "bad_subtitle")
        codec = stream.codec_context.codec.canonical_name
        cues = []
        try:
            for packet in container.demux(stream):
                tick = fraction(packet.time_base)
                if packet.pts is None or not packet.size or tick is None:
                    continue
                start_s = float(packet.pts * tick)
                end_s = start_s + float((packet.duration or 0) * tick)
                cues.append(Cue(start_s, end_s, read_payload(packet_text(bytes(packet), codec))))
        except (av.FFmpegError, OSError) as error:
            raise RowError(f"{name}: stream {index} is damaged: {error}", "bad_subtitle") from None
    return make_track(cues)


def packet_text(raw: bytes, codec: str) -> str:
    """The text of one packet; bytes that are no UTF-8 are replaced."""
    if codec == "mov_text":  # 3GPP TS 26.245: two bytes of length, text, boxes of styles
        length = int.from_bytes(raw[:2], "big")
        body = raw[2 : 2 + length]
        return body.decode("utf-16" if body[:2] in (b"\xfe\xff", b"\xff\xfe") else "utf-8", "replace")
    text = raw.decode("utf-8", "replace")
    if codec == "ass":
        return ass_text(text.split(",", _ASS_FIELDS)[-1])
    return text
