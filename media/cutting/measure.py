"""How the streams of a written clip really lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.contract.errors import RowError
from ..container import best_audio, best_video, open_media
from ..display import UPRIGHT, Size, display_size, first_frame, orientation, pixel_aspect

if TYPE_CHECKING:
    from av.container import InputContainer

_TOGETHER_S = 0.001


class StreamSpan(NamedTuple):
    """Of one stream, in seconds."""

    start_s: float
    end_s: float


class StreamTimes(NamedTuple):
    """How the streams of a file lie, in seconds, and how large its pictures are shown."""

    video_s: float
    audio_s: float | None
    start_gap_s: float | None
    end_gap_s: float | None
    file_width_px: int | None = None
    file_height_px: int | None = None

    def check(self, name: str, frame_s: float) -> None:
        """Sound and pictures must begin together and end within ``frame_s`` of each other.

        Raises:
            RowError: ``av_sync``, where they do not.
        """
        start_s, end_s = self.start_gap_s or 0.0, self.end_gap_s or 0.0
        if abs(start_s) > _TOGETHER_S or abs(end_s) > frame_s + _TOGETHER_S:
            raise RowError(
                f"{name}: its sound begins {start_s:+.3f} s and ends {end_s:+.3f} s after its pictures", "av_sync"
            )


def measure(path: Path, copied: bool) -> StreamTimes:
    """Read a file's packets and tell how its streams lie; what was ``copied`` is decoded as far as its first frame.

    Raises:
        RowError: ``no_video`` where the file has no pictures, ``av_sync`` where copied pictures do not decode from the
            first on: a player would show nothing there.
    """
    with open_media(path) as container:
        video, audio = best_video(container), best_audio(container)
        if video is None:
            raise RowError(f"{path.name}: the written file has no pictures", "no_video")
        seen, *heard = _spans(container, [video] if audio is None else [video, audio])
        upright = UPRIGHT
        if copied:
            container.seek(0)
            frame = first_frame(video)
            late_s = seen.end_s if frame is None else (frame.time or 0.0)
            if frame is None or late_s > _TOGETHER_S:
                raise RowError(f"{path.name}: its first {late_s:.3f} s of pictures do not decode", "av_sync")
            upright = orientation(frame)
        coded = Size(video.codec_context.width, video.codec_context.height)
        size = display_size(coded, pixel_aspect(video), upright)
    video_s = seen.end_s - seen.start_s
    if not heard:
        return StreamTimes(video_s, None, None, None, *size)
    (sound,) = heard
    sound_s = sound.end_s - sound.start_s
    return StreamTimes(video_s, sound_s, sound.start_s - seen.start_s, sound.end_s - seen.end_s, *size)


def _spans(container: InputContainer, streams: list[Any]) -> list[StreamSpan]:
    """From the first packet that is shown to the end of the track as the file declares it."""
    starts = {s.index: float("inf") for s in streams}
    for packet in container.demux(*streams):
        if packet.pts is not None and packet.size and not packet.is_discard:
            time_s = float(packet.pts * packet.time_base)
            starts[packet.stream_index] = min(starts[packet.stream_index], time_s)
    return [StreamSpan(starts[s.index], starts[s.index] + float((s.duration or 0) * s.time_base)) for s in streams]
