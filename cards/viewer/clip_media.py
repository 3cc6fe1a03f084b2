"""What a page shows and plays of a clip: pictures, its file, its sound as a wave."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from av.audio.resampler import AudioResampler

from ...engine.contract.errors import RowError
from ...media.container import best_audio, best_video, open_media

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

WAVE = 400
"""Points of a sound wave."""
_RATE = 8000
_LONGEST_S = 600.0
_SILENCE = np.zeros(0, np.float32)


class PlayedFile(NamedTuple):
    """The file that a clip is played from, and where it is in it."""

    path: Path
    start_s: float
    end_s: float


def played_file(root: Path, clip: dict[str, Any]) -> PlayedFile | None:
    """The clip's own file, or else its span of the source; None where neither is there.

    ``clip`` is a row of the wall.
    """
    length = float(clip["duration_s"])
    if clip["file"] and (own := root / clip["file"]).is_file():
        return PlayedFile(own, 0.0, length)
    if clip["path"] and (source := root / clip["path"]).is_file():
        return PlayedFile(source, float(clip["start_s"]), float(clip["end_s"]))
    return None


def sound_wave(played: PlayedFile, points: int = WAVE) -> NDArray[np.float32]:
    """The loudest sample of each of ``points`` equal spans, 0 to 1, float32; empty without sound.

    Only the first ten minutes are read.
    """
    start, end = played.start_s, min(played.end_s, played.start_s + _LONGEST_S)
    peaks, heard = np.zeros(points, np.float32), False
    with suppress(RowError), open_media(str(played.path)) as container:
        if end > start and (audio := best_audio(container)):
            mono = AudioResampler("fltp", "mono", _RATE)
            container.seek(round(max(start - 0.5, 0.0) * 1_000_000), backward=True)
            for frame in container.decode(audio):
                if frame.time is None:
                    continue
                if frame.time >= end:
                    break
                samples = np.abs(np.concatenate([part.to_ndarray()[0] for part in mono.resample(frame)] or [_SILENCE]))
                times = frame.time + np.arange(len(samples)) / _RATE
                places = np.floor((times - start) / (end - start) * points).astype(int)
                inside = (places >= 0) & (places < points)
                np.maximum.at(peaks, places[inside], samples[inside])
                heard = True
    return np.minimum(peaks, 1.0) if heard else peaks[:0]


def film_picture(played: PlayedFile, width_px: int = 320) -> bytes:
    """The picture in the middle of a clip as a JPEG; empty where none decodes. For clips without stored frames."""
    middle = (played.start_s + played.end_s) / 2
    with suppress(RowError), open_media(str(played.path)) as container:
        if video := best_video(container):
            container.seek(round(max(middle, 0.0) * 1_000_000), backward=True)
            for frame in container.decode(video):
                if frame.time is not None and frame.time >= middle - 1.0:
                    return _jpeg(frame, width_px)
    return b""


def _jpeg(frame: VideoFrame, width_px: int) -> bytes:
    import cv2

    height_px = max(round(width_px * frame.height / frame.width), 1)
    shown = frame.reformat(width=width_px, height=height_px, format="bgr24").to_ndarray()
    done, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return data.tobytes() if done else b""
