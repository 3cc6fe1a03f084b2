"""From shots to clips: which spans of a video become clips, and whether they get files of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import quote

import numpy as np

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import BatchFunction, Drop, RowAnswer, Split, Step, StepContext, each_row
from ..engine.storage.files import replace_file
from ..media.clock import SoundShift
from ..media.container import best_audio, best_video, is_joinable, open_media
from ..media.cutting.cutter import ClipOrder, Cutter
from ..media.cutting.index import FrameIndex, read_index
from ..media.cutting.measure import StreamTimes
from ..media.cutting.pictures import Upright
from ..media.cutting.plan import CutPlan, plan
from ..media.cutting.policy import ClipDraft, ClipPolicy
from ..media.cutting.sound import SoundDecoder
from ..media.cutting.source import EncoderQuality, VideoSource
from ..schemas import Clip, Col, Shot, Signals, Span, Video
from ..schemas.ids import SAME_TIME_S, span_id

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_COPYABLE = frozenset(("h264", "hevc", "vp9", "av1"))
"""Codecs that players expect in mp4."""


class ClipsInput(NamedTuple):
    """A video, its shots, and the times of its frames where it was scanned."""

    video: Video
    shots: list[Shot]
    signals: list[Signals] = []


@dataclass(frozen=True)
class Clips(Split[ClipsInput, Clip]):
    """Make clips of shots: by length, and with ``cut`` as mp4 files of their own.

    ``none`` writes nothing: a clip is two times of its video. ``encode`` encodes every clip anew (H.264,
    8-bit 4:2:0, upright; PQ and HLG made SDR, fields made whole frames, transparency put on black).
    ``smart`` copies H.264 pictures bit for bit and encodes only those between a clip's edges and the
    nearest places where a copy may begin or end. ``copy`` encodes no picture: the clip begins at the key
    frame at or before its start, however far that is, and ends where a copy may end; its row and id have
    the times that it really got. Where copying cannot be (another codec, odd times, no key frame inside,
    larger than ``max_px``) a clip is encoded; ``Clip.cut`` tells.

    Transitions between shots (``builders.cuts``) are left out, and shots with one between them are not merged.
    Files begin with the first frame that begins in the clip and end with the clip. Sound is AAC, cut to
    the sample, silent where the source has none; every file is read again, and if sound and pictures do
    not begin together and end within one frame of each other the video fails with ``av_sync``.
    Where the video was scanned, a clip with damaged frames leaves with the reason ``damaged``, one in which no frame
    begins with ``no_frames``.
    The clip of an image is a copy of its file, whatever its length (``cut: copy``); one that is a link stays virtual.
    A clip of which nothing decodes stays virtual (``cut: none``, no file); if that befalls all, the
    video fails with ``no_frames``. A video without pictures fails with ``no_video``.
    """

    min_s: Annotated[float, Col("shortest clip", unit="s", low=0)] = 2.0
    max_s: Annotated[float, Col("longest clip", unit="s", low=0.01)] = 60.0
    short: Annotated[
        str,
        Col("what becomes of shots below min_s; merge joins them with a neighbour", choices=("drop", "merge", "keep")),
    ] = "drop"
    long: Annotated[
        str,
        Col("what becomes of shots above max_s; split makes equal pieces", choices=("split", "trim", "keep", "drop")),
    ] = "split"
    transitions: Annotated[
        str, Col("frames that belong to two shots: left out of clips, or part of both", choices=("leave_out", "keep"))
    ] = "leave_out"
    trim_s: Annotated[float, Col("taken off both ends of a shot", unit="s", low=0)] = 0.0
    cut: Annotated[
        str,
        Col(
            "how the clips' files are made; with none, clips are times only",
            choices=("none", "copy", "smart", "encode"),
        ),
    ] = "none"
    crf: Annotated[float, Col("x264 quality of what is encoded; lower is better", low=0, high=51)] = 20.0
    preset: Annotated[
        str,
        Col(
            "x264 preset of what is encoded",
            choices=("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
        ),
    ] = "superfast"
    max_px: Annotated[int | None, Col("longer side of the pictures; none: as they are", unit="px", low=16)] = None
    sound_languages: Annotated[
        tuple[str, ...],
        Col("of several sound tracks, that in the first of these languages (BCP 47); none: the main one"),
    ] = ()
    max_damaged: Annotated[float, Col("share of damaged frames above which a clip is dropped", low=0, high=1)] = 0.0

    version = 3
    isolate = True
    memory_mb = 2000
    timeout_s = 7200.0
    batch = 1

    def check(self, earlier: Sequence[Step]) -> None:
        """Refuse lengths between which there is nothing."""
        if self.min_s > self.max_s:
            raise UserError(f"min_s ({self.min_s:g}) is more than max_s ({self.max_s:g})", "no clip could be that long")

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[ClipsInput, Clip]]:
        """Yield the batch function."""
        yield each_row(lambda row: self._answer(row, context))

    def _answer(self, row: ClipsInput, context: StepContext) -> RowAnswer[Clip]:
        if row.video.kind == "image":
            return self._of_image(row, context)
        shots = shot_spans(row.shots, leave_out=self.transitions == "leave_out")
        pieces = ClipPolicy(self.min_s, self.max_s, self.short, self.long, self.trim_s).pieces(shots)
        dropped = list(self._drops(row.shots, pieces))
        signals = row.signals[0] if row.signals else None
        if self.cut == "none" or not pieces:
            return [*(self._judge(_clip(row.video.video_id, piece), signals) for piece in pieces), *dropped]
        try:
            index = read_index(row.video.path)
            with open_media(row.video.path) as container:
                stream = best_video(container)
                assert stream is not None  # else there were no index
                drafts = [_draft(row.video.video_id, piece, index, self._how(stream)) for piece in pieces]
                judged = [(draft, self._judge(draft.real, signals)) for draft in drafts]
                dropped += [found for _, found in judged if isinstance(found, Drop)]
                good = [draft._replace(real=found) for draft, found in judged if isinstance(found, Clip)]
                return [*self._cut(container, index, good, context), *dropped]
        except RowError as error:
            return error

    def _of_image(self, row: ClipsInput, context: StepContext) -> RowAnswer[Clip]:
        """The whole of it, where it has a shot: its length is 0, and no limit is about that."""
        video, signals = row.video, row.signals[0] if row.signals else None
        clips = [self._judge(_clip(video.video_id, ClipDraft(0.0, 0.0, [Span(0.0, 0.0)])), signals)] * bool(row.shots)
        if self.cut == "none" or not video.path:
            return clips
        try:
            return [_with_copy(clip, video, context) if isinstance(clip, Clip) else clip for clip in clips]
        except OSError as error:
            return RowError(f"{video.uri or video.path}: cannot copy it: {error.strerror}", "unreadable")

    def _judge(self, clip: Clip, signals: Signals | None) -> Clip | Drop:
        """The clip, with its share of damaged frames, or why it is none."""
        if signals is None:
            return clip
        before, after = clip.start_s - SAME_TIME_S, max(clip.end_s - SAME_TIME_S, clip.start_s + SAME_TIME_S)
        all_, damaged = (
            int(np.subtract(*np.searchsorted(times, [after, before]))) for times in (signals.time_s, signals.damaged_s)
        )
        if not all_:
            return Drop(clip.clip_id, clip.video_id, "no_frames", "no frame begins in it")
        if damaged > self.max_damaged * all_:
            return Drop(clip.clip_id, clip.video_id, "damaged", f"{damaged} of its {all_} frames")
        return replace(clip, damaged=damaged / all_)

    def _drops(self, shots: Sequence[Shot], pieces: Sequence[ClipDraft]) -> Iterator[Drop]:
        """The shots that no clip holds anything of."""
        held = [span for piece in pieces for span in piece.shots]
        for shot in shots:
            if any(span.start_s < shot.end_s and shot.start_s < span.end_s for span in held):
                continue
            length_s = shot.end_s - shot.start_s
            reason = "too_long" if length_s > self.max_s else "too_short"
            yield Drop(shot.shot_id, shot.video_id, reason, f"{length_s:.3f} s")

    def _cut(
        self, container: InputContainer, index: FrameIndex, drafts: list[_Draft], context: StepContext
    ) -> list[Clip]:
        stream, audio = best_video(container), best_audio(container, self.sound_languages)
        if stream is None or not drafts:
            return []
        shift = SoundShift(is_joinable(container), index.shifts)
        listener = SoundDecoder(audio.codec_context.sample_rate, audio.codec_context.channels, shift) if audio else None
        source = VideoSource(index, stream, EncoderQuality(self.crf, self.preset, self.max_px), listener, Upright())
        orders = [ClipOrder(d.plan, context.folder() / d.name) for d in drafts if d.plan is not None]
        measured = iter(Cutter(container, audio, source).cut(orders))
        folder = context.folder().relative_to(context.root)
        rows = [d.virtual if d.plan is None else _to_clip(d, next(measured), folder) for d in drafts]
        if all(row.file is None for row in rows):
            raise RowError(f"{rows[0].video_id}: nothing decodes in any of its {len(rows)} clips", "no_frames")
        return rows

    def _how(self, stream: VideoStream) -> str:
        """The way of cutting that this stream allows."""
        context = stream.codec_context
        if self.max_px is not None and max(context.width, context.height) > self.max_px:
            return "encode"
        if self.cut == "copy" and context.codec.canonical_name not in _COPYABLE:
            return "encode"
        return self.cut


def shot_spans(shots: Sequence[Shot], leave_out: bool) -> list[Span]:
    """The spans of a video's shots in order; ``leave_out``: without the transitions between them.

    A shot that opens gradually begins in the middle of its transition: what lies before and after is not its own.
    """
    ordered = sorted(shots, key=lambda s: s.start_s)
    if not leave_out:
        return [Span(s.start_s, s.end_s) for s in ordered]
    found = []
    for shot, after in zip(ordered, [*ordered[1:], None][: len(ordered)], strict=True):
        start_s = shot.start_s if shot.opening_end_s is None else shot.opening_end_s
        end_s = shot.end_s
        if after is not None and after.opening_start_s is not None and shot.start_s < after.opening_start_s:
            end_s = min(end_s, after.opening_start_s)
        if start_s < end_s:
            found.append(Span(start_s, end_s))
    return found


class _Draft(NamedTuple):
    """A clip before its file is written: as times only, with the times that it gets, and how it is cut."""

    virtual: Clip
    real: Clip
    plan: CutPlan | None  # None where no frame begins in it

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{quote(self.real.clip_id, safe='')}.mp4"


def _draft(video_id: str, piece: ClipDraft, index: FrameIndex, cut: str) -> _Draft:
    virtual = _clip(video_id, piece)
    try:
        made = plan(index, piece.start_s, piece.end_s, cut)
    except RowError:
        return _Draft(virtual, virtual, None)
    if made.cut == "copy":
        piece = piece._replace(start_s=index.seconds(made.start), end_s=index.seconds(made.end))
    return _Draft(virtual, replace(_clip(video_id, piece), cut=made.cut), made)


def _to_clip(draft: _Draft, measures: StreamTimes | None, folder: Path) -> Clip:
    if measures is None:
        return draft.virtual
    return replace(draft.real, file=(folder / draft.name).as_posix(), **measures._asdict())


def _with_copy(clip: Clip, video: Video, context: StepContext) -> Clip:
    """The clip of an image, with the image's own bytes as its file."""
    suffix = Path(video.path).suffix.lower()
    target = context.folder() / f"{quote(clip.clip_id, safe='')}{suffix}"
    with replace_file(target) as part:
        shutil.copyfile(video.path, part)
    return replace(
        clip, cut="copy", file=target.relative_to(context.root).as_posix(),
        file_width_px=video.width_px, file_height_px=video.height_px,
    )  # fmt: skip


def _clip(video_id: str, piece: ClipDraft) -> Clip:
    return Clip(span_id(video_id, piece.start_s, piece.end_s), video_id, piece.start_s, piece.end_s, piece.shots)
