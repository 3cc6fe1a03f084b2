"""Key frames of clips, by what their pictures mean."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import Drop, RowAnswer, Split, Step, reads, writes
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..schemas import Clip, Col, Embedding, Frame, Signals, Video
from ..schemas.ids import SAME_TIME_S
from .keyframing import sharegpt
from .keyframing.sharegpt import Doubles, Floats


class KeyframesInput(NamedTuple):
    """A video's clips, its stored frames, and the frames' vectors (and all others)."""

    video: Video
    clips: list[Clip]
    frames: list[Frame]
    embeddings: list[Embedding]
    signals: list[Signals] = []


@dataclass(frozen=True)
class Keyframes(Split[KeyframesInput, Frame]):
    """Keep the stored frames that look unlike the key frame before them; later steps read only those.

    As ShareGPT4Video (Chen et al. 2024, arXiv:2406.04325): the first frame of a clip counts, then of every
    ``interval_s`` the frame whose vector has a cosine below ``threshold`` to that of the last key frame, and the last
    frame where it is far enough from it. Pictures of one gray value at a clip's start are passed over. No video is
    opened: what is not stored cannot be chosen. Rows are stored frames, unchanged, with their true times; clips that
    overlap share theirs. A clip that is not longer than ``min_s`` leaves a verdict, ``too_short``, and stays without
    frames; so does one of which no frame is stored (``no_frames``).

    ``fixed`` counts in the video's own times; ``published`` in frames at the declared rate cut down to a whole number,
    as the authors' code, so that its intervals are shorter than it says (1.94 s at 29.97). The threshold is for CLIP
    ViT-L/14-336 before its projection; that of another encoder must be found anew. A video fails with ``no_vectors``,
    ``which_encoder`` (several, and none is named), and, for ``published``, ``no_fps``.
    """

    profile: Annotated[
        str,
        Col("the video's own times, or frame numbers as the authors', faults included", choices=("fixed", "published")),
    ] = "fixed"
    encoder: Annotated[
        str, Col("whose vectors to read: `Embedding.model`, or its name without version; empty: the only one's")
    ] = ""
    interval_s: Annotated[float, Col("a frame is looked at this often", unit="s", low=0.04)] = 2.0
    threshold: Annotated[float, Col("a frame at or above this cosine is like the last key frame", low=-1, high=1)] = (
        0.93
    )
    min_s: Annotated[float, Col("a clip must be longer than this", unit="s", low=0)] = 10.0
    max_s: Annotated[float, Col("what comes later in a clip is not looked at", unit="s", low=0.1)] = 120.0

    cost = "row"
    replaces_inputs = True
    batch = 1
    depends_on = ("fps",)

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` where no step encodes frames, or no clip could be long enough."""
        if self.min_s >= self.max_s:
            raise UserError(
                f"builders.keyframes: min_s is {self.min_s:g} and max_s {self.max_s:g}", "give it more room"
            )
        if not any(writes(type(step)) is Embedding and reads(type(step)).anchor is Frame for step in earlier):
            raise UserError(
                "builders.keyframes compares the vectors of frames, and no step before it makes them",
                "add captioners.frame_embeddings before it",
            )

    def process(self, row: KeyframesInput) -> RowAnswer[Frame]:
        """The frames that tell the clip best."""
        if not row.clips:
            return []
        try:
            stored = _frame_vectors(row, self.encoder)
            chosen: dict[str, Frame] = {}
            drops: list[Drop] = []
            for clip in sorted(row.clips, key=lambda c: c.clip_id):
                part = stored.inside(clip)
                keys = self._keys(clip, part, row)
                chosen |= {part.frames[key].frame_id: part.frames[key] for key in keys}
                if not keys:
                    drops.append(_drop(clip, part, self.min_s))
            return [*(chosen[i] for i in sorted(chosen)), *drops]
        except RowError as error:
            return error

    def _keys(self, clip: Clip, part: _FrameVectors, row: KeyframesInput) -> list[int]:
        """Which of the stored frames of a clip are key frames."""
        rules = sharegpt.KeyframeRules(self.interval_s, self.threshold, self.min_s, self.max_s)
        if not part.frames:
            return []
        if self.profile == "fixed":
            uniform = _leading(part.frames, part.times_s[0] + self.interval_s)
            return [
                key.frame for key in sharegpt.exact_keyframes(part.vectors, part.times_s, clip.end_s, rules, uniform)
            ]
        times = _FrameNumbers(clip, row.video, row.signals[0] if row.signals else None)
        uniform = _leading(part.frames, clip.start_s + 2 * self.interval_s)
        leading = 0 if not uniform else times.count if uniform == len(part.frames) else times.number(part, uniform)
        keys = sharegpt.lazy_paper_keyframes(
            times.count, times.fps, lambda frame: part.vectors[part.nearest(times.time_s(frame))], rules, leading
        )
        return [part.nearest(times.time_s(key.frame)) for key in keys]


