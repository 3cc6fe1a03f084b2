"""Which clips are made of shots."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliploom.builders.clips import Clips, ClipsInput
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import Drop, RowAnswer, StepContext, reads, writes
from cliploom.media.cutting.policy import ClipPolicy
from cliploom.schemas import Clip, Shot, Signals, Span, Video
from cliploom.schemas.check import problem

CLOSE_S = 1e-5


def spans(*edges: float) -> list[Span]:
    return [Span(a, b) for a, b in pairwise(edges)]


def times(policy: ClipPolicy, *edges: float) -> list[tuple[float, float]]:
    return [(round(p.start_s, 6), round(p.end_s, 6)) for p in policy.pieces(spans(*edges))]


def row(path: Path, *edges: float) -> ClipsInput:
    shots = [Shot(f"v_{i}", "v", s.start_s, s.end_s, "content", 0.0) for i, s in enumerate(spans(*edges))]
    return ClipsInput(Video("v", path.name, str(path), "0", 0), shots)


def full_answer(tmp_path: Path, rows: ClipsInput, **options: Any) -> RowAnswer[Clip]:
    with Clips(**options).open(StepContext(tmp_path, {"": Path("media/clips")})) as work:
        (found,) = work([rows])
    return found


def answer(tmp_path: Path, rows: ClipsInput, **options: Any) -> list[Clip] | RowError:
    found = full_answer(tmp_path, rows, **options)
    if isinstance(found, RowError):
        return found
    clips = [clip for clip in found if isinstance(clip, Clip)]
    assert [problem(clip) for clip in clips] == [None] * len(clips)
    return clips


policies = st.builds(
    lambda low, more, short, long, trim: ClipPolicy(low, low + more, short, long, trim),
    st.floats(0, 10),
    st.floats(0.1, 60),
    st.sampled_from(("drop", "merge", "keep")),
    st.sampled_from(("split", "trim", "keep", "drop")),
    st.sampled_from((0.0, 0.1, 1.0)),
)
shot_lists = st.lists(st.tuples(st.floats(0.01, 100), st.booleans()), max_size=12).map(
    lambda parts: [
        Span(sum(length for length, _ in parts[:i]), sum(length for length, _ in parts[: i + 1]))
        for i, (_, real) in enumerate(parts)
        if real or i % 3
    ]
)


@given(policies, shot_lists)
def test_clips_are_ordered_disjoint_inside_their_shots_and_as_long_as_asked(
    policy: ClipPolicy, shots: list[Span]
) -> None:
    pieces = policy.pieces(shots)
    for piece in pieces:
        length_s = piece.end_s - piece.start_s
        assert length_s > 0
        assert policy.short == "keep" or length_s >= policy.min_s - CLOSE_S
        assert policy.long == "keep" or length_s <= policy.max_s + CLOSE_S
        assert piece.shots[0].start_s == piece.start_s
        assert piece.shots[-1].end_s == piece.end_s
        assert all(a.end_s == pytest.approx(b.start_s, abs=1e-3) for a, b in pairwise(piece.shots))
        assert all(any(s.start_s <= p.start_s and p.end_s <= s.end_s for s in shots) for p in piece.shots)
    assert all(a.end_s <= b.start_s + CLOSE_S for a, b in pairwise(pieces))


@given(shot_lists)
def test_keeping_everything_changes_nothing(shots: list[Span]) -> None:
    pieces = ClipPolicy(2, 60, "keep", "keep").pieces(shots)
    assert [Span(p.start_s, p.end_s) for p in pieces] == shots
    assert [p.shots for p in pieces] == [[s] for s in shots]


@given(shot_lists, st.floats(0.5, 20))
def test_splitting_loses_nothing_where_pieces_may_be_short(shots: list[Span], max_s: float) -> None:
    pieces = ClipPolicy(0, max_s, "drop", "split").pieces(shots)
    assert sum(p.end_s - p.start_s for p in pieces) == pytest.approx(sum(s.end_s - s.start_s for s in shots))


def test_short_shots() -> None:
    edges = (0.0, 1.0, 2.0, 9.0, 10.0)
    assert times(ClipPolicy(2, 60), *edges) == [(2, 9)]
    assert times(ClipPolicy(2, 60, "keep"), *edges) == [(0, 1), (1, 2), (2, 9), (9, 10)]
    assert times(ClipPolicy(2, 60, "merge"), *edges) == [(0, 2), (2, 10)]


def test_only_shots_that_touch_are_merged() -> None:
    shots = [Span(0, 1), Span(5, 6), Span(6, 6.5), Span(6.5, 9)]
    found = ClipPolicy(3, 60, "merge").pieces(shots)
    assert [(p.start_s, p.end_s) for p in found] == [(5, 9)]
    assert found[0].shots == shots[1:]


def test_long_shots() -> None:
    assert times(ClipPolicy(2, 10), 0, 25) == [(0, 8.333333), (8.333333, 16.666667), (16.666667, 25)]
    assert times(ClipPolicy(2, 10, long="trim"), 0, 25) == [(0, 10)]
    assert times(ClipPolicy(2, 10, long="keep"), 0, 25) == [(0, 25)]
    assert times(ClipPolicy(2, 10, long="drop"), 0, 25) == []
    assert times(ClipPolicy(9, 10), 0, 25) == [(0, 10), (10, 20)]  # three pieces would be too short
    assert times(ClipPolicy(2, 10), 0, 10) == [(0, 10)]


def test_trimming_takes_the_ends_of_shots_but_not_of_pieces() -> None:
    assert times(ClipPolicy(2, 60, trim_s=0.5), 0, 3, 5.5) == [(0.5, 2.5)]
    assert times(ClipPolicy(2, 6, trim_s=0.5), 0, 13) == [(0.5, 6.5), (6.5, 12.5)]
    assert times(ClipPolicy(0, 6, "keep", trim_s=2), 0, 3) == []


def test_without_files_clips_are_times(tmp_path: Path) -> None:
    found = answer(tmp_path, row(tmp_path / "not_there.mp4", 0.0, 1.0, 4.5, 10.04))
    assert found == [
        Clip("v_000001000_000004500", "v", 1.0, 4.5, [Span(1.0, 4.5)]),
        Clip("v_000004500_000010040", "v", 4.5, 10.04, [Span(4.5, 10.04)]),
    ]
    assert not (tmp_path / "media").exists()


def test_a_shot_of_which_no_clip_is_made_has_a_verdict(tmp_path: Path) -> None:
    rows = row(tmp_path / "not_there.mp4", 0.0, 1.0, 4.0, 5.5, 20.0)
    found = full_answer(tmp_path, rows, max_s=10.0, long="drop")
    assert isinstance(found, list)
    assert [d for d in found if isinstance(d, Drop)] == [
        Drop("v_0", "v", "too_short", "1.000 s"),
        Drop("v_2", "v", "too_short", "1.500 s"),
        Drop("v_3", "v", "too_long", "14.500 s"),
    ]
    merged = full_answer(tmp_path, rows, short="merge", long="trim", max_s=3.0)
    assert isinstance(merged, list)
    assert [d.reason for d in merged if isinstance(d, Drop)] == []


def scanned(rows: ClipsInput, frames: int, damaged: slice) -> ClipsInput:
    """The video was scanned: ten frames a second, some of them damaged."""
    times, none = np.arange(frames) / 10, np.zeros(frames, np.float32)
    signals = Signals("v", "v", times, none, none, none, none, none, none, frames / 10, "", times[damaged])
    return rows._replace(signals=[signals])


def test_clips_over_damage_are_dropped_or_say_how_much_of_them_is_damaged(tmp_path: Path) -> None:
    rows = scanned(row(tmp_path / "x.mp4", 0.0, 3.0, 6.0, 9.0, 12.0), 90, slice(28, 36))
    found = full_answer(tmp_path, rows)
    assert isinstance(found, list)
    assert [(c.start_s, c.damaged) for c in found if isinstance(c, Clip)] == [(6.0, 0.0)]
    assert [one for one in found if isinstance(one, Drop)] == [
        Drop("v_000000000_000003000", "v", "damaged", "2 of its 30 frames"),
        Drop("v_000003000_000006000", "v", "damaged", "6 of its 30 frames"),
        Drop("v_000009000_000012000", "v", "no_frames", "no frame begins in it"),
    ]
    clips = answer(tmp_path, rows, max_damaged=0.1)
    assert isinstance(clips, list)
    assert [(c.start_s, c.damaged) for c in clips] == [(0.0, pytest.approx(2 / 30)), (6.0, 0.0)]


def test_a_clip_that_is_dropped_for_damage_gets_no_file(media: Path, tmp_path: Path) -> None:
    rows = scanned(row(media / "made_video_only.mp4", 10.0, 12.0, 13.8), 150, slice(95, 96))
    found = full_answer(tmp_path, rows, cut="copy", min_s=0)
    assert isinstance(found, list)
    # The first begins at the key frame before, at 9.17 s: what the file would hold is judged.
    assert [(one.reason, one.detail) for one in found if isinstance(one, Drop)] == [("damaged", "1 of its 28 frames")]
    (kept,) = [one for one in found if isinstance(one, Clip)]
    assert kept.damaged == 0 and kept.start_s == pytest.approx(11.96, abs=0.01)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
    assert answer(tmp_path, scanned(rows, 150, slice(None)), cut="encode", min_s=0) == []


def test_shots_need_not_come_in_order(tmp_path: Path) -> None:
    rows = row(tmp_path / "x.mp4", 0.0, 3.0, 6.0)
    found = answer(tmp_path, rows._replace(shots=rows.shots[::-1]))
    assert isinstance(found, list)
    assert [c.start_s for c in found] == [0.0, 3.0]


def test_a_video_without_clips_is_an_empty_answer(tmp_path: Path) -> None:
    assert answer(tmp_path, row(tmp_path / "x.mp4"), cut="smart") == []
    assert answer(tmp_path, row(tmp_path / "x.mp4", 0.0, 1.0), cut="smart") == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("made_audio_only.mp4", "no_video"),
        ("made_html_error_page.mp4", "unreadable"),
        ("made_zero_bytes.mp4", "unreadable"),
        ("not_there.mp4", "unreadable"),
    ],
)
def test_a_file_that_cannot_be_cut_fails(media: Path, tmp_path: Path, name: str, kind: str) -> None:
    found = answer(tmp_path, row(media / name, 0.0, 3.0), cut="smart")
    assert isinstance(found, RowError)
    assert found.kind == kind
    assert name in found.message


def test_lengths_between_which_there_is_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="min_s"):
        Clips(min_s=5, max_s=4).check(())
    Clips(min_s=5, max_s=5).check(())


def test_what_it_reads_and_writes() -> None:
    assert reads(Clips).anchor is Video
    assert [(j.row, j.many) for j in reads(Clips).joins] == [(Shot, True), (Signals, True)]
    assert writes(Clips) is Clip
    assert Clips.isolate
