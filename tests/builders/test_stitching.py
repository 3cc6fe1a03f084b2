"""Panda-70M's rules against the authors' behaviour, written down anew as slow and literal as it goes."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cliploom.builders.stitching import panda
from cliploom.builders.stitching.panda import DATASET, RELEASE, CutSpan, EventSpan, Rejection, StitchRules
from cliploom.builders.stitching.timecode import frame_timecode, seconds_of, timecode

RATES = (23.976, 24000 / 1001, 24.0, 25.0, 29.97, 30000 / 1001, 30.0, 50.0, 59.94, 12.5, 7.3)
rates = st.sampled_from(RATES)
Vectors = NDArray[np.float32]


def slow_boundaries(ends: list[int], fps: float) -> list[int]:
    """One frame's number after another."""
    walked, last = [0], 0
    for end in ends:
        while True:
            if not end - last > (5 + 2) * fps:
                break
            last = last + int(5 * fps)
            walked.append(last)
        last = end
        walked.append(last)
    return walked


def apart(one: Vectors, other: Vectors) -> np.float32:
    assert one.dtype == other.dtype == np.float32
    return np.float32(np.sqrt(((one - other) ** 2).sum()))


def slow_events(
    cuts: list[list[int]], looks: Vectors, read: list[bool], fps: float, rules: StitchRules
) -> tuple[list[list[int]], list[str]]:
    """Spans in frames of what stays, and why the rest went, all in lists that grow."""
    reasons: list[str] = []
    good: list[tuple[list[int], list[Vectors]]] = []
    for i, cut in enumerate(cuts):
        a, b = looks[2 * i], looks[2 * i + 1]
        if not (read[2 * i] and read[2 * i + 1]):
            reasons.append("not_readable")
        elif apart(a, b) > np.float32(rules.transition):
            reasons.append("transition")
        else:
            good.append((list(cut), [a, b]))
    events: list[tuple[list[int], list[Vectors]]] = []
    for bounds, vectors in good:
        if (
            events
            and events[-1][0][-1] == bounds[0]
            and not apart(events[-1][1][-1], vectors[0]) > np.float32(rules.join)
        ):
            events[-1][0].extend(bounds)
            events[-1][1].extend(vectors)
        else:
            events.append((list(bounds), list(vectors)))
    spans: list[list[int]] = []
    means: list[Vectors] = []
    for bounds, vectors in events:
        mean = np.asarray(np.mean(np.stack(vectors), axis=0), np.float32)
        if bounds[-1] - bounds[0] < rules.min_s * fps:
            reasons.append("too_short")
        elif apart(vectors[0], vectors[-1]) < np.float32(rules.still):
            reasons.append("still")
        elif any(apart(m, mean) < np.float32(rules.redundant) for m in means):
            reasons.append("redundant")
        else:
            end = bounds[0] + min(int(rules.max_s * fps), bounds[-1] - bounds[0])
            off = int(rules.trim * (end - bounds[0]))
            spans.append([bounds[0] + off, end - off])
            means.append(mean)
    return spans, reasons


def ours(
    cuts: list[list[int]], looks: Vectors, read: list[bool], fps: float, rules: StitchRules
) -> tuple[list[list[int]], list[str]]:
    vectors = looks.reshape(len(cuts), 2, -1)
    why = panda.verify_cuts(vectors, np.reshape(read, (-1, 2)), rules.transition)
    kept = [i for i, gone in enumerate(why) if gone is None]
    events = panda.stitch([(cuts[i][0], cuts[i][1]) for i in kept], vectors[kept], rules.join)
    said = panda.verify_events(events, vectors[kept], rules, fps)
    reasons = [gone.reason for gone in why if gone] + [one.reason for one in said if isinstance(one, Rejection)]
    return [[int(one.start), int(one.end)] for one in said if isinstance(one, CutSpan)], reasons


