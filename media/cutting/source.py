"""What all clips of one video share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from .index import FrameIndex
    from .pictures import Upright
    from .sound import SoundDecoder


class EncoderQuality(NamedTuple):
    """How frames are encoded."""

    crf: float
    preset: str
    max_px: int | None  # of the longer side


@dataclass(frozen=True)
class VideoSource:
    """An opened video."""

    index: FrameIndex
    stream: VideoStream
    quality: EncoderQuality
    listener: SoundDecoder | None  # None for a video without sound
    upright: Upright
