"""VidChapters-7M's files: chapters for dense captioning, for grounding, and as sequences with time tokens.

Yang et al. 2023, *VidChapters-7M* (arXiv:2309.13952), and the scripts that make its training files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ...schemas import Col
from .activitynet import video_length
from .clips import ExportClip, ExportClips, ExportSentence
from .format import ExportFormat, ExportRecord, JsonWriter, read_jsonl, split_files, write_jsonl
from .json_stream import read_items

_SOURCE = "https://github.com/antoyang/VidChapters"
_NO_TEXT = re.compile(r'[,:!_;\-.?/"\\\s]*')
_WHOLE = 0.9
_BINS = 100
_SENTENCE = re.compile(r"<time=(\d+)> <time=(\d+)> (.*?)(?= <time=|$)", re.DOTALL)


def time_bin(time_s: float, duration_s: float, bins: int = _BINS) -> int:
    """The number of a time token, ``int((bins - 1) * time_s / duration_s)``: 0 at the start, ``bins - 1`` at the end.

    Raises:
        ValueError: no length, or a time outside of the video.
    """
    if not duration_s > 0 or not 0 <= time_s <= duration_s:
        raise ValueError(f"{time_s} s is no time of a video of {duration_s} s")
    return int((bins - 1) * time_s / duration_s)


def sentence_text(text: str) -> str:
    """A sentence as the sequences have it: the first letter large, all others small, with a full stop; may be empty."""
    text = text.strip().capitalize()
    return text if not text or text.endswith(".") else f"{text}."


def time_sequence(spans: Sequence[tuple[float, float, str]], duration_s: float, bins: int = _BINS) -> str:
    """Spans with texts as one text, ``<time=0> <time=24> The engine. <time=24> …``.

    Those that begin before 0 or end after the video are left out, and those without text.
    """
    kept = ((s, e, told) for s, e, text in spans if 0 <= s <= e <= duration_s and (told := sentence_text(text)))
    return " ".join(
        f"<time={time_bin(s, duration_s, bins)}> <time={time_bin(e, duration_s, bins)}> {t}" for s, e, t in kept
    )


def has_words(title: str) -> bool:
    """Whether anything is left of a title without blanks and ``, : ! _ ; - . ? / " \\``."""
    return not _NO_TEXT.fullmatch(title)


def grounding_lines(
    video_id: str, duration_s: float, chapters: Sequence[tuple[float, float, str]], split: str
) -> list[dict[str, Any]]:
    """The lines of one video, without ``qid``: in ``train`` one with lists, in other splits one for each chapter.

    Chapters of at least 0.9 of the video, and such as end after it, are left out. Outside ``train`` the place of the
    chapter in the video stands before its id.
    """
    kept = [(s, e, t) for s, e, t in chapters if e - s < _WHOLE * duration_s and s <= e <= duration_s]
    told = {"duration": int(duration_s), "split": split}
    if split == "train":
        windows = [[[s, e]] for s, e, _ in kept]
        line = {"query": [t for _, _, t in kept], "vid": video_id, **told, "relevant_windows": windows}
        return [line] if kept else []
    return [
        {"query": t, "vid": f"{place}{video_id}", **told, "relevant_windows": [[s, e]]}
        for place, (s, e, t) in enumerate(kept)
    ]


@dataclass(frozen=True)
class VidchaptersFormat(ExportFormat):
    """Dense captioning: an object of videos, ``duration``, ``timestamps``, as many ``sentences``, and ``path``.

    Times are seconds. ``path`` names the file of its vectors, ``<video>.mp4.npy``. A video one of whose titles is
    punctuation alone is left out, as published; the published script also asks a Java tokeniser, this does not.
    ``duration`` is as for ``activitynet``.
    """

    name = "vidchapters"
    source = _SOURCE
    files = "chapters_dvc_<split>.json"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            with JsonWriter(folder / f"chapters_dvc_{split}.json") as out:
                out.text("{")
                out.items((v[0].video_id, _dense(v)) for v in clips.videos(split) if _all_titled(v))
                out.text("\n}\n")

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a chapter."""
        for split, path in split_files(folder, ".json", "chapters_dvc_"):
            for key, video in read_items(path):
                for (start_s, end_s), title in zip(video["timestamps"], video["sentences"], strict=True):
                    yield ExportRecord(split, key, title, "", start_s, end_s)

    def expect(self, clips: ExportClips) -> Iterator[ExportRecord]:
        """The chapters of all videos that are titled throughout."""
        for split in clips.splits:
            for video in clips.videos(split):
                yield from (r for clip in video if _all_titled(video) for r in self.records(clip))

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Times to the millisecond."""
        yield ExportRecord(clip.split, clip.video_id, clip.caption, "", *_times(clip))