def walk(seed: int, count: int, size: int) -> Vectors:
    """Unit vectors whose steps are near the thresholds, each as likely below as above."""
    rng = np.random.default_rng(seed)
    found = [rng.normal(size=size)]
    found[0] /= np.linalg.norm(found[0])
    for _ in range(count - 1):
        step = rng.choice([0.0, 0.02, 0.149, 0.151, 0.28, 0.32, 0.59, 0.61, 0.98, 1.02])
        way = rng.normal(size=size)
        way -= way @ found[-1] * found[-1]
        way /= np.linalg.norm(way)
        angle = 2 * np.arcsin(step / 2)
        found.append(np.cos(angle) * found[-1] + np.sin(angle) * way)
    return np.asarray(found, np.float32)


@given(st.lists(st.integers(1, 900), max_size=30), rates)
def test_long_scenes_are_cut_as_published(lengths: list[int], fps: float) -> None:
    ends = np.cumsum(lengths).tolist() if lengths else []
    found = panda.cut_frames(ends, fps)
    assert found == slow_boundaries(ends, fps)
    assert all(isinstance(one, int) for one in found)
    assert set(ends) <= set(found)


def test_the_readme_of_the_authors_cuts_alike() -> None:
    """Their sample output at 29.97 frames per second: 149 frames are 5 s, 2322 -> 2397 is what was left."""
    assert panda.cut_frames([298 + 181, 1428], 29.97)[:4] == [0, 149, 298, 479]
    assert panda.cut_frames([209], 29.97) == [0, 209]
    assert panda.cut_frames([210], 29.97) == [0, 149, 210]  # 7 s are 209.79 frames


def test_seven_seconds_exactly_are_not_cut() -> None:
    assert panda.cut_frames([175], 25.0) == [0, 175]
    assert panda.cut_frames([176], 25.0) == [0, 125, 176]
    assert panda.cut_times(0.04, [7.04]) == [0.04, 7.04]
    assert panda.cut_times(0.04, [7.0400009]) == [0.04, 5.04, 7.0400009]
    assert panda.cut_times(0.1 + 0.2, [7.3]) == [0.1 + 0.2, 7.3]  # 0.1 + 0.2 is no 0.3
    assert panda.cut_times(1.0, []) == [1.0]


@pytest.mark.parametrize("fps", [0.0, 0.1, -25.0])
def test_a_rate_that_would_never_end_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="no frame"):
        panda.cut_frames([100], fps)


@given(st.floats(0, 1e5), st.lists(st.floats(0.04, 60), min_size=1, max_size=20))
def test_pieces_in_seconds_are_neither_too_long_nor_needlessly_short(start_s: float, lengths: list[float]) -> None:
    ends = (start_s + np.cumsum(lengths)).tolist()
    found = panda.cut_times(start_s, ends)
    assert found[0] == start_s and found[-1] == ends[-1] and set(ends) <= set(found)
    for low, high in pairwise(found):
        assert high - low <= 7.000001
        if high not in ends:
            assert high - low == pytest.approx(5)
        elif low not in (start_s, *ends):
            assert high - low > 2 - 1e-5


@given(st.integers(0, 10**6), st.integers(1, 2000))
def test_the_two_frames_lie_in_the_cut(start: int, length: int) -> None:
    one, other = panda.sample_frames(start, start + length)
    assert one == int(0.95 * start + 0.05 * (start + length - 1))
    assert other == int(0.05 * start + 0.95 * (start + length - 1))
    # Float noise may take the first frame of a cut of one to the frame before, in their code as well.
    assert start - 1 <= one <= other < start + length


def test_the_places_in_seconds() -> None:
    assert panda.sample_times(10.0, 20.0) == pytest.approx((10.5, 19.5))


@pytest.mark.parametrize("rules", [DATASET, RELEASE], ids=["dataset", "release"])
@pytest.mark.parametrize("seed", range(60))
def test_stages_two_and_three_are_as_published(rules: StitchRules, seed: int) -> None:
    rng = random.Random(seed)
    fps, count = rng.choice(RATES), rng.randint(1, 40)
    bounds = np.cumsum([rng.randint(3, 40)] + [rng.randint(3, 190) for _ in range(count)]).tolist()
    cuts = [list(pair) for pair in pairwise(bounds)]
    looks = walk(seed, 2 * count, rng.choice([8, 64, 1024]))
    read = [rng.random() > 0.03 for _ in range(2 * count)]
    assert ours(cuts, looks, read, fps, rules) == slow_events(cuts, looks, read, fps, rules)


