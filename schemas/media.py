"""Rows about what is seen and heard: videos, their signals, frames, sound, shots and clips."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np

from .col import Col, Row

Floats = np.ndarray[Any, np.dtype[np.float32]]
Doubles = np.ndarray[Any, np.dtype[np.float64]]


OPENINGS = ("", "start", "cut", "dissolve", "wipe", "fade", "gradual")
"""How a shot may open: with the video, at once, or in a transition (``gradual`` is one of a kind that nobody told)."""
KINDS = ("video", "image", "text")
"""What a source may be."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of a video, ``[start_s, end_s)``."""

    start_s: Annotated[float, Col("start", unit="s")]
    end_s: Annotated[float, Col("end", unit="s")]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter of a video, as its uploader or its container names it."""

    start_s: Annotated[float, Col("start", unit="s")]
    end_s: Annotated[float, Col("end", unit="s")]
    title: Annotated[str, Col("title")]


@dataclass(frozen=True, slots=True)
class Subtitle:
    """One subtitle file or stream that belongs to a video."""

    path: Annotated[str, Col("the file, or the video itself for a stream inside it", local=True)]
    format: Annotated[
        str,
        Col(
            "file format",
            choices=("srt", "vtt", "json3", "srv3", "srv2", "srv1", "ttml", "ass", "sbv", "lrc", "smi", "stream"),
        ),
    ]
    language: Annotated[str, Col("BCP 47 code, empty where unknown")]
    stream: Annotated[int | None, Col("index of the stream in the container")] = None
    sha256: Annotated[str, Col("SHA-256 of the file, empty for a stream")] = ""


@dataclass(frozen=True, slots=True)
class Video(Row):
    """One source video, as it was found and as its container describes it."""

    table: ClassVar[str] = "videos"
    video_id: Annotated[str, Col("id of the video: a readable name and a hash of where it came from")]
    uri: Annotated[str, Col("where it came from: a URL, or a path relative to the source folder")]
    path: Annotated[str, Col("the local file; empty where there is none, only a link or a text", local=True)]
    sha256: Annotated[str, Col("SHA-256 of the file, hexadecimal; empty without a file")]
    size_bytes: Annotated[int, Col("size of the file", unit="bytes", low=0)]
    kind: Annotated[
        str,
        Col("an image is a video of one frame, at 0 s; a text has no pictures", choices=KINDS),
    ] = "video"
    title: Annotated[str, Col("title, empty where unknown")] = ""
    description: Annotated[str, Col("description, empty where unknown")] = ""
    uploader: Annotated[str, Col("who published it, empty where unknown")] = ""
    license: Annotated[str, Col("licence as the source states it, empty where unknown")] = ""
    duration_s: Annotated[float | None, Col("length, measured where the container lies", unit="s", low=0)] = None
    width_px: Annotated[int | None, Col("width as shown: upright, with square pixels", unit="px", low=1)] = None
    height_px: Annotated[int | None, Col("height as shown: upright, with square pixels", unit="px", low=1)] = None
    coded_width_px: Annotated[int | None, Col("width as the best video stream stores it", unit="px", low=1)] = None
    coded_height_px: Annotated[int | None, Col("height as the best video stream stores it", unit="px", low=1)] = None
    rotation_deg: Annotated[int, Col("clockwise turn that shows the picture upright", unit="deg", low=0, high=270)] = 0
    mirrored: Annotated[bool, Col("the stored picture is mirrored left to right; it is put right before the turn")] = (
        False
    )
    interlaced: Annotated[bool, Col("the first frame consists of two fields")] = False
    fps: Annotated[float | None, Col("average frame rate that the container declares", unit="1/s", low=0)] = None
    video_codec: Annotated[str, Col("codec of the best video stream, empty where there is none")] = ""
    audio_codec: Annotated[str, Col("codec of the best sound stream, empty where there is none")] = ""
    pixel_format: Annotated[str, Col("FFmpeg's name of the pixel format, empty where there is no video")] = ""
    hdr: Annotated[bool, Col("the stream declares a PQ or HLG transfer curve")] = False
    chapters: Annotated[list[Chapter], Col("chapters in time order")] = field(default_factory=list)
    subtitles: Annotated[list[Subtitle], Col("subtitle files beside it and text streams inside it")] = field(
        default_factory=list
    )
    metadata: Annotated[str, Col("what else the source says of it, a JSON object")] = "{}"


@dataclass(frozen=True, slots=True, eq=False)
class Signals(Row):
    """Per-frame measures of one video, in presentation order; all lists have one entry a frame.

    ``delta_*`` are PySceneDetect's components: mean absolute difference to the frame before
    on its 0..255 scale (0 for the first frame), measured on the small picture that it uses.
    """

    table: ClassVar[str] = "signals"
    signals_id: Annotated[str, Col("the video's id")]
    video_id: Annotated[str, Col("the video")]
    time_s: Annotated[Doubles, Col("presentation time (PTS x time base), ascending", unit="s")]
    delta_hue: Annotated[Floats, Col("change of hue to the frame before", low=0, high=255)]
    delta_sat: Annotated[Floats, Col("change of saturation to the frame before", low=0, high=255)]
    delta_lum: Annotated[Floats, Col("change of brightness to the frame before", low=0, high=255)]
    delta_edges: Annotated[Floats, Col("change of edges to the frame before; empty when not measured", low=0, high=255)]
    level: Annotated[Floats, Col("mean of the three colour channels (fades)", low=0, high=255)]
    motion: Annotated[Floats, Col("mean absolute change of a 64x36 gray picture to the frame before", low=0, high=255)]
    end_s: Annotated[float, Col("end of the last frame", unit="s")]
    damaged: Annotated[str, Col("what the decoder complained of, empty for a clean file")] = ""
    damaged_s: Annotated[Doubles, Col("times of the frames that are damaged, ascending", unit="s")] = field(
        default_factory=lambda: np.empty(0, np.float64)
    )
    looks: Annotated[bytes, Col("a gray picture of 16x9 px of each frame, row by row, 144 bytes a frame")] = b""


@dataclass(frozen=True, slots=True)
class Frame(Row):
    """One sampled frame, upright (rotation applied)."""

    table: ClassVar[str] = "frames"
    frame_id: Annotated[str, Col("the video's id and the time in milliseconds")]
    video_id: Annotated[str, Col("the video")]
    time_s: Annotated[float, Col("presentation time", unit="s")]
    jpeg: Annotated[bytes, Col("the picture, JPEG")]
    width_px: Annotated[int, Col("width of the JPEG", unit="px", low=1)]
    height_px: Annotated[int, Col("height of the JPEG", unit="px", low=1)]
    phash: Annotated[str, Col("64-bit DCT perceptual hash, 16 hexadecimal digits")]
    sharpness: Annotated[float, Col("variance of the Laplacian of the gray picture", low=0)]
    brightness: Annotated[float, Col("mean of the gray picture", low=0, high=255)]


@dataclass(frozen=True, slots=True)
class Sound(Row):
    """The sound track of one video, as a 16 kHz mono FLAC file."""

    table: ClassVar[str] = "sounds"
    sound_id: Annotated[str, Col("the video's id")]
    video_id: Annotated[str, Col("the video")]
    file: Annotated[str, Col("FLAC file, 16 kHz mono, relative to the build folder")]
    start_s: Annotated[float, Col("time of the first sample on the video's clock", unit="s")]
    duration_s: Annotated[float, Col("length", unit="s", low=0)]
    loudness_db: Annotated[float, Col("root mean square of the whole track, dB below full scale", unit="dB", high=0)]
    active: Annotated[list[Span], Col("spans that are louder than the track's own noise floor")]
    language: Annotated[str, Col("BCP 47 code that the file gives the track, empty where it gives none")] = ""


@dataclass(frozen=True, slots=True)
class Shot(Row):
    """``[start_s, end_s)`` between two cuts of a video."""

    table: ClassVar[str] = "shots"
    shot_id: Annotated[str, Col("the video's id and the times in milliseconds")]
    video_id: Annotated[str, Col("the video")]
    start_s: Annotated[float, Col("time of its first frame", unit="s")]
    end_s: Annotated[float, Col("time of the next shot's first frame, or the video's end", unit="s")]
    detector: Annotated[str, Col("what found the cut that opens it; `start` for the first")]
    strength: Annotated[float, Col("the detector's value at that cut; 0 for the first", low=0)]
    opening: Annotated[str, Col("how it opens; empty where the detector does not say", choices=OPENINGS)] = ""
    opening_start_s: Annotated[float | None, Col("time of the opening transition's first frame", unit="s")] = None
    opening_end_s: Annotated[
        float | None, Col("time of the first frame after the opening transition; null for a cut", unit="s")
    ] = None
    sure: Annotated[float | None, Col("how sure the opening is, 0 to 1; null where nobody says", low=0, high=1)] = None


@dataclass(frozen=True, slots=True)
class Clip(Row):
    """``[start_s, end_s)`` of a video: what the dataset is about. The clip of an image is ``[0, 0]``.

    With ``cut: none`` it is virtual (times into the source file); otherwise ``file`` holds it,
    and the four measures say how its streams lie.
    """

    table: ClassVar[str] = "clips"
    clip_id: Annotated[str, Col("the video's id and the times in milliseconds")]
    video_id: Annotated[str, Col("the video")]
    start_s: Annotated[float, Col("start", unit="s")]
    end_s: Annotated[float, Col("end", unit="s")]
    shots: Annotated[list[Span], Col("its shots, as times of the video")]
    cut: Annotated[str, Col("how the file was made", choices=("none", "copy", "smart", "encode"))] = "none"
    file: Annotated[str | None, Col("the clip's own file, relative to the build folder")] = None
    video_s: Annotated[float | None, Col("length of the file's pictures", unit="s", low=0)] = None
    audio_s: Annotated[float | None, Col("length of the file's sound; null without sound", unit="s", low=0)] = None
    start_gap_s: Annotated[float | None, Col("start of the sound minus start of the pictures", unit="s")] = None
    end_gap_s: Annotated[float | None, Col("end of the sound minus end of the pictures", unit="s")] = None
    file_width_px: Annotated[int | None, Col("width of the file's pictures as shown", unit="px", low=1)] = None
    file_height_px: Annotated[int | None, Col("height of the file's pictures as shown", unit="px", low=1)] = None
    damaged: Annotated[
        float | None, Col("share of its frames that are damaged; null where no scan told", low=0, high=1)
    ] = None

    @property
    def seconds(self) -> float:
        """Its length in seconds; 0 for an image."""
        return self.end_s - self.start_s

    def holds(self, time_s: float) -> bool:
        """Whether a moment lies in it; its start always does, so that the clip of an image holds the image."""
        return self.start_s == time_s or self.start_s < time_s < self.end_s
