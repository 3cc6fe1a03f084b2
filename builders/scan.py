"""The decode pass: everything that later steps need from pixels and sound, in one go."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import RowError
from ..engine.contract.step import MultiOutput, MultiOutputFunction, OutputTable, RowAnswer, StepContext
from ..media.clock import Clock, SoundShift
from ..media.container import best_audio, best_video, is_joinable, open_media, stream_language
from ..media.damage import FrameHealth
from ..media.decode import StreamObservers, decode_all
from ..media.deinterlace import Deinterlacer
from ..media.display import pixel_aspect
from ..media.frame_sampler import FrameSampler, SamplingOptions
from ..media.memory import keep_freed_memory
from ..media.pictures import BgrConverter, FrameShrinker
from ..media.signals import SignalMeter
from ..media.sound import SoundTrack
from ..schemas import Col, Frame, Row, Signals, Sound, Video

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SHORT_OF = 0.95
"""A file that holds less than this share of what it declares, and lacks over a second, was cut off."""


@dataclass(frozen=True)
class Scan(MultiOutput[Video]):
    """Decode each video once: per-frame signals, sampled frames and the sound track.

    Stored frames are upright and whole (of interlaced video too), with transparency on black; of stereo sound one
    channel of which is the other turned over, the difference is stored, as the mix would be silence.
    What decodes before, between and after damage is kept: ``Signals.damaged`` says what was met, and ``damaged_s``
    which frames are damaged, none of which is stored.
    An image has one frame; what is no file, a link or a text, has no rows.
    A video without sound has no ``Sound`` row; one without pictures is an error of kind ``no_video``
    or ``no_video_frames`` in the tables of pictures and still gets its ``Sound``.
    """

    frames_per_s: Annotated[float, Col("frames kept per second of video", unit="1/s", low=0.001, high=120)] = 2.0
    frame_px: Annotated[int, Col("longer side of the frames kept", unit="px", low=32, high=4096)] = 512
    quality: Annotated[int, Col("JPEG quality of the frames kept", low=1, high=100)] = 90
    edges: Annotated[bool, Col("measure changes of edges too (the fourth weight of builders.shots)")] = False
    sound: Annotated[bool, Col("store the sound track too")] = True
    sound_languages: Annotated[
        tuple[str, ...],
        Col("of several sound tracks, that in the first of these languages (BCP 47); none: the main one"),
    ] = ()

    depends_on = ("sha256",)
    version = 3
    isolate = True
    memory_mb = 1500
    timeout_s = 7200.0
    batch = 1

    def parts(self) -> Sequence[OutputTable]:
        """Signals, frames and, unless switched off, the sound."""
        pictures = (
            OutputTable("signals", Signals, ("edges",)),
            OutputTable("frames", Frame, ("frames_per_s", "frame_px", "quality")),
        )
        return (*pictures, OutputTable("sound", Sound, ("sound_languages",))) if self.sound else pictures

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[Video]]:
        """Yield the batch function, with OpenCV's own threads switched off (they only cost CPU here)."""
        import cv2

        keep_freed_memory()
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            desk = _Desk(self, context, BgrConverter(), BgrConverter())
            yield lambda videos, wanted: [_scan(desk, video, wanted) for video in videos]
        finally:
            cv2.setNumThreads(threads)


class _Desk(NamedTuple):
    """What one worker keeps from video to video."""

    scan: Scan
    context: StepContext
    small: BgrConverter
    kept: BgrConverter


def _scan(desk: _Desk, video: Video, wanted: frozenset[str]) -> dict[str, RowAnswer[Row]]:
    if not video.path:
        return {part: [] for part in wanted}
    try:
        with open_media(video.path) as container, ExitStack() as stack:
            return _read(container, desk, video, wanted, stack)
    except RowError as error:
        return dict.fromkeys(wanted, error)


def _read(
    container: InputContainer, desk: _Desk, video: Video, wanted: frozenset[str], stack: ExitStack
) -> dict[str, RowAnswer[Row]]:
    name = Path(video.path).name
    none = RowError(f"{name}: it has no pictures", "no_video")
    answers: dict[str, RowAnswer[Row]] = {part: [] if part == "sound" else none for part in wanted}
    seen, heard = best_video(container), best_audio(container, desk.scan.sound_languages)
    pictures = _Pictures(desk, video, seen, wanted) if seen is not None else None
    track, watched = None, []
    if seen is not None and pictures is not None:
        watched.append(StreamObservers(seen, pictures.add if wanted & {"signals", "frames"} else None))
    if heard is not None:
        if "sound" in wanted:
            shift = SoundShift(is_joinable(container), pictures.clock.shifts if pictures is not None else ())
            track = SoundTrack(desk.context.folder("sound") / f"{quote(video.video_id, safe='')}.flac", shift)
            stack.callback(track.discard)
        watched.append(StreamObservers(heard, track.add if track is not None else None))
    stopped = decode_all(container, watched)
    if pictures is not None:
        complaints = [*watched[0].complaints(), *([f"reading stopped early ({stopped})"] if stopped else [])]
        # Where recordings are joined, packets look as if some were lost, and their times are others.
        damaged = pictures.health.find_damage([] if pictures.clock.shifts else watched[0].bad_packets)
        answers |= pictures.answers(name, complaints, _header_duration_s(container, watched), damaged)
    if track is not None:
        answers["sound"] = _sound(track, video, desk.context.root, stream_language(watched[-1].stream))
    return answers


