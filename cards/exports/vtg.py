"""Questions about times, as VTG-LLM and its like are taught with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from ...schemas import Col
from .activitynet import video_length
from .chats import draw
from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, split_files, write_list
from .json_stream import read_list

_BINS = 100
_DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
_TIME = r"(?:\d+(?:\.\d)?|<time=\d+>|(?:<TIME_[A-Z]+>)+)"
_EVENT = re.compile(rf"({_TIME}) - ({_TIME}) seconds, ")
_MOMENT = re.compile(rf"It happens in ({_TIME}) - ({_TIME}) seconds\.")


class MomentQuestion(NamedTuple):
    """A question about one event: what stands before and after its description."""

    before: str
    after: str


MOMENTS = (
    MomentQuestion("When does this happen in the video: '", "'? Give its start and its end."),
    MomentQuestion("Find the part of the video that shows '", "', and say from when to when it lasts."),
    MomentQuestion("From which second to which second can one see '", "'?"),
    MomentQuestion("'", "': at which time of the video is that?"),
)
DENSE = (
    "List what happens in the video, each with its start and its end in seconds.",
    "Go through the video in order: what is shown, and from when to when?",
    "Which events does the video hold? Give the times of each before a sentence about it.",
    "Write down every event of the video with its times.",
)


@dataclass(frozen=True)
class VtgFormat(ExportFormat):
    """A list of objects, one a source video: ``video``, ``QA`` (each with ``q`` and ``a``) and ``source``.

    A moment's question quotes a caption, its answer is `It happens in s - e seconds.`; that of a dense caption is
    `s - e seconds, sentence.` for each clip, joined by blanks. The words of questions are our own, of several one is
    drawn. Times are seconds with one decimal, as numbers, as VTG-LLM's tokens (``<TIME_ONE>``; four digits before the
    ``<TIME_DOT>``), or as bins of a hundredth of the video (``<time=42>``). Blanks and line breaks in captions become
    one blank; what looks like an event's times in them gets a longer dash. ``video`` is the id of the source video;
    its length for bins is known as for ``activitynet``.
    """

    task: Annotated[
        str, Col("questions about single events, about all of a video's, or both", choices=("moment", "dense", "both"))
    ] = "both"
    times: Annotated[str, Col("how times are written", choices=("plain", "tokens", "bins"))] = "plain"
    seed: Annotated[int, Col("seed of the draws")] = 0

    name = "vtg"
    source = "https://github.com/gyxxyg/VTG-LLM"
    files = "<split>.json"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            write_list(folder / f"{split}.json", (self._entry(found) for found in clips.videos(split)))

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a moment, and one an event of a dense caption; times as they are spelled."""
        for split, path in split_files(folder, ".json"):
            for entry in read_list(path):
                for said in entry["QA"]:
                    for text, times in _events(said["q"], said["a"]):
                        yield ExportRecord(split, entry["video"], text, times)

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Nothing: times in bins depend on the whole video."""
        yield from ()

    def expect(self, clips: ExportClips) -> Iterator[ExportRecord]:
        """What all clips must have become."""
        for split in clips.splits:
            for found in clips.videos(split):
                for clip in found:
                    record = ExportRecord(split, clip.video_id, _flat(clip.caption), self._span(clip, found))
                    yield from [record] * (2 if self.task == "both" else 1)

    def _entry(self, clips: list[ExportClip]) -> dict[str, Any]:
        said = []
        if self.task != "moment":
            events = (f"{self._span(clip, clips)} seconds, {_flat(clip.caption)}" for clip in clips)
            said.append({"q": draw(DENSE, clips[0].video_id, self.seed), "a": " ".join(events)})
        if self.task != "dense":
            said += [self._moment(clip, clips) for clip in clips]
        return {"video": clips[0].video_id, "QA": said, "source": "cliploom"}

    def _moment(self, clip: ExportClip, clips: list[ExportClip]) -> dict[str, str]:
        number = int(draw([str(n) for n in range(len(MOMENTS))], clip.clip_id, self.seed))
        before, after = MOMENTS[number]
        span = self._span(clip, clips)
        return {"q": f"{before}{_flat(clip.caption)}{after}", "a": f"It happens in {span} seconds."}

    def _span(self, clip: ExportClip, clips: list[ExportClip]) -> str:
        length = video_length(clips)
        return " - ".join(spell_time(time_s, self.times, length) for time_s in (clip.start_s, clip.end_s))


def spell_time(time_s: float, how: str, length_s: float) -> str:
    """A time in seconds as ``plain``, ``tokens`` or ``bins``."""
    if how == "bins":
        return f"<time={min(int((_BINS - 1) * time_s / length_s), _BINS - 1) if length_s else 0}>"
    plain = f"{time_s:.1f}"
    if how == "plain":
        return plain
    return "".join("<TIME_DOT>" if c == "." else f"<TIME_{_DIGITS[int(c)]}>" for c in plain.rjust(6, "0"))


def _flat(text: str) -> str:
    return _EVENT.sub(r"\1 – \2 seconds, ", " ".join(text.split()))


def _events(question: str, answer: str) -> Iterator[tuple[str, str]]:
    """Texts and their times, from either kind of question."""
    if question in DENSE:
        _, *parts = _EVENT.split(answer)
        for start, end, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            yield text.strip(), f"{start} - {end}"
        return
    found = _MOMENT.fullmatch(answer)
    for before, after in MOMENTS:
        if found and question.startswith(before) and question.endswith(after):
            yield question[len(before) : len(question) - len(after)], f"{found[1]} - {found[2]}"
            return