def test_the_two_sets_of_numbers() -> None:
    assert StitchRules(2.0, 1200.0, 0.0, 0.0, 0.15, 1.0, 0.6) == RELEASE
    assert StitchRules(2.5, 60.0, 0.3, 0.1, 0.15, 1.0, 0.6) == DATASET


def at(*places: float) -> Vectors:
    """Vectors on a line: their distances are those of the numbers, in float32 exactly as far as these go."""
    return np.asarray([[p, 0.0] for p in places], np.float32)


def test_thresholds_are_float32_and_strict() -> None:
    """0.6 is a little more as float32, and a distance of just that is not above it."""
    on = np.float32(1.0)
    over = np.nextafter(on, np.float32(2))
    read = [[True, True]] * 2
    pairs = np.stack([at(0, float(on)), at(0, float(over))])
    assert [gone and gone.reason for gone in panda.verify_cuts(pairs, read)] == [None, "transition"]
    edge = float(np.float32(0.6))
    assert edge > 0.6
    assert len(panda.stitch([(0, 9), (9, 20)], np.stack([at(0, 0), at(edge, edge)]))) == 1
    beyond = float(np.nextafter(np.float32(0.6), np.float32(1)))
    assert len(panda.stitch([(0, 9), (9, 20)], np.stack([at(0, 0), at(beyond, beyond)]))) == 2
    events = [EventSpan(0, 99, range(0, 1)), EventSpan(99, 200, range(1, 2))]
    edge = float(np.float32(0.15))
    below = float(np.nextafter(np.float32(0.15), np.float32(0)))
    said = panda.verify_events(events, np.stack([at(0, edge), at(0, below)]), RELEASE, 25.0)
    assert said[0] == CutSpan(0, 99) and isinstance(said[1], Rejection) and said[1].reason == "still"


def test_distances_are_float32() -> None:
    one, other = walk(1, 2, 1024).astype(np.float16)
    found = panda.distance(one, other)
    assert found.dtype == np.float32
    assert found == apart(one.astype(np.float32), other.astype(np.float32))
    assert panda.distance(np.ones((5, 3)), np.zeros(3)).shape == (5,)


def test_a_gap_begins_a_new_event_however_near_it_is() -> None:
    same = np.stack([at(0, 0)] * 3)
    assert panda.stitch([(0, 9), (9, 20), (21, 30)], same) == [
        EventSpan(0, 20, range(0, 2)),
        EventSpan(21, 30, range(2, 3)),
    ]


def test_a_video_whose_cuts_all_go_has_no_events() -> None:
    nothing = np.empty((0, 2, 8), np.float32)
    assert panda.stitch([], nothing) == []
    assert panda.verify_events([], nothing, DATASET, 25.0) == []
    assert panda.verify_cuts(nothing, []) == []


def test_an_unreadable_cut_is_that_first_of_all() -> None:
    far = np.stack([at(0, 2)])
    for read in ([False, True], [True, False], [False, False]):
        assert panda.verify_cuts(far, [read]) == [Rejection("not_readable")]
    assert panda.verify_cuts(far, [[True, True]]) == [Rejection("transition", 2.0)]


def test_the_order_of_the_rules_of_events() -> None:
    """Redundant, still and too short at once: each rule is asked only where those before it have nothing to say."""
    pairs = np.stack([at(0, 0.5), at(0.25, 0.26), at(0.25, 0.26), at(0.01, 0.51), at(2, 2.5)])
    events = [
        EventSpan(0, 100, range(0, 1)),
        EventSpan(100, 150, range(1, 2)),
        EventSpan(150, 250, range(2, 3)),
        EventSpan(250, 350, range(3, 4)),
        EventSpan(350, 2350, range(4, 5)),
    ]
    said = panda.verify_events(events, pairs, DATASET, 25.0)
    assert [one.reason if isinstance(one, Rejection) else one for one in said] == [
        CutSpan(10, 90), "too_short", "still", "redundant", CutSpan(500, 1700),
    ]  # fmt: skip
    short, _, redundant = [one for one in said if isinstance(one, Rejection)]
    assert short.value == 2.0 and redundant.like == 0 and redundant.value == pytest.approx(0.01)


