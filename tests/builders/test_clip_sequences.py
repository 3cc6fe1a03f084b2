"""Sequences of clips: where they lie, what is said in them, and their orders."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from cliploom.builders.clip_sequences import ClipSequences, ClipSequencesInput
from cliploom.builders.howto.sequences import draw_order, draw_sequence, order_label, order_of_label
from cliploom.builders.howto.words import published_words_in_spans, timed_words, words_in_spans
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import Segment, Video, Word, problem


def video(length_s: float | None, name: str = "v") -> Video:
    return Video(name, name, name, "", 1, duration_s=length_s)


def says(start_s: float, end_s: float, text: str, words: list[Word] | None = None) -> Segment:
    return Segment(f"v_{start_s}", "v", start_s, end_s, text, words or [], "en", "subtitle")


TALK = [says(k, k + 1, f"word{k:03d} again", [Word(k, k + 0.4, f"word{k:03d}"), Word(k + 0.5, k + 0.9, "again")])
        for k in range(120)]  # fmt: skip


def run(row: ClipSequencesInput, **options: Any) -> dict[str, Any]:
    with ClipSequences(**options).open(StepContext(Path("."), {})) as work:
        [made] = work([row], frozenset({"clips", "captions", "scores"}))
    return made


def test_spans_follow_each_other_inside_the_video() -> None:
    draw, lengths, starts = Random(1), set(), []
    for _ in range(300):
        spans = draw_sequence(draw, 40.0)
        lengths.add(round(spans[0].end_s - spans[0].start_s, 3))
        starts.append(spans[0].start_s)
        assert len(spans) == 4 and spans[0].start_s >= 0 and spans[-1].end_s <= 40
        assert all(b.start_s - a.end_s == pytest.approx(1.0) for a, b in itertools.pairwise(spans))
    assert lengths == {3, 4, 5} and min(starts) < 1 and max(starts) > 20


def test_only_lengths_that_fit_are_drawn() -> None:
    firsts = [draw_sequence(Random(k), 19.5)[0] for k in range(30)]
    assert {round(span.end_s - span.start_s) for span in firsts} == {3, 4}
    assert draw_sequence(Random(0), 14.9) == [] and len(draw_sequence(Random(0), 15.0)) == 4
    assert draw_sequence(Random(0), 15.0)[-1].end_s == 15.0


@pytest.mark.parametrize("clips", [1, 2, 4, 5])
def test_classes_are_permutations_in_dictionary_order(clips: int) -> None:
    orders = list(itertools.permutations(range(clips)))
    assert [order_label(order) for order in orders] == list(range(math.factorial(clips)))
    assert [order_of_label(k, clips) for k in range(len(orders))] == [list(order) for order in orders]


def test_what_is_no_order() -> None:
    for wrong in ([0, 0], [1, 2]):
        with pytest.raises(ValueError, match="no permutation"):
            order_label(wrong)
    with pytest.raises(ValueError, match="0 to 23"):
        order_of_label(24)
    draw = Random(3)
    counts = np.bincount([order_label(draw_order(draw)) for _ in range(4800)], minlength=24)
    assert counts.min() > 130 and counts.max() < 270


def test_words_lie_in_spans() -> None:
    times = [0.0, 1.0, 2.0, 2.0, 3.0]
    assert words_in_spans(times, [0.0, 1.0, 9.0], [1.0, 3.0, 10.0]).tolist() == [[0, 1], [1, 4], [5, 5]]
    assert published_words_in_spans(times, [0.0, 1.0], [1.0, 3.0]).tolist() == [[1, 1], [2, 4]]
    assert words_in_spans([], [0.0], [1.0]).tolist() == [[0, 0]] and words_in_spans(times, [], []).shape == (0, 2)


def test_a_sentence_without_word_times_shares_out_its_time() -> None:
    made = timed_words([says(10.0, 20.0, "a bcd  efghi"), says(0.0, 1.0, "x", [Word(0.2, 0.4, "x"), Word(1, 1, " ")])])
    assert [w.text for w in made] == ["x", "a", "bcd", "efghi"]
    assert [w.start_s for w in made[1:]] == pytest.approx([10, 10 + 10 * 2 / 12, 15]) and made[-1].end_s == 20
    assert timed_words([says(0.0, 1.0, "  ")]) == []


def test_a_sequence_is_a_clip_with_its_texts_and_its_order() -> None:
    made = run(ClipSequencesInput(video(100.0), TALK), per_video=5, seed=7)
    assert len(made["clips"]) == 5 and len(made["captions"]) == 25 and len(made["scores"]) == 25
    assert all(problem(row) is None for rows in made.values() for row in rows)
    for clip in made["clips"]:
        moments = [c for c in made["captions"] if c.clip_id == clip.clip_id and c.kind == "source"]
        [whole] = [c for c in made["captions"] if c.clip_id == clip.clip_id and c.kind == "merge"]
        assert [(c.start_s, c.end_s) for c in moments] == [(s.start_s, s.end_s) for s in clip.shots]
        assert whole.text == " ".join(c.text for c in moments)
        for caption in moments:
            said = {int(w[4:]) for w in caption.text.split() if w.startswith("word")}
            assert said == {k for k in range(120) if caption.start_s <= k + 0.2 < caption.end_s}
        of = {s.caption_id: s.value for s in made["scores"] if s.clip_id == clip.clip_id}
        order = order_of_label(int(of[None]))
        assert [order.index(k) for k in range(4)] == [of[c.caption_id] for c in moments]


def test_the_same_seed_draws_the_same() -> None:
    row = ClipSequencesInput(video(100.0), TALK)
    assert run(row, seed=1) == run(row, seed=1) != run(row, seed=2)
    other = run(ClipSequencesInput(video(100.0, "w"), TALK), seed=1)
    assert other["clips"][0].start_s != run(row, seed=1)["clips"][0].start_s


def test_silent_spans_are_drawn_again_or_published() -> None:
    some = [s for s in TALK if 40 <= s.start_s < 75]
    for seed in range(5):
        [clip] = run(ClipSequencesInput(video(120.0), some), seed=seed, tries=500)["clips"]
        assert clip.start_s >= 37 and clip.end_s <= 78
    published = run(ClipSequencesInput(video(120.0), []), profile="published")
    assert len(published["clips"]) == 1 and [c.text for c in published["captions"]] == [""] * 4


def test_videos_without_a_sequence() -> None:
    for length_s, segments, reason in ((14.0, TALK, "too_short"), (60.0, [], "little_speech")):
        [drop] = run(ClipSequencesInput(video(length_s), segments))["clips"]
        assert isinstance(drop, Drop) and drop.reason == reason
    failed = run(ClipSequencesInput(video(None), TALK))["clips"]
    assert isinstance(failed, RowError) and failed.kind == "no_length"
    with pytest.raises(UserError, match="lengths_s"):
        ClipSequences(lengths_s=[]).check([])


def test_ten_hours_are_no_more_than_their_words() -> None:
    talk = [says(k * 0.5, k * 0.5 + 0.5, "so it goes on") for k in range(72_000)]
    assert len(run(ClipSequencesInput(video(36_000.0), talk), per_video=3)["clips"]) == 3
