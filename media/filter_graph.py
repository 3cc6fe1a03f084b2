"""FFmpeg's filters, applied to decoded frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Filter = tuple[str, str | dict[str, str]]
"""A filter's name and its options, as one string or by name."""


def layout(frame: VideoFrame) -> tuple[Any, ...]:
    """What must be the same for two frames to go through one graph."""
    return frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, frame.color_trc


def filter_graph(frame: VideoFrame, filters: Sequence[Filter]) -> Any:
    """A graph of one thread for frames with the layout of this one: ``push`` them, ``pull`` what comes out."""
    import av

    graph = av.filter.Graph()
    graph.threads = 1
    source = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
    nodes = [graph.add("buffer", f"{source}:colorspace={frame.colorspace}:range={frame.color_range}")]
    for name, options in filters:
        nodes.append(graph.add(name, **options) if isinstance(options, dict) else graph.add(name, options or None))
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph
