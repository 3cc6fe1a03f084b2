"""What a video's container says of itself, without decoding more than a frame."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import RowError
from ...media.container import best_audio, best_video, fraction, open_media, tags
from ...media.display import UPRIGHT, Size, display_size, first_frame, orientation, pixel_aspect
from ...media.extent import Extent, header_length, read_extent
from ...media.languages import bcp47
from ...schemas import Chapter
from .sidecars import VideoMetadata, clean, web_address

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

TEXT_CODECS = frozenset(("ass", "mov_text", "subrip", "text", "webvtt"))
"""Subtitle codecs that hold text; the others hold pictures."""
_HDR_CURVES = (16, 18)  # ITU-T H.273: SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG)
_TELLING = {
    "title": ("title",),
    "description": ("description", "synopsis", "comment"),
    "uploader": ("artist",),
    "uri": ("purl",),
}  # container tags, among them those that yt-dlp embeds


@dataclass(slots=True)
class TextStream:
    """A subtitle stream that holds text."""

    index: int
    language: str


@dataclass(slots=True)
class Probe:
    """A container and its best streams; the names are those of ``Video``."""

    facts: dict[str, Any]
    told: VideoMetadata
    streams: list[TextStream]
    start_s: float  # when the container's clock starts; what counts from the first picture is this much earlier
    declared_s: float | None  # the length that the container declares
    extent: Extent


def probe(path: str) -> Probe:
    """Look into a local file.

    Raises:
        RowError: ``unreadable``, also for a file of neither pictures nor sound; or ``too_large``.
    """
    with open_media(path) as container:
        video, audio = best_video(container), best_audio(container)
        if video is None and audio is None:
            raise RowError(f"{os.path.basename(path)}: neither pictures nor sound that can be decoded", "unreadable")
        facts: dict[str, Any] = {}
        if video is not None:
            facts |= _pictures(video)
        if audio is not None:
            facts["audio_codec"] = audio.codec_context.codec.canonical_name
        streams = [
            TextStream(s.index, bcp47(tags(s.metadata).get("language", "")))
            for s in container.streams.subtitles
            if s.codec_context is not None and s.codec_context.codec.canonical_name in TEXT_CODECS
        ]
        told, declared_s, extent = _read_metadata(container), header_length(container), read_extent(container)
        facts["duration_s"] = extent.length_s(declared_s)
        return Probe(facts, told, streams, start_of(container), declared_s, extent)


def start_of(container: InputContainer) -> float:
    """When the first stream starts on the container's clock, never below 0."""
    import av

    return max(0, container.start_time or 0) / av.time_base


def _pictures(video: VideoStream) -> dict[str, Any]:
    context, rate = video.codec_context, video.average_rate
    frame = first_frame(video)
    upright = UPRIGHT if frame is None else orientation(frame)
    coded = Size(context.width, context.height)
    shown = display_size(coded, pixel_aspect(video), upright) if all(coded) else coded
    return {
        "video_codec": context.codec.canonical_name,
        "width_px": shown.width or None,
        "height_px": shown.height or None,
        "coded_width_px": coded.width or None,
        "coded_height_px": coded.height or None,
        "pixel_format": context.pix_fmt or "",
        "fps": float(rate) if rate else None,
        "hdr": context.color_trc in _HDR_CURVES,
        "rotation_deg": upright.rotation_deg,
        "mirrored": upright.mirrored,
        "interlaced": frame is not None and bool(frame.interlaced_frame),
    }


def _read_metadata(container: InputContainer) -> VideoMetadata:
    said_of = {key.lower(): str(clean(value)).strip() for key, value in tags(container.metadata).items()}
    fields = {}
    for name, spellings in _TELLING.items():
        said = next((said_of[s] for s in spellings if said_of.get(s)), "")
        said = web_address(said) if name == "uri" else said
        if said:
            fields[name] = said
    return VideoMetadata(fields, _chapters(container))


def _chapters(container: InputContainer) -> list[Chapter]:
    found = []
    for chapter in container.chapters():
        base = fraction(chapter["time_base"])
        if base is not None:
            start_s, end_s = float(chapter["start"] * base), float(chapter["end"] * base)
            title = str(clean(tags(chapter["metadata"]).get("title", ""))).strip()
            found.append(Chapter(start_s, max(start_s, end_s), title))
    return sorted(found, key=lambda c: c.start_s)