class _FrameVectors(NamedTuple):
    """Stored frames that have a vector, in order of time."""

    frames: list[Frame]
    times_s: Doubles  # (N,)
    vectors: Floats  # (N, D)

    def inside(self, clip: Clip) -> _FrameVectors:
        """Those of a clip."""
        low, high = np.searchsorted(self.times_s, [clip.start_s - SAME_TIME_S, clip.end_s - SAME_TIME_S]).tolist()
        return _FrameVectors(self.frames[low:high], self.times_s[low:high], self.vectors[low:high])

    def nearest(self, time_s: float) -> int:
        """The frame nearest to a time."""
        after = bisect_left(self.times_s, time_s)
        near = range(max(0, after - 1), min(len(self.frames), after + 1))
        return min(near, key=lambda at: abs(float(self.times_s[at]) - time_s))


class _FrameNumbers:
    """The frames of a clip by number, and when they are shown: as the signals say, or else at one rate."""

    def __init__(self, clip: Clip, video: Video, signals: Signals | None) -> None:
        if not video.fps or int(video.fps) < 1:
            said = f"{video.video_id}: its container declares no usable frame rate; use profile: fixed"
            raise RowError(said, "no_fps")
        self.fps, self._start_s = video.fps, clip.start_s
        self.count = round(clip.seconds * video.fps)
        self._times_s: Doubles | None = None
        if signals is not None:
            low, high = np.searchsorted(signals.time_s, [clip.start_s - SAME_TIME_S, clip.end_s - SAME_TIME_S]).tolist()
            self._times_s, self.count = signals.time_s[low:high], high - low

    def time_s(self, number: int) -> float:
        """When a frame is shown."""
        return self._start_s + number / self.fps if self._times_s is None else float(self._times_s[number])

    def number(self, part: _FrameVectors, at: int) -> int:
        """The number of a stored frame."""
        time_s = float(part.times_s[at]) - SAME_TIME_S
        if self._times_s is None:
            return max(0, round((time_s - self._start_s) * self.fps))
        return int(np.searchsorted(self._times_s, time_s))


def _leading(frames: Sequence[Frame], before_s: float) -> int:
    """How many frames at the start, of those before a time, have one value in all channels of all pixels."""
    for at, frame in enumerate(frames):
        if frame.time_s >= before_s or not _is_uniform(frame):
            return at
    return len(frames)


def _is_uniform(frame: Frame) -> bool:
    if frame.sharpness > 0:  # measured before it became a JPEG; so nearly all need not be decoded
        return False
    import cv2

    pixels = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR) if frame.jpeg else None
    return pixels is not None and bool((pixels == pixels.flat[0]).all())


def _drop(clip: Clip, part: _FrameVectors, min_s: float) -> Drop:
    if not part.frames:
        return Drop(clip.clip_id, clip.video_id, "no_frames", "no stored frame with a vector lies in it")
    return Drop(clip.clip_id, clip.video_id, "too_short", f"{clip.seconds:.3f} s, not more than {min_s:g} s")


def _frame_vectors(row: KeyframesInput, encoder: str) -> _FrameVectors:
    """The frames that have a vector by the one encoder.

    Raises:
        RowError: ``no_vectors``, or ``which_encoder``.
    """
    of_frames = {(e.model, e.frame_id): e for e in row.embeddings if e.frame_id is not None and e.clip_id is None}
    try:
        wanted = choose_model((model for model, _ in of_frames), encoder, f"{row.video.video_id}: its frames")
    except VectorChoiceError as error:
        if row.frames or error.kind != "no_vectors":
            raise RowError(str(error), error.kind) from None
        wanted = ""
    with_vector = sorted(
        ((f, of_frames[key].vector) for f in row.frames if (key := (wanted, f.frame_id)) in of_frames),
        key=lambda pair: (pair[0].time_s, pair[0].frame_id),
    )
    vectors = [np.asarray(vector, np.float32) for _, vector in with_vector]
    return _FrameVectors(
        [frame for frame, _ in with_vector],
        np.array([frame.time_s for frame, _ in with_vector], np.float64),
        np.stack(vectors) if vectors else np.zeros((0, 1), np.float32),
    )
