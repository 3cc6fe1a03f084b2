"""Interlaced video as whole frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .filter_graph import filter_graph, layout

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

T = TypeVar("T")

_ONE_FOR_ONE = "mode=send_frame:deint=interlaced"
_LEAST_PX = 4
"""FFmpeg's bwdif takes no smaller pictures."""


class Deinterlacer(Generic[T]):
    """Makes one progressive frame of each interlaced one (FFmpeg's ``bwdif``); progressive ones pass unchanged.

    As the frame after is looked at too, frames come out one later from the first interlaced one on. Each is given in
    with a mark, usually its time, that comes out with it.
    """

    def __init__(self) -> None:
        self._layout: tuple[Any, ...] = ()
        self._graph: Any = None
        self._marks = deque[T]()

    def add(self, frame: VideoFrame, mark: T) -> Iterator[tuple[VideoFrame, T]]:
        """Take in the next frame; what is ready comes out, with its mark."""
        if self._graph is not None and layout(frame) != self._layout:
            yield from self.end()
        if self._graph is None:
            if not frame.interlaced_frame or min(frame.width, frame.height) < _LEAST_PX:
                yield frame, mark
                return
            self._layout, self._graph = layout(frame), filter_graph(frame, [("bwdif", _ONE_FOR_ONE)])
        self._marks.append(mark)
        frame.pts = None
        self._graph.push(frame)
        yield from self._ready()

    def end(self) -> Iterator[tuple[VideoFrame, T]]:
        """What is left; other frames may follow."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready()
        self._graph = None
        self._marks.clear()

    def _ready(self) -> Iterator[tuple[VideoFrame, T]]:
        import av

        try:
            while self._marks:
                yield self._graph.pull(), self._marks.popleft()
        except (av.BlockingIOError, av.EOFError):
            return
