"""Pictures with transparency, shown on black."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from .filter_graph import Filter, filter_graph, layout

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


class OnBlack:
    """Puts frames with transparency on black, as players do; frames without pass as they are."""

    def __init__(self) -> None:
        self._layout: tuple[Any, ...] = ()
        self._graph: Any = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """An opaque frame of the same size, with 8 bits a colour; it has no time."""
        filters = _filters(frame.format.name)
        if not filters:
            return frame
        if layout(frame) != self._layout:
            self._layout, self._graph = layout(frame), filter_graph(frame, filters)
        frame.pts = None
        self._graph.push(frame)
        made: VideoFrame = self._graph.pull()
        return made


@cache
def _filters(pixel_format: str) -> tuple[Filter, ...]:
    """How frames of a pixel format become opaque; nothing where they are."""
    from av.video.format import VideoFormat

    shape = VideoFormat(pixel_format)
    if not (shape.has_palette or any(part.is_alpha for part in shape.components)):
        return ()
    # swscale blends few formats, but these.
    blended, opaque = ("yuva444p", "yuv444p") if "yuva" in pixel_format else ("rgba", "bgr24")
    if pixel_format == "yuva420p":
        blended, opaque = "yuva420p", "yuv420p"
    return ("format", blended), ("scale", "alphablend=uniform_color"), ("format", opaque)
