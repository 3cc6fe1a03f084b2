"""Windows and their best: against plain loops, at the edges, with ties, NaN, none, and many videos at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cliploom.captioners.alignment.halves import widen
from cliploom.captioners.alignment.windows import (
    SearchRange,
    align_captions,
    align_published,
    best_windows,
    mirrored_rows,
    published_search_range,
    search_range,
    seconds_of_frames,
)

Array = np.ndarray


def unit(rng: np.random.Generator, count: int, dim: int = 16) -> Array:
    vectors = rng.standard_normal((count, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16)


def published_loop(texts: list[Array], seconds: list[Array], times: list[int]) -> list[tuple[int, float]]:
    """The published search, caption by caption, in double precision."""
    found = []
    for k, start in enumerate(times):
        windows = []
        for encoder in seconds:
            padded = np.pad(encoder.astype(np.float64), ((4, 4), (0, 0)), mode="reflect")
            windows.append(np.stack([padded[i : i + 8].mean(axis=0) for i in range(len(encoder) + 1)]))
        low, high = max(0, start - 6), min(start + 15, len(windows[0]))
        total = sum(w[low:high] @ t[k].astype(np.float64) for w, t in zip(windows, texts, strict=True))
        found.append((low + int(np.argmax(total)), float(np.max(total))) if high > low else (-1, math.nan))
    return found


@pytest.mark.parametrize("length", [3, 9, 40, 200])
def test_published_alignment_is_that_of_the_loop(length: int) -> None:
    rng = np.random.default_rng(length)
    times = sorted(rng.integers(0, length + 12, 60).tolist())
    texts, seconds = [unit(rng, 60), unit(rng, 60, 5)], [unit(rng, length), unit(rng, length, 5)]
    made = align_published(texts, seconds, times)
    expected = published_loop(texts, seconds, times)
    assert [math.isnan(s) for s in made.start_s] == [i < 0 for i, _ in expected]
    for start_s, end_s, value, (index, best) in zip(*made, expected, strict=True):
        if index >= 0:
            assert value == pytest.approx(best, abs=1e-5)
            assert end_s == pytest.approx(index + 4) or value == pytest.approx(best, abs=1e-6)  # mirrored windows tie
            assert start_s == max(0.0, end_s - 8)


def test_a_caption_past_the_end_does_not_shift_those_after_it() -> None:
    seconds = np.eye(40, dtype=np.float16)
    texts = seconds[[10, 39, 30]]
    made = align_published([texts], [seconds], [10, 90, 30])
    assert math.isnan(made.start_s[1]) and math.isnan(made.similarity[1])
    assert made.start_s[0] <= 10 < made.end_s[0] and made.start_s[2] <= 30 < made.end_s[2]


def test_fixed_spans_are_whole_and_inside() -> None:
    rng = np.random.default_rng(1)
    texts, seconds = [unit(rng, 30)], [unit(rng, 33)]
    made = align_captions(texts, seconds, np.arange(30), 33.4)
    assert (made.start_s >= 0).all() and (made.end_s <= 33.4).all()
    assert np.allclose(made.end_s - made.start_s, 8)
    each = np.eye(33, dtype=np.float16)
    at_start, at_end = (align_captions([each[[k]]], [each], [k], 33.4) for k in (0, 32))
    assert (at_start.start_s[0], at_end.end_s[0]) == (0.0, 33.0)


def test_fixed_alignment_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(2)
    texts, seconds = unit(rng, 50).astype(np.float64), unit(rng, 70).astype(np.float64)
    times = rng.uniform(0, 69, 50)
    made = align_captions([texts], [seconds], times, 70.0, length=5, search=7)
    windows = np.stack([seconds[i : i + 5].mean(axis=0) for i in range(66)])
    for k, time in enumerate(times):
        low, high = max(0, min(int(time) - 7, 65)), min(int(time) + 8, 66)
        assert made.start_s[k] == low + int(np.argmax(windows[low:high] @ texts[k]))


def test_a_video_shorter_than_a_window_is_one_span() -> None:
    seconds = np.eye(3, dtype=np.float16)
    made = align_captions([seconds[:2]], [seconds], [0, 2], 3.7)
    assert made.start_s.tolist() == [0, 0] and made.end_s.tolist() == [3.7, 3.7]
    assert made.similarity == pytest.approx([1 / 3, 1 / 3], abs=1e-3)


def test_nothing_and_no_number() -> None:
    seconds = np.eye(12, dtype=np.float16)
    none = align_captions([seconds[:0]], [seconds], [], 12.0)
    assert [len(column) for column in none] == [0, 0, 0]
    made = align_captions([seconds[:3]], [seconds], [np.nan, np.inf, 5.0], 12.0)
    assert np.isnan(made.start_s).tolist() == [True, True, False]
    assert np.isnan(align_captions([seconds[:1]], [seconds[:0]], [1.0], 12.0).start_s).all()
    broken = np.vstack([seconds, np.full((1, 12), np.nan, np.float16)])
    found = align_captions([seconds[:1]], [broken], [12.0], 13.0)
    assert found.end_s[0] <= 12 and np.isfinite(found.similarity).all()


def test_of_equals_the_first_counts() -> None:
    seconds = np.ones((30, 4), np.float16)
    found = best_windows([seconds[:1]], [seconds], SearchRange(np.array([5]), np.array([20])))
    assert found.window.tolist() == [5]


def test_the_published_ranges_are_those_of_the_paper() -> None:
    low, high = published_search_range([0, 3, 6, 50, 398], 400)
    assert low.tolist() == [0, 0, 0, 44, 392] and high.tolist() == [15, 18, 21, 65, 400]
    low, high = search_range([0, 50, 99, 104, 300], 93)
    assert low.tolist() == [0, 40, 89, 92, 0] and high.tolist() == [11, 61, 93, 93, 0]


def test_many_videos_at_once_are_as_one_by_one() -> None:
    rng = np.random.default_rng(5)
    lengths = [4, 70, 1, 300]
    seconds = [unit(rng, n) for n in lengths]
    texts = [unit(rng, 40) for _ in lengths]
    times = [rng.integers(0, n, 40) for n in lengths]
    rows, low, high, at, first = [], [], [], 0, 0
    for n, when in zip(lengths, times, strict=True):
        rows.append(mirrored_rows(n) + at)
        found = published_search_range(when, n + 1)
        low.append(found.low + first)
        high.append(found.high + first)
        at, first = at + n, first + n + 8
    together = best_windows(
        [np.vstack(texts)], [np.vstack(seconds)], SearchRange(np.hstack(low), np.hstack(high)), 8, np.hstack(rows)
    )
    alone = [align_published([t], [s], w).similarity for t, s, w in zip(texts, seconds, times, strict=True)]
    assert np.allclose(together.similarity, np.hstack(alone), atol=1e-6)


def test_a_long_video_and_a_wide_search() -> None:
    rng = np.random.default_rng(7)
    seconds, times = unit(rng, 36_000, 8), np.arange(0, 36_000, 9)
    made = align_captions([seconds[times]], [seconds], times, 36_000.0, search=3600)
    assert len(made.start_s) == 4000 and (np.abs(made.start_s - times) <= 3601 + 8).all()


def test_frames_become_seconds() -> None:
    vectors = np.arange(4)[:, None]
    assert seconds_of_frames([0.0, 0.9, 2.5, 3.5], vectors, 6)[:, 0].tolist() == [0, 1, 2, 2, 3, 3]
    assert seconds_of_frames([5.0], vectors[:1], 3)[:, 0].tolist() == [0, 0, 0]
    assert len(seconds_of_frames([], vectors[:0], 3)) == 0


def test_every_half_becomes_itself() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(256, 256)
    assert np.array_equal(widen(halves), halves.astype(np.float32), equal_nan=True)
    finite = np.where(np.isfinite(halves), halves, np.float16(0))
    assert np.array_equal(widen(finite), finite.astype(np.float32))
    assert widen(halves[:0]).shape == (0, 256) and widen(np.eye(2)).dtype == np.float32