class _Pictures:
    """Everything that is made of one video's pictures."""

    def __init__(self, desk: _Desk, video: Video, stream: VideoStream, wanted: frozenset[str]) -> None:
        scan, aspect = desk.scan, float(pixel_aspect(stream))
        self._video_id, self._count, self._start_s = video.video_id, 0, 0.0
        self.clock = Clock(is_joinable(stream.container))
        self._step_s, self._tick_s = 1 / float(stream.guessed_rate or 25), float(stream.time_base or 0)
        self.health, self._times_s = FrameHealth(), array("d")
        self._meter = SignalMeter(scan.edges) if "signals" in wanted else None
        self._shrink = FrameShrinker(desk.small)
        look = SamplingOptions(scan.frames_per_s, scan.frame_px, scan.quality)
        self._sampler = FrameSampler(video.video_id, look, aspect, desk.kept) if "frames" in wanted else None
        self._deinterlacer: Deinterlacer[float] = Deinterlacer()

    def add(self, frame: VideoFrame) -> None:
        """Look at the next decoded frame."""
        lasts_s = frame.duration * self._tick_s if frame.duration else self._step_s
        time_s = self.clock.tell(frame.time, lasts_s)
        if not self._count:
            self._start_s = time_s
        self._count += 1
        self.health.add(frame)
        self._times_s.append(time_s)
        if self._meter is not None:
            self._meter.add(self._shrink(frame), time_s)
        if self._sampler is not None:
            for whole, at_s in self._deinterlacer.add(frame, time_s):
                self._sampler.add(whole, at_s)

    def answers(
        self, name: str, complaints: list[str], declared_s: float | None, damaged: NDArray[np.bool_]
    ) -> dict[str, RowAnswer[Row]]:
        """The rows of the wanted tables, or why there are none; ``damaged`` tells of each frame."""
        wanted = [p for p, o in (("signals", self._meter), ("frames", self._sampler)) if o is not None]
        if not self._count:
            why = "; ".join(complaints) or "the stream is empty, encrypted or cut off before its first frame"
            return dict.fromkeys(wanted, RowError(f"{name}: no frame of it decodes: {why}", "no_video_frames"))
        found: dict[str, RowAnswer[Row]] = {}
        damaged_s = np.array(self._times_s, np.float64)[damaged]
        if self._meter is not None:
            spread = f"damaged frames: {len(damaged_s)} of {self._count}" if len(damaged_s) else ""
            told = [*complaints, *filter(None, (spread, self.clock.complaint(), self._shortfall(declared_s)))]
            found["signals"] = [self._meter.row(self._video_id, self.clock.end_s, "; ".join(told), damaged_s)]
        if self._sampler is not None:
            for whole, at_s in self._deinterlacer.end():
                self._sampler.add(whole, at_s)
            bad = set(damaged_s.tolist())
            found["frames"] = [row for row in self._sampler.rows if row.time_s not in bad]
        return found

    def _shortfall(self, declared_s: float | None) -> str:
        """What the file declares and does not hold: a file that was cut off decodes without an error."""
        seconds = self.clock.end_s - min(self._start_s, 0.0)
        if declared_s is not None and seconds < min(_SHORT_OF * declared_s, declared_s - 1):
            return f"ends after {seconds:.1f} s of the {declared_s:.1f} s that it declares"
        return ""


def _header_duration_s(container: InputContainer, watched: list[StreamObservers]) -> float | None:
    """How long the pictures should be; None where the file does not say, or its other streams fill it."""
    stream = watched[0].stream
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration is None:
        return None
    declared_s, start_s = container.duration / 1e6, (container.start_time or 0) / 1e6
    filled = any(one.end_s - start_s >= _SHORT_OF * declared_s for one in watched[1:])
    return None if filled else declared_s


def _sound(track: SoundTrack, video: Video, root: Path, language: str) -> RowAnswer[Row]:
    if track.start_s is None:
        name = Path(video.path).name
        return RowError(f"{name}: it has a sound track, but nothing of it decodes", "no_sound_frames")
    loud = track.close()
    row = Sound(
        sound_id=video.video_id,
        video_id=video.video_id,
        file=track.path.relative_to(root).as_posix(),
        start_s=track.start_s,
        duration_s=track.duration_s,
        loudness_db=loud.level_db,
        active=loud.active,
        language=language,
    )
    return [row]
