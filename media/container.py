"""Opening media files that nobody vouches for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

from ..engine.contract.errors import RowError
from .languages import bcp47

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.container.core import Container
    from av.stream import Stream
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

MAX_SIDE_PX = 16_384
"""No side of a picture may be longer."""
MAX_PIXELS = 100_000_000
"""No picture may have more pixels: a header of a few bytes can claim gigabytes."""

_UNSAFE_FORMATS = frozenset(
    ("applehttp", "concat", "dash", "data", "ffmetadata", "hls", "image2", "image2pipe", "imf", "lavfi")
    + ("rtp", "rtsp", "sap", "sdp", "tty", "webm_dash_manifest")
)
"""Demuxers that open what a file names, or take any text for pictures."""


IMAGE_EXTENSIONS = frozenset(["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"])
"""Endings of pictures that are one file."""
_IMAGE_FORMATS = (
    (b"\xff\xd8\xff", "jpeg_pipe"), (b"\x89PNG", "png_pipe"), (b"RIFF", "webp_pipe"), (b"BM", "bmp_pipe"),
    (b"II*\0", "tiff_pipe"), (b"MM\0*", "tiff_pipe"),
)  # fmt: skip
"""What reads a picture by its first bytes: left to itself, FFmpeg takes one for a numbered series of files."""
_AVFMT_TS_DISCONT = 0x0200  # libavformat/avformat.h
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@contextmanager
def open_media(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    """A local media file, opened for reading; nothing that the file names is opened in turn.

    Raises:
        RowError: ``unreadable``, with the reason in plain words, or ``too_large`` where a header
            claims a picture of more than 16384 px a side or 100 megapixels.
    """
    real = os.path.abspath(path)  # a relative name such as `concat:a` would be read as a protocol
    with open_source(real, os.path.basename(real)) as container:
        yield container


@contextmanager
def open_source(source: str | BinaryIO, name: str) -> Iterator[InputContainer]:
    """The same for an absolute path, or for a file object; ``name`` is for messages."""
    import av

    path = source if isinstance(source, str) else ""
    try:
        container = av.open(
            source,
            format=_image_format(path) if path else None,
            options={"max_pixels": str(MAX_PIXELS)},
            container_options={"protocol_whitelist": "file", "format_whitelist": _formats()},
            **_tag_options(),
        )
    except (av.FFmpegError, OSError, EOFError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise RowError(f"{name}: {_reason(path, error) if path else error}", "unreadable") from error
    with container:
        for stream in container.streams.video:
            context = stream.codec_context
            if context is not None:
                _check_size(name, context.width, context.height)
                context.options = {"max_pixels": str(MAX_PIXELS)}  # the size may change later in the stream
        yield container


def best_video(container: InputContainer) -> VideoStream | None:
    """The video stream that FFmpeg picks; never a cover picture, nor one that it has no decoder for."""
    best = container.streams.best("video")
    streams = [s for s in container.streams.video if s.codec_context is not None and not _is_cover(s)]
    if best in streams:
        return streams[streams.index(best)]
    return max(streams, key=lambda s: s.codec_context.width * s.codec_context.height, default=None)


def best_audio(container: InputContainer, languages: Sequence[str] = ()) -> AudioStream | None:
    """The sound stream that FFmpeg picks; never one that it has no decoder for.

    ``languages``: BCP 47 codes; the first that a stream is in decides, a plain ``en`` takes ``en-GB`` too. Where none
    fits, FFmpeg's choice stands.
    """
    best = container.streams.best("audio")
    streams = [s for s in container.streams.audio if s.codec_context is not None]
    for wanted in languages:
        spoken = [s for s in streams if f"{stream_language(s)}-".lower().startswith(f"{wanted}-".lower())]
        if spoken:
            streams = spoken
            break
    if best in streams:
        return streams[streams.index(best)]
    return next(iter(streams), None)


def stream_language(stream: Stream) -> str:
    """The BCP 47 code of a stream, empty where its file says none."""
    return bcp47(tags(stream.metadata).get("language", ""))


def decoder(stream: VideoStream) -> VideoCodecContext:
    """What decodes a video stream: for VP8 and VP9 with transparency libvpx, as FFmpeg's own decoders pass it over."""
    import av

    context = stream.codec_context
    name = _WITH_ALPHA.get(context.codec.canonical_name, "")
    if tags(stream.metadata).get("alpha_mode") != "1" or name not in av.codecs_available:
        return context
    own = av.VideoCodecContext.create(name, "r")
    assert isinstance(own, av.VideoCodecContext)
    own.options = {"max_pixels": str(MAX_PIXELS)}
    return own


def is_joinable(container: Container) -> bool:
    """Recordings of this format may have been joined end to end, so that the clock jumps (MPEG-TS, MPEG-PS, Ogg)."""
    return bool(container.format.flags & _AVFMT_TS_DISCONT)


def fraction(rational: Any) -> Fraction | None:
    """A rational number of PyAV; None where it is unset (None in PyAV 18; 0/0, 0/1 or 1/0 in PyAV 19)."""
    return Fraction(rational.numerator, rational.denominator) if rational else None


def tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """The tags of a container, stream or chapter; bytes that are no UTF-8 are left out."""
    return {_text(key): _text(value) for key, value in metadata.items()}


def _text(tag: str) -> str:
    return tag.encode("utf-8", "ignore").decode()


@cache
def _tag_options() -> dict[str, Any]:
    """PyAV 18 fails on tags that are no UTF-8 unless it is told to leave bytes out; PyAV 19 has no such option."""
    import av

    return {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


@cache
def _formats() -> str:
    """The demuxers that may be used, as FFmpeg takes them."""
    import av

    return ",".join(sorted(n for n in av.formats_available if not set(n.split(",")) & _UNSAFE_FORMATS))


def _image_format(path: str) -> str | None:
    """The demuxer of a picture; None for what is none, and for a picture in a container."""
    if os.path.splitext(path)[1][1:].lower() not in IMAGE_EXTENSIONS:
        return None
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError:
        return None
    return next((name for magic, name in _IMAGE_FORMATS if head.startswith(magic)), None)


def _is_cover(stream: VideoStream) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _check_size(path: str, width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise RowError(
            f"{os.path.basename(path)}: its header claims pictures of {width}x{height} px; "
            f"{MAX_SIDE_PX} px a side and {MAX_PIXELS // 1_000_000} megapixels are the limit",
            "too_large",
        )


def _reason(path: str, error: Exception) -> str:
    """Why a file does not open, from its first bytes where they say more than FFmpeg does."""
    if not os.path.exists(path):
        return "there is no such file"
    if not os.path.isfile(path):
        return "not a file"
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError as cause:
        return f"the file cannot be read ({cause.strerror})"
    if not head:
        return "the file is empty (0 bytes)"
    if not head.strip(b"\0"):
        return "the file begins with zeros: an unfinished or damaged download"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in text:
        return "an HTML page, not a media file: the download brought an error or login page"
    if text.startswith((b"{", b"[", b"<?xml", b"#extm3u")):
        return "a text file (JSON, XML or a playlist), not a media file"
    if head[4:8] in (b"ftyp", b"moov", b"mdat"):
        return "an MP4 file without a usable index: it was cut off, or is damaged"
    if isinstance(error, EOFError):
        return "the file ends before any stream begins: it was cut off"
    return "not a media file, or its beginning is damaged"
