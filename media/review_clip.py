"""Clips that every browser and annotation tool plays alike, frame for frame."""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.contract.errors import RowError
from .clock import SoundShift
from .container import best_audio, best_video, fraction, is_joinable, open_media
from .cutting.pictures import Upright, upright_size
from .cutting.sound import SoundCut, SoundDecoder
from .display import Size

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_PX = 640
"""Longer side: a page with hundreds of clips stays small, and timelines seek at once."""
_USUAL_FPS = Fraction(30)
_EARLY_S = 0.002
"""A frame is shown from the tick before which it begins by no more than this: clocks of some files round to 1 ms."""
_BEFORE_S = 1.0


class ReviewClip(NamedTuple):
    """A written clip: frame ``n``, from 0, is what the video shows ``n / fps`` seconds after the clip's start."""

    fps: Fraction
    frames: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return float(self.frames / self.fps)


def write_review_clip(source: str, start_s: float, end_s: float, path: Path, max_px: int = MAX_PX) -> ReviewClip:
    """Write ``[start_s, end_s)`` of a file as H.264 and AAC at a constant frame rate, both from 0 to the same end.

    The rate is the source's own where that is constant, otherwise 30 frames a second; a key frame comes every second.
    Without sound it is silence: some timelines do not work without a track.

    Raises:
        RowError: ``no_video`` where the file has no pictures, ``no_frames`` where none of the span decodes.
    """
    import av

    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    options = {"movflags": "faststart", "movie_timescale": "90000"}
    try:
        with open_media(source) as container:
            video = best_video(container)
            if video is None:
                raise RowError(f"{source} has no pictures", "no_video")
            fps = _frame_rate(container, video, start_s, end_s)
            clip = ReviewClip(fps, max(1, round((end_s - start_s) * fps)))
            with av.open(str(part), "w", format="mp4", container_options=options) as out:
                target = out.add_stream("libx264", rate=fps)
                target.options = {"preset": "veryfast", "crf": "23", "g": str(math.ceil(fps)), "bf": "0"}
                target.codec_context.thread_count = 1
                sound = _sound(container, out, start_s, clip)
                packets = list(_pictures(container, video, sound, target, _Span(start_s, clip, max_px)))
                for packet in heapq.merge(packets, sound.packets(), key=_packet_time_s):  # streams are known only now
                    out.mux_one(packet)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return clip


class _Span(NamedTuple):
    start_s: float
    clip: ReviewClip
    max_px: int

    @property
    def end_s(self) -> float:
        return self.start_s + self.clip.seconds


class _TimedFrame(NamedTuple):
    time_s: float
    frame: VideoFrame


def _frame_rate(container: InputContainer, video: VideoStream, start_s: float, end_s: float) -> Fraction:
    """The rate that the source declares, where its frames keep to it in the span."""
    declared = fraction(video.guessed_rate) or fraction(video.average_rate)
    if not declared or not 10 <= declared <= 60:
        return _USUAL_FPS
    _seek(container, video, start_s - _BEFORE_S)
    times = []
    for packet in container.demux(video):
        if packet.pts is not None and packet.time_base:
            times.append(float(packet.pts * packet.time_base))
            if times[-1] > end_s + _BEFORE_S:
                break
    inside = sorted(time_s for time_s in times if start_s - _BEFORE_S / 2 <= time_s <= end_s)
    usual_s = 1 / float(declared)
    steady = all(abs(b - a - usual_s) <= _EARLY_S for a, b in zip(inside, inside[1:], strict=False))
    return declared.limit_denominator(1001) if steady and len(inside) > 1 else _USUAL_FPS


class _Sound:
    """The sound of the span: decoded while the pictures are."""

    def __init__(self, cut: SoundCut, decoder: SoundDecoder, audio: Any) -> None:
        self.cut, self.decoder, self.audio = cut, decoder, audio

    def hear(self, packet: Any) -> None:
        import av

        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            return  # a damaged packet is silence
        for frame in frames:
            for run in self.decoder.add(frame):
                self.cut.add(run)

    def packets(self) -> list[Any]:
        """All of it, encoded."""
        for run in self.decoder.end_run():
            self.cut.add(run)
        tick = self.cut.close()
        for packet in self.cut.packets:
            packet.time_base = tick
        return self.cut.packets


def _packet_time_s(packet: Any) -> float:
    return float((packet.dts or 0) * packet.time_base)


def _sound(container: InputContainer, out: Any, start_s: float, clip: ReviewClip) -> _Sound:
    audio = best_audio(container)
    shift = SoundShift(is_joinable(container))
    rate, channels = (audio.rate or 0, audio.channels) if audio is not None else (0, 1)
    decoder = SoundDecoder(rate, channels, shift)
    return _Sound(SoundCut(out, decoder, start_s, start_s + clip.seconds), decoder, audio)


def _pictures(
    container: InputContainer, video: VideoStream, sound: _Sound, target: Any, span: _Span
) -> Iterator[Any]:  # fmt: skip
    """The packets of the pictures; the sound beside them is heard on the way."""
    upright, made, size = Upright(), 0, None
    shown: _TimedFrame | None = None
    for frame in _frames(container, video, sound, span):
        while shown is not None and made < span.clip.frames and _tick(span, made) < frame.time_s - _EARLY_S:
            size = size or upright_size(shown.frame, span.max_px)
            yield from _encode(target, upright, shown.frame, size, made)
            made += 1
        shown = frame if shown is None or frame.time_s > shown.time_s else shown
    if shown is None:
        raise RowError(f"no frame of {span.start_s:.3f} to {span.end_s:.3f} s decodes", "no_frames")
    size = size or upright_size(shown.frame, span.max_px)
    for number in range(made, span.clip.frames):  # the last frame stays to the end
        yield from _encode(target, upright, shown.frame, size, number)
    yield from target.encode(None)


def _tick(span: _Span, number: int) -> float:
    return span.start_s + float(number / span.clip.fps)


def _encode(target: Any, upright: Upright, frame: VideoFrame, size: Size, number: int) -> list[Any]:
    import av

    if number == 0:
        target.width, target.height, target.pix_fmt = size.width, size.height, "yuv420p"
    picture = upright(frame, size)
    copy = av.VideoFrame.from_ndarray(picture.to_ndarray(format="yuv420p"), format="yuv420p")
    copy.colorspace, copy.color_range = picture.colorspace, picture.color_range
    copy.pts, copy.time_base = number, 1 / target.codec_context.framerate
    packets: list[Any] = target.encode(copy)
    return packets


def _frames(container: InputContainer, video: VideoStream, sound: _Sound, span: _Span) -> Iterator[_TimedFrame]:
    """Frames from the last before the span on, with times; up to the first behind it."""
    import av

    _seek(container, video, span.start_s - _BEFORE_S)
    streams = [video, sound.audio] if sound.audio is not None else [video]
    seen = heard = False
    for packet in container.demux(*streams):
        if packet.stream is not video:
            late = packet.pts is not None and packet.pts * float(packet.time_base) > span.end_s
            heard = heard or late
            if not heard:
                sound.hear(packet)
        elif not seen:
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                continue
            for frame in frames:
                if frame.time is not None and not seen:
                    seen = frame.time >= span.end_s
                    yield _TimedFrame(frame.time, frame)
        if seen and (heard or sound.audio is None):
            return


def _seek(container: InputContainer, video: VideoStream, time_s: float) -> None:
    import av

    try:
        container.seek(int(max(0.0, time_s) / (video.time_base or 1)), stream=video, backward=True)
    except av.FFmpegError:
        container.seek(0)  # no index: from the beginning
