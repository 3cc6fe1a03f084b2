"""Decoded frames as every player shows them: upright, 8-bit 4:2:0, even sides, no longer than asked."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display import UPRIGHT, Orientation, Size, orientation
from ..filter_graph import Filter, filter_graph, layout
from ..pictures import is_hdr
from ..tone_mapping import to_sdr
from ..transparency import OnBlack

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_RGB, _FULL_RANGE = 0, 2  # as FFmpeg numbers colour spaces and ranges
_HD_PX = 720
_LEVELS = 52  # of each colour in the table that makes SDR of HDR: every fifth of 0..255


def upright_size(frame: VideoFrame, max_px: int | None) -> Size:
    """The size that a frame gets: even, and its longer side at most ``max_px``."""
    shown = orientation(frame).rotate_size(Size(frame.width, frame.height))
    share = min(1.0, max_px / max(shown)) if max_px else 1.0
    return Size(*(max(2, int(side * share) // 2 * 2) for side in shown))


class Upright:
    """Turns frames upright and makes them what H.264 players expect; keeps one filter chain at a time.

    Transparency is shown on black. Odd sides lose their last row or column. PQ and HLG become BT.709 by the rule by
    which builders.scan keeps its frames.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._graph: Any = None
        self._on_black = OnBlack()

    def __call__(self, frame: VideoFrame, size: Size) -> VideoFrame:
        """The frame at ``size``; times are not kept."""
        upright, frame = orientation(frame), self._on_black(frame)
        plain = frame.format.name == "yuv420p" and frame.color_range != _FULL_RANGE and not is_hdr(frame)
        if plain and upright == UPRIGHT and (frame.width, frame.height) == size:
            return frame
        key = (layout(frame), upright, size)
        if key != self._key:
            self._key, self._graph = key, _graph(frame, upright, size)
        frame.pts = None
        self._graph.push(frame)
        made: VideoFrame = self._graph.pull()
        return made


def _graph(frame: VideoFrame, upright: Orientation, size: Size) -> Any:
    lying = upright.rotate_size(size)
    filters: list[Filter] = []
    if (frame.width // 2 * 2, frame.height // 2 * 2) == lying != (frame.width, frame.height):
        filters.append(("crop", f"{lying.width}:{lying.height}:0:0:exact=1"))
    filters.append(("scale", f"{lying.width}:{lying.height}:flags=bicubic+accurate_rnd{_colours(frame)}"))
    with tempfile.NamedTemporaryFile("w", suffix=".cube") as table:
        if is_hdr(frame):
            table.write(_cube(frame.color_trc))
            table.flush()
            filters.append(("format", "gbrp10le"))
            filters.append(("lut3d", {"file": table.name, "interp": "tetrahedral"}))
            filters.append(("scale", "out_color_matrix=bt709:out_range=tv"))
        filters.append(("format", "yuv420p"))
        if is_hdr(frame):
            filters.append(("setparams", "color_primaries=bt709:color_trc=bt709:colorspace=bt709"))
        return filter_graph(frame, [*filters, *upright.filters()])


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
