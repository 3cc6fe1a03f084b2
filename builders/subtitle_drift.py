"""Transcripts that run early or late, measured against the sound and mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, NamedTuple

from ..engine.contract.errors import RowError
from ..engine.contract.requirements import Requirement, extra_packages
from ..engine.contract.step import Cost, MultiOutput, MultiOutputFunction, OutputTable, RowAnswer, StepContext
from ..models.asr.voice_activity import speech_spans
from ..models.asr.windows import RATE_HZ, read_windows
from ..schemas import Col, Drift, Row, Segment, Sound, Video, Word
from ..schemas.ids import free_id, span_id
from .sources.ids import slug
from .subtitles.drift import DriftMeasure, measure_drift

_WINDOW_S = 300.0
_GAIN = 0.05  # by which a transcript must agree better once it is moved


class SubtitleDriftInput(NamedTuple):
    """A video, what is said in it, and its sound, if it has any."""

    video: Video
    segments: list[Segment]
    sounds: list[Sound] = []


class _TrackName(NamedTuple):
    """Which transcript of a video."""

    source: str
    language: str


@dataclass(frozen=True)
class SubtitleDrift(MultiOutput[SubtitleDriftInput]):
    """Measure how late, early, fast or slow each transcript of a video is, and mend those that are, where asked.

    When the transcript says that somebody speaks is compared with when somebody does: by cross-correlation, at the
    usual ratios of frame rates, and then by parts of two minutes. The report is the table `drifts`, a row for each
    transcript. It is `off` where it is more than ``tolerance_s`` from the sound at the start or the end, and `unsure`
    where even at its best it agrees by less than ``min_agreement``, as with subtitles of another film. With
    ``mend: true`` the sentences of those that are `off` are moved, with their words; all others, and those of videos
    without sound, stay as they are. The sentences stand in place of those before. Fails for sound that cannot be read
    (``unreadable``).
    """

    mend: Annotated[bool, Col("move the sentences of transcripts that are off")] = False
    listen: Annotated[
        str,
        Col(
            "who says when somebody speaks: a voice detector (silero), or how loud the sound is",
            choices=("voice", "loudness"),
        ),
    ] = "voice"
    subtitles_only: Annotated[bool, Col("leave transcripts of speech models alone: they were made from the sound")] = (
        True
    )
    most_s: Annotated[float, Col("largest offset that is looked for", unit="s", low=0.1)] = 30.0
    tolerance_s: Annotated[float, Col("offset up to which a transcript is in time", unit="s", low=0)] = 0.3
    min_agreement: Annotated[float, Col("least correlation that is believed", low=0, high=1)] = 0.3

    cost: ClassVar[Cost] = "cpu"
    batch = 1
    memory_mb = 500
    timeout_s = 3600.0
    replaces_inputs = True
    depends_on = ("video_id",)

    def requirements(self) -> Sequence[Requirement]:
        """The voice detector."""
        return extra_packages("speech", "faster_whisper") if self.listen == "voice" else []

    def parts(self) -> Sequence[OutputTable]:
        """The report and the sentences."""
        options = ("mend", "listen", "subtitles_only", "most_s", "tolerance_s", "min_agreement")
        return OutputTable("drifts", Drift, options), OutputTable("segments", Segment, options)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[SubtitleDriftInput]]:
        """Nothing to load before it is needed."""
        yield lambda rows, wanted: [self._answer(row, wanted, context) for row in rows]

    def _answer(
        self, row: SubtitleDriftInput, wanted: frozenset[str], context: StepContext
    ) -> dict[str, RowAnswer[Row]]:
        tracks: dict[_TrackName, list[Segment]] = {}
        for segment in sorted(row.segments, key=lambda s: (s.start_s, s.segment_id)):
            tracks.setdefault(_TrackName(segment.source, segment.language), []).append(segment)
        measured = {n for n in tracks if row.sounds and (n.source == "subtitle" or not self.subtitles_only)}
        try:
            heard = self._heard(row.sounds[0], context) if measured else ([], [])
        except RowError as error:
            return dict.fromkeys(wanted, error)
        drifts: list[Drift] = []
        segments: list[Segment] = []
        for name, track in tracks.items():
            if name in measured:
                end_s = row.sounds[0].start_s + row.sounds[0].duration_s
                found = measure_drift(heard, _spoken(track), end_s, self.most_s)
                drifts.append(self._drift(row.video.video_id, name, found, end_s))
                track = _mended(track, found) if drifts[-1].mended else track
            segments += track
        made: dict[str, RowAnswer[Row]] = {"drifts": drifts, "segments": segments}
        return {part: made[part] for part in wanted}

    def _heard(self, sound: Sound, context: StepContext) -> tuple[list[float], list[float]]:
        """Starts and ends of speech in the sound, on the video's clock."""
        if self.listen == "loudness":
            return [span.start_s for span in sound.active], [span.end_s for span in sound.active]
        starts: list[float] = []
        ends: list[float] = []
        for window in read_windows(context.root / sound.file, _WINDOW_S):
            for span in speech_spans(window.samples):
                starts.append(sound.start_s + window.start_s + span.start / RATE_HZ)
                ends.append(sound.start_s + window.start_s + span.end / RATE_HZ)
        return starts, ends

    def _drift(self, video_id: str, name: _TrackName, found: DriftMeasure, end_s: float) -> Drift:
        state = self._state(found, end_s)
        key = "_".join(part for part in (video_id, slug(name.source), name.language) if part)
        return Drift(
            key, video_id, name.source, name.language, round(found.offset_s, 3), round(found.rate, 6),
            max(-1.0, min(1.0, found.before)), max(-1.0, min(1.0, found.after)), state, self.mend and state == "off",
        )  # fmt: skip

    def _state(self, found: DriftMeasure, end_s: float) -> str:
        if found.after < self.min_agreement:
            return "unsure"
        at_end_s = found.offset_s + (found.rate - 1) * end_s
        if max(abs(found.offset_s), abs(at_end_s)) <= self.tolerance_s:
            return "in_time"
        return "off" if found.after >= found.before + _GAIN else "unsure"


def _spoken(track: Sequence[Segment]) -> tuple[list[float], list[float]]:
    """Starts and ends of its words, or of its sentences where words have no times."""
    spans: list[Word | Segment] = []
    for segment in track:
        spans += segment.words or [segment]
    return [span.start_s for span in spans], [span.end_s for span in spans]


def _mended(track: Sequence[Segment], found: DriftMeasure) -> list[Segment]:
    """The sentences at the sound's times; one that would begin before 0 begins there."""
    made: list[Segment] = []
    used: set[str] = set()
    for segment in track:
        start_s, end_s = max(0.0, found.mend(segment.start_s)), max(0.0, found.mend(segment.end_s))
        words = [Word(max(0.0, found.mend(w.start_s)), max(0.0, found.mend(w.end_s)), w.text) for w in segment.words]
        of = "_".join(p for p in (segment.video_id, slug(segment.source), segment.language, "mended") if p)
        key = free_id(span_id(of, start_s, end_s), used)
        used.add(key)
        made.append(replace(segment, segment_id=key, start_s=start_s, end_s=end_s, words=words))
    return made
