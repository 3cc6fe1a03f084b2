"""Decoded frames as every player shows them: upright, 8-bit 4:2:0, even sides, no longer than asked."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..container import rotation
from ..pictures import is_hdr
from ..tone_mapping import to_sdr

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_TURNS = {90: (("transpose", "clock"),), 180: (("hflip", ""), ("vflip", "")), 270: (("transpose", "cclock"),)}
_RGB, _FULL_RANGE = 0, 2  # as FFmpeg numbers colour spaces and ranges
_HD_PX = 720
_LEVELS = 52  # of each colour in the table that makes SDR of HDR: every fifth of 0..255


class Size(NamedTuple):
    """Of an upright picture, in pixels."""

    width: int
    height: int


def upright_size(frame: VideoFrame, max_px: int | None) -> Size:
    """The size that a frame gets: even, and its longer side at most ``max_px``."""
    width, height = frame.width, frame.height
    if rotation(frame) in (90, 270):
        width, height = height, width
    share = min(1.0, max_px / max(width, height)) if max_px else 1.0
    return Size(*(max(2, int(side * share) // 2 * 2) for side in (width, height)))


class Upright:
    """Turns frames upright and makes them what H.264 players expect; keeps one filter chain at a time.

    Odd sides lose their last row or column. PQ and HLG become BT.709 by the rule by which builders.scan
    keeps its frames.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._graph: Any = None

    def __call__(self, frame: VideoFrame, size: Size) -> VideoFrame:
        """The frame at ``size``; times are not kept."""
        turn = rotation(frame)
        plain = frame.format.name == "yuv420p" and frame.color_range != _FULL_RANGE and not is_hdr(frame)
        if plain and not turn and (frame.width, frame.height) == size:
            return frame
        look = (frame.format.name, frame.colorspace, frame.color_range, frame.color_trc)
        key = (frame.width, frame.height, turn, size, look)
        if key != self._key:
            self._key, self._graph = key, _graph(frame, turn, size)
        frame.pts = None
        self._graph.push(frame)
        made: VideoFrame = self._graph.pull()
        return made


def _graph(frame: VideoFrame, turn: int, size: Size) -> Any:
    import av

    lying = Size(size.height, size.width) if turn in (90, 270) else size
    graph = av.filter.Graph()
    graph.threads = 1
    source = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
    nodes = [graph.add("buffer", f"{source}:colorspace={frame.colorspace}:range={frame.color_range}")]
    if (frame.width // 2 * 2, frame.height // 2 * 2) == lying != (frame.width, frame.height):
        nodes.append(graph.add("crop", f"{lying.width}:{lying.height}:0:0:exact=1"))
    nodes.append(graph.add("scale", f"{lying.width}:{lying.height}:flags=bicubic+accurate_rnd{_colours(frame)}"))
    with tempfile.NamedTemporaryFile("w", suffix=".cube") as table:
        if is_hdr(frame):
            table.write(_cube(frame.color_trc))
            table.flush()
            nodes.append(graph.add("format", "gbrp10le"))
            nodes.append(graph.add("lut3d", file=table.name, interp="tetrahedral"))
            nodes.append(graph.add("scale", "out_color_matrix=bt709:out_range=tv"))
        nodes.append(graph.add("format", "yuv420p"))
        if is_hdr(frame):
            nodes.append(graph.add("setparams", "color_primaries=bt709:color_trc=bt709:colorspace=bt709"))
        nodes += [graph.add(name, args or None) for name, args in _TURNS.get(turn, ())]
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph


def _colours(frame: VideoFrame) -> str:
    """Options of FFmpeg's scale filter: limited range, and a colour matrix where the source has none."""
    if is_hdr(frame):
        return ""
    if frame.format.is_rgb or frame.colorspace == _RGB:
        return f":out_range=tv:out_color_matrix={'bt709' if frame.height >= _HD_PX else 'smpte170m'}"
    return ":out_range=tv"


def _cube(curve: int) -> str:
    """``to_sdr`` as a table in the cube format (Adobe's specification 1.0): red changes fastest."""
    codes = np.round(np.linspace(0, 255, _LEVELS)).astype(np.uint8)
    blue, green, red = np.meshgrid(codes, codes, codes, indexing="ij")
    shown = to_sdr(np.stack([blue, green, red], axis=-1).reshape(-1, _LEVELS, 3), curve)
    rows = shown.reshape(-1, 3)[:, ::-1] / 255
    return f"LUT_3D_SIZE {_LEVELS}\n" + "".join(f"{r:.5f} {g:.5f} {b:.5f}\n" for r, g, b in rows.tolist())