@dataclass(frozen=True)
class VidchaptersGroundingFormat(ExportFormat):
    """Grounding: lines as Moment-DETR reads them, ``qid``, ``query``, ``vid``, ``duration``, ``relevant_windows``.

    In the split ``train`` a line is a video and has lists; in all others it is a chapter, and ``vid`` is the video's id
    with the chapter's number before it. Chapters of at least 0.9 of the video are left out. ``duration`` is in whole
    seconds.
    """

    name = "vidchapters_grounding"
    source = _SOURCE
    files = "chapters_vmr_<split>.jsonl"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split; ``qid`` counts from 0 through all of them."""
        qid = 0
        for split in clips.splits:
            found = (line for v in clips.videos(split) for line in _grounding(v, split))
            lines = [{"qid": number, **line} for number, line in enumerate(found, qid)]
            qid += len(lines)
            write_jsonl(folder / f"chapters_vmr_{split}.jsonl", lines)

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a chapter."""
        for split, path in split_files(folder, ".jsonl", "chapters_vmr_"):
            video, place = "", 0
            for line in read_jsonl(path):
                if split == "train":
                    for query, [[start_s, end_s]] in zip(line["query"], line["relevant_windows"], strict=True):
                        yield ExportRecord(split, line["vid"], query, "", start_s, end_s)
                    continue
                place = place + 1 if line["vid"] == f"{place + 1}{video}" and video else 0
                video = video if place else line["vid"].removeprefix("0")
                [[start_s, end_s]] = line["relevant_windows"]
                yield ExportRecord(split, video, line["query"], "", start_s, end_s)

    def expect(self, clips: ExportClips) -> Iterator[ExportRecord]:
        """The chapters that are no whole videos."""
        for split in clips.splits:
            for video in clips.videos(split):
                length_s = video_length(video)
                yield from (r for c in video if c.seconds < _WHOLE * length_s for r in self.records(c))

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Times to the millisecond."""
        yield ExportRecord(clip.split, clip.video_id, clip.caption, "", *_times(clip))


@dataclass(frozen=True)
class VidchaptersSequencesFormat(ExportFormat):
    """Sequences as Vid2Seq is trained with: what is said and the chapters as texts with time tokens.

    A line a video: ``video_id``, ``duration``, ``input`` (what is said, from the build's transcripts; empty in a
    dataset folder alone) and ``output`` (the chapters). A text is ``<time=0> <time=24> The engine.`` and so on: the
    number is ``int((bins - 1) * time / duration)``; sentences begin with a capital, go on in small letters and end with
    a full stop. How many tokens a model takes (1,000 and 256 in the paper) is a matter of its tokeniser.
    """

    bins: Annotated[int, Col("time tokens", low=2)] = _BINS

    name = "vidchapters_sequences"
    source = _SOURCE
    files = "<split>.jsonl"

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        for split in clips.splits:
            said = clips.sentences(split)
            write_jsonl(folder / f"{split}.jsonl", (self._line(v, said) for v in clips.videos(split)))

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a chapter; its times are numbers of tokens."""
        for split, path in split_files(folder, ".jsonl"):
            for line in read_jsonl(path):
                for start, end, text in _SENTENCE.findall(line["output"]):
                    yield ExportRecord(split, line["video_id"], text, "", float(start), float(end))

    def expect(self, clips: ExportClips) -> Iterator[ExportRecord]:
        """All chapters, their times as numbers of tokens."""
        for split in clips.splits:
            for video in clips.videos(split):
                text = time_sequence(_spans(video), video_length(video), self.bins)
                for start, end, title in _SENTENCE.findall(text):
                    yield ExportRecord(split, video[0].video_id, title, "", float(start), float(end))

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """Nothing by itself: the length of the video is needed."""
        return iter(())

    def _line(self, video: list[ExportClip], said: Mapping[str, list[ExportSentence]]) -> dict[str, Any]:
        length_s, video_id = video_length(video), video[0].video_id
        heard = time_sequence(said.get(video_id, []), length_s, self.bins)
        chapters = time_sequence(_spans(video), length_s, self.bins)
        return {"video_id": video_id, "duration": length_s, "input": heard, "output": chapters}


def _times(clip: ExportClip) -> tuple[float, float]:
    return round(clip.start_s, 3), round(clip.end_s, 3)


def _spans(video: Sequence[ExportClip]) -> list[tuple[float, float, str]]:
    return [(*_times(clip), clip.caption) for clip in video]


def _all_titled(video: Sequence[ExportClip]) -> bool:
    return all(has_words(clip.caption) for clip in video)


def _dense(video: list[ExportClip]) -> dict[str, Any]:
    return {
        "duration": video_length(video),
        "timestamps": [list(_times(clip)) for clip in video],
        "sentences": [clip.caption for clip in video],
        "path": f"{video[0].video_id}.mp4.npy",
    }


def _grounding(video: list[ExportClip], split: str) -> list[dict[str, Any]]:
    return grounding_lines(video[0].video_id, video_length(video), _spans(video), split)
