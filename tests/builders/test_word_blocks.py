"""Blocks of a transcript: the published ones with their gaps, and those without."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from cliploom.builders.howto.blocks import TimedSentence, WordBlock, count_words, published_blocks, word_blocks
from cliploom.builders.howto.transcripts import best_transcript
from cliploom.builders.word_blocks import WordBlocks, WordBlocksInput
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Caption, Clip, Segment, Video, problem


def says(start_s: float, text: str, length_s: float = 2.0) -> TimedSentence:
    return TimedSentence(start_s, start_s + length_s, text)


def segment(start_s: float, text: str, source: str = "subtitle", language: str = "en", **more: str) -> Segment:
    return Segment(f"v_{source}_{start_s}", "v", start_s, start_s + 2, text, [], language, source, **more)  # type: ignore[arg-type]


def test_published_blocks_have_no_time_at_their_first_sentence() -> None:
    said = [says(0.9, "one two"), says(3.0, "three"), says(5.7, "four five"), says(8.0, "six")]
    assert published_blocks(said, 3) == [
        WordBlock(0.9, 5.0, "\n0s: one two\n3s: three"),
        WordBlock(5.7, 10.0, "four five\n8s: six"),
    ]


def test_published_words_are_between_single_spaces_and_long_sentences_alone() -> None:
    said = [says(1.0, "a b c d e"), says(3.0, "x  y"), says(5.0, "z")]
    assert [b.text for b in published_blocks(said, 3)] == ["a b c d e", "x  y", "z"]
    assert published_blocks([], 3) == []


def test_fixed_blocks_give_every_sentence_its_second() -> None:
    said = [says(8.0, "six"), says(0.9, "one two"), says(3.0, " three \n"), says(5.7, "four five"), says(4.0, " ")]
    assert word_blocks(said, 3) == [
        WordBlock(0.9, 5.0, "0s: one two\n3s: three"),
        WordBlock(5.7, 10.0, "5s: four five\n8s: six"),
    ]


def test_no_fixed_block_is_longer_than_its_cap() -> None:
    made = word_blocks([says(10.0, "a b c d e f g", 7.0), says(20.0, "h")], 3)
    assert [b.text for b in made] == ["10s: a b c", "13s: d e f", "16s: g\n20s: h"]
    assert made[1].start_s == pytest.approx(13.0) and made[1].end_s == pytest.approx(16.0)
    [one, two] = word_blocks([says(0.0, "犬が走る", 4.0)], 2)
    assert (one.text, two.text) == ("0s: 犬が", "2s: 走る")


def test_an_overlapping_sentence_sets_the_end_and_what_has_no_time_is_left_out() -> None:
    made = word_blocks([says(0.0, "long", 9.0), says(1.0, "short"), says(math.nan, "never")], 9)
    assert made == [WordBlock(0.0, 9.0, "0s: long\n1s: short")]
    assert word_blocks([], 5) == [] and count_words("  ") == 0 and count_words("don't 2.5") == 2


def test_ten_hours_are_blocks_at_once() -> None:
    made = word_blocks([says(k * 0.4, "word " * 9) for k in range(90_000)])
    assert len(made) == math.ceil(90_000 / 22) and all(count_words(b.text) <= 200 + 22 for b in made)


def run(rows: list[WordBlocksInput], step: WordBlocks | None = None) -> list[dict[str, list[Clip | Caption]]]:
    with (step or WordBlocks(max_words=3)).open(StepContext(Path("."), {})) as work:
        return work(rows, frozenset({"clips", "captions"}))  # type: ignore[return-value]


def test_blocks_are_clips_with_their_text() -> None:
    row = WordBlocksInput(
        Video("v", "v", "v", "", 1), [segment(0, "One two."), segment(3, "Three."), segment(5, "Four.")]
    )
    [made] = run([row])
    assert [(c.start_s, c.end_s) for c in made["clips"]] == [(0, 5), (5, 7)]
    assert [c.text for c in made["captions"] if isinstance(c, Caption)] == ["0s: One two.\n3s: Three.", "5s: Four."]
    assert all(problem(one) is None for part in made.values() for one in part)
    assert {c.clip_id for c in made["clips"]} == {c.clip_id for c in made["captions"]}
    [published] = run([row], WordBlocks(3, "published"))
    assert [c.text for c in published["captions"] if isinstance(c, Caption)][1] == "Four."
    assert run([WordBlocksInput(row.video, [])]) == [{"clips": [], "captions": []}]


def test_one_transcript_is_read() -> None:
    heard = [segment(0, "What was heard is longer.", "whisper"), segment(3, "Ha ha ha", "whisper", doubt="repetition")]
    subtitles = [segment(1, "Hi."), segment(1, "Hallo zusammen.", language="de")]
    assert [s.text for s in best_transcript([*heard, *subtitles])] == ["Hallo zusammen."]
    assert [s.text for s in best_transcript(heard)] == ["What was heard is longer."]
    assert best_transcript([]) == []