def test_a_redundant_event_makes_none_redundant() -> None:
    """Only events that were kept are compared with."""
    pairs = np.stack([at(0, 0.5), at(0.2, 0.7), at(0.4, 0.9)])
    events = [EventSpan(100 * i, 100 * i + 100, range(i, i + 1)) for i in range(3)]
    kept = [isinstance(one, CutSpan) for one in panda.verify_events(events, pairs, DATASET, 25.0)]
    assert kept == [True, False, True]


def test_seconds_are_judged_by_the_same_rules_without_frames() -> None:
    pairs = np.stack([at(0, 0.5)] * 4)
    long, exact, short = (0.04, 100.04), (0.0416667, 2.5416667), (0.0, 2.4999)
    for span, expected in ((long, CutSpan(6.04, 54.04)), (exact, CutSpan(0.2916667, 2.2916667))):
        (said,) = panda.verify_events([EventSpan(*span, range(0, 1))], pairs, DATASET)
        assert said == pytest.approx(expected)
    assert panda.verify_events([EventSpan(*short, range(0, 1))], pairs, DATASET) == [Rejection("too_short", 2.4999)]


def test_the_published_times_are_whole_frames() -> None:
    (said,) = panda.verify_events([EventSpan(0, 149, range(0, 1))], np.stack([at(0, 0.5)]), DATASET, 29.97)
    assert (
        said == CutSpan(14, 135)
        and isinstance(said, CutSpan)
        and isinstance(said.start, int)
        and isinstance(said.end, int)
    )
    (said,) = panda.verify_events([EventSpan(0, 74, range(0, 1))], np.stack([at(0, 0.5)]), DATASET, 29.97)
    assert isinstance(said, Rejection) and said.reason == "too_short"  # 74.925 frames are 2.5 s


def theirs(frame: int, fps: float) -> str:
    return str(timedelta(seconds=frame / fps, microseconds=1))[:-3]


@given(st.integers(0, 10**8), rates)
def test_timecodes_are_the_authors(frame: int, fps: float) -> None:
    assert frame_timecode(frame, fps) == theirs(frame, fps)


@pytest.mark.parametrize(
    "seconds, code",
    [
        (0.0, "0:00:00.000"), (8.0, "0:00:08.000"), (8.001, "0:00:08.001"), (8.0019985, "0:00:08.001"),
        (8.9999, "0:00:08.999"), (59.9994, "0:00:59.999"), (3599.999, "0:59:59.999"), (36000.0, "10:00:00.000"),
        (86400.0, "1 day, 0:00:00.000"), (2 * 86400 + 3661.5, "2 days, 1:01:01.500"),
        (7.999999, "0:00:08.000"),  # theirs is 0:00
    ],
)  # fmt: skip
def test_timecodes(seconds: float, code: str) -> None:
    assert timecode(seconds) == code


@given(st.integers(0, 4 * 86_400_000))
def test_a_timecode_comes_back(millis: int) -> None:
    code = timecode(millis / 1000)
    assert seconds_of(code) == millis / 1000
    assert timecode(seconds_of(code)) == code


@pytest.mark.parametrize(
    "text", ["", "0:00", "00:00", "0:60:00.000", "0:00:60.000", "-1 day, 0:00:00.000", "0:00:00.0000", "0:00:00,000",
             "0:00:08.000\n", "٠:00:08.000", " 0:00:08.000", "1e3", "1:00:00.000" + "0" * 10_000],
)  # fmt: skip
def test_what_is_no_timecode(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        seconds_of(text)


def test_timecodes_of_other_tools_are_read() -> None:
    assert seconds_of("00:01:20") == 80.0
    assert seconds_of("25:00:00.500") == 90_000.5


@pytest.mark.parametrize("seconds", [-0.001, float("nan"), float("inf"), 1e300])
def test_no_time_has_no_timecode(seconds: float) -> None:
    with pytest.raises(ValueError, match="no time of a video"):
        timecode(seconds)
