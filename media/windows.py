"""Stretches of a video's frames, decoded again as small pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .container import best_video, decoder, open_media

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SAME_S = 0.002
_LEAD_S = 0.5  # the container may hold a key frame a little after the time that is asked for


class Reader(NamedTuple):
    """An opened file, its pictures, and what decodes them."""

    container: InputContainer
    stream: VideoStream
    context: VideoCodecContext


class FrameWindow(NamedTuple):
    """Frames ``first`` to ``last``, counted from the video's first."""

    first: int
    last: int


def merge_windows(windows: Sequence[FrameWindow]) -> list[FrameWindow]:
    """The same frames in order, each once."""
    found: list[FrameWindow] = []
    for one in sorted(windows):
        if found and one.first <= found[-1].last + 1:
            found[-1] = FrameWindow(found[-1].first, max(found[-1].last, one.last))
        else:
            found.append(one)
    return found


def read_windows(
    path: str, windows: Sequence[FrameWindow], time_s: NDArray[np.float64], size: tuple[int, int]
) -> Iterator[tuple[FrameWindow, NDArray[np.uint8]]]:
    """The pictures of each window, ``(N, height, width, 3)`` uint8 RGB of ``size`` (width, height).

    ``time_s`` are the times of all frames as the scan tells them. A window whose frames do not come at these times (the
    file's own clock is odd) is left out.

    Raises:
        RowError: as ``open_media``.
    """
    with open_media(path) as container:
        stream = best_video(container)
        if stream is None:
            return
        reader = Reader(container, stream, decoder(stream))
        reader.context.thread_type, reader.context.thread_count = "SLICE", 1
        for window in windows:
            wanted = time_s[window.first : window.last + 1]
            found = list(_pictures(reader, float(wanted[0]), float(wanted[-1]), size))
            if len(found) == len(wanted) and np.allclose([t for t, _ in found], wanted, rtol=0, atol=_SAME_S):
                yield window, np.stack([picture for _, picture in found])


def _pictures(
    reader: Reader, start_s: float, end_s: float, size: tuple[int, int]
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    from av.video.reformatter import VideoReformatter

    scaler = VideoReformatter()
    for frame in _frames(reader, start_s):
        if frame.time is None or frame.time > end_s + _SAME_S:
            return
        if frame.time >= start_s - _SAME_S:
            small = scaler.reformat(frame, *size, "rgb24", interpolation="BICUBIC", threads=1)
            yield frame.time, np.asarray(small.to_ndarray(), np.uint8)


def _frames(reader: Reader, start_s: float) -> Iterator[VideoFrame]:
    """Frames from a key frame before a time on; the decoder's complaints end it."""
    import av

    try:
        reader.container.seek(int((start_s - _LEAD_S) * av.time_base), backward=True)
        reader.context.flush_buffers()
        for packet in reader.container.demux(reader.stream):
            yield from reader.context.decode(packet)
    except (av.FFmpegError, ValueError):
        return
