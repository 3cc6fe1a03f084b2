"""A transcript in blocks of so many words, each a clip with its text, for language models to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from ..engine.contract.step import Cost, MultiOutput, MultiOutputFunction, OutputTable, RowAnswer, StepContext
from ..schemas import Caption, Clip, Col, Row, Segment, Span, Video
from ..schemas.ids import free_id, span_id
from .howto.blocks import WORDS, TimedSentence, WordBlock, published_blocks, word_blocks
from .howto.transcripts import best_transcript

TEACHER = "transcript"


class WordBlocksInput(NamedTuple):
    """A video, and what is said in it."""

    video: Video
    segments: list[Segment]


class _BlockText(NamedTuple):
    """A block with its clip's id and the language that it is in."""

    clip_id: str
    block: WordBlock
    language: str


@dataclass(frozen=True)
class WordBlocks(MultiOutput[WordBlocksInput]):
    """Cut a video's transcript into blocks of at most ``max_words`` words, as HowToCaption does (arXiv:2310.04900).

    Each block is a clip from its first sentence to its last, and a caption of the teacher `transcript` and the kind
    `source` with a line for each sentence, ``12s: what is said``. Of several transcripts of a video one is taken:
    subtitles, or else the one with most text. With ``profile: fixed`` a sentence that is longer than a block is cut,
    and every one has its second; ``published`` is as the authors' script, in which the sentence that opens a block
    has none. Sentences that speech recognition doubts are left out. A video in which nothing is said has no clip.
    """

    max_words: Annotated[int, Col("longest block", unit="words", low=1)] = WORDS
    profile: Annotated[str, Col("blocks as they should be, or as published", choices=("fixed", "published"))] = "fixed"

    cost: ClassVar[Cost] = "row"
    replaces_inputs = True
    depends_on = ("video_id",)

    def parts(self) -> Sequence[OutputTable]:
        """Clips and captions."""
        options = ("max_words", "profile")
        return OutputTable("clips", Clip, options), OutputTable("captions", Caption, options)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[MultiOutputFunction[WordBlocksInput]]:
        """Nothing to load."""
        yield lambda rows, wanted: [self._answer(row, wanted) for row in rows]

    def _answer(self, row: WordBlocksInput, wanted: frozenset[str]) -> dict[str, RowAnswer[Row]]:
        found = list(self._blocks(row))
        made: dict[str, RowAnswer[Row]] = {
            "clips": [_clip(row.video.video_id, one) for one in found],
            "captions": [_caption(row.video.video_id, one) for one in found],
        }
        return {part: made[part] for part in wanted}

    def _blocks(self, row: WordBlocksInput) -> Iterator[_BlockText]:
        said = best_transcript(row.segments)
        sentences = [TimedSentence(s.start_s, s.end_s, s.text) for s in said]
        make = word_blocks if self.profile == "fixed" else published_blocks
        used: set[str] = set()
        for block in make(sentences, self.max_words):
            key = free_id(span_id(row.video.video_id, block.start_s, block.end_s), used)
            used.add(key)
            yield _BlockText(key, block, said[0].language)


def _clip(video_id: str, one: _BlockText) -> Clip:
    start_s, end_s = one.block.start_s, one.block.end_s
    return Clip(one.clip_id, video_id, start_s, end_s, [Span(start_s, end_s)])


def _caption(video_id: str, one: _BlockText) -> Caption:
    return Caption(
        caption_id=f"{one.clip_id}_{TEACHER}", video_id=video_id, clip_id=one.clip_id, teacher=TEACHER, kind="source",
        text=one.block.text, parents=[], model="transcript", revision="", language=one.language or "und",
    )  # fmt: skip
