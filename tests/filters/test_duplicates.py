"""Near-duplicate clips: against comparing all with all, from a database, and on real film."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import av
import cv2
import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.builders.scan import Scan
from cliploom.engine.contract.step import Drop, StepContext, reads, writes
from cliploom.filters.duplicates import Duplicates
from cliploom.filters.hashes.duplicate_groups import Rule, gather, groups
from cliploom.filters.hashes.neighbours import near_pairs, near_pairs_within
from cliploom.media.borders import Pixels, border_share, content_box
from cliploom.media.frame_sampler import perceptual_hash
from cliploom.schemas import Clip, Frame, Row, Video, to_arrow

MEDIA = Path(__file__).parents[1] / "media"
BASES = (0x0123456789ABCDEF, 0xFEDCBA9876543210, 0x00FF00FF00FF00FF)

hashes = st.builds(
    lambda base, bits: base ^ sum(1 << bit for bit in bits),
    st.sampled_from(BASES),
    st.sets(st.integers(0, 63), max_size=9),
)
clips_ = st.lists(
    st.tuples(st.lists(hashes, max_size=5), st.sampled_from([1.0, 2.0, 2.5, 4.0]), st.integers(0, 2)), max_size=8
)
rules = st.builds(
    Rule, st.integers(0, 16), st.sampled_from([0.05, 0.5, 0.6, 0.8, 1.0]), st.sampled_from([0.0, 0.5, 0.8, 1.0]),
    st.integers(1, 3), st.booleans(),
)  # fmt: skip


def _like(one: tuple[list[int], float, int], other: tuple[list[int], float, int], rule: Rule) -> bool:
    """The rule as its docstring says it, frame by frame."""
    (a, a_s, a_video), (b, b_s, b_video) = sorted((one, other), key=lambda c: len(c[0]))
    if len(a) < rule.min_frames or min(a_s, b_s) < rule.length_ratio * max(a_s, b_s):
        return False
    if a_video == b_video and not rule.within_video:
        return False
    shares = [_share(a, b, rule)] + ([_share(b, a, rule)] if len(a) == len(b) else [])
    return all(share >= math.ceil(rule.share * len(a) - 1e-9) for share in shares)


def _share(a: Sequence[int], b: Sequence[int], rule: Rule) -> int:
    return sum(any((x ^ y).bit_count() <= rule.max_bits for y in b) for x in a)


@settings(max_examples=250, deadline=None)
@given(clips_, rules)
def test_groups_are_those_of_comparing_all_with_all(clips: list[tuple[list[int], float, int]], rule: Rule) -> None:
    expected = list(range(len(clips)))
    for one, other in combinations(range(len(clips)), 2):
        if _like(clips[one], clips[other], rule):
            low, high = sorted((expected[one], expected[other]))
            expected = [low if group == high else group for group in expected]
    flat = np.asarray([h for frames, _, _ in clips for h in frames], np.uint64)
    owner = np.asarray([i for i, (frames, _, _) in enumerate(clips) for _ in frames], np.int64)
    seconds, video = np.asarray([c[1] for c in clips]), np.asarray([c[2] for c in clips], np.int64)
    assert groups(gather(flat, owner, seconds, video), rule).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(st.sets(hashes, max_size=40), st.lists(hashes, max_size=10), st.integers(0, 20))
def test_near_pairs_misses_none(stored: set[int], asked: list[int], max_bits: int) -> None:
    all_, queries = sorted(stored), asked
    found = {
        (int(q), int(h))
        for near in near_pairs(np.asarray(all_, np.uint64), np.asarray(queries, np.uint64), max_bits)
        for q, h in zip(near.query, near.found, strict=True)
    }
    assert found == {
        (i, j) for i, q in enumerate(queries) for j, h in enumerate(all_) if (q ^ h).bit_count() <= max_bits
    }


def _database(clips: Sequence[Clip], frames: Sequence[Frame], videos: Sequence[Video]) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect()
    tables: list[tuple[type[Row], Sequence[Row]]] = [(Clip, clips), (Frame, frames), (Video, videos)]
    for row, rows in tables:
        db.register(row.table, to_arrow(row, rows))
    return db


def _clip(video: str, start_s: float, end_s: float) -> Clip:
    return Clip(f"{video}_{round(start_s * 1000):09d}_{round(end_s * 1000):09d}", video, start_s, end_s, shots=[])


def _frames(video: str, hashes: Sequence[int], sharpness: float = 100.0, brightness: float = 120.0) -> list[Frame]:
    """Two a second."""
    return [
        Frame(f"{video}_{i * 500:09d}", video, i / 2, b"", 8, 8, f"{h:016x}", sharpness, brightness)
        for i, h in enumerate(hashes)
    ]


def _video(video: str, width_px: int = 640) -> Video:
    return Video(video, video, video, video, 1, width_px=width_px, height_px=360)


def _drops(
    clips: Sequence[Clip], frames: Sequence[Frame], videos: Sequence[Video], step: Duplicates | None = None
) -> list[Drop]:
    with _database(clips, frames, videos) as db:
        return list((step or Duplicates()).rows(db, StepContext(Path(), {"": Path("x")})))


FILM = (0x123456789ABCDEF0, 0x0F1E2D3C4B5A6978, 0xF0F0AAAA12345555, 0x8877665544332211)


def test_the_longest_stays_then_the_largest_then_the_first() -> None:
    near = [h ^ 0b10101 for h in FILM]
    clips = [_clip("a", 0, 2), _clip("b", 0, 2), _clip("c", 0, 2), _clip("d", 0, 1.5)]
    frames = [*_frames("a", FILM), *_frames("b", near), *_frames("c", FILM), *_frames("d", FILM[:3])]
    videos = [_video("a"), _video("b", 1280), _video("c", 1280), _video("d", 1920)]
    b = clips[1].clip_id
    assert _drops(clips, frames, videos) == [
        Drop(clips[0].clip_id, "a", "duplicate", f"of {b}"),
        Drop(clips[2].clip_id, "c", "duplicate", f"of {b}"),
        Drop(clips[3].clip_id, "d", "duplicate", f"of {b}"),
    ]
    longer = [*clips, _clip("e", 0, 2.5)]
    kept = {drop.id for drop in _drops(longer, [*frames, *_frames("e", [*FILM, 1])], [*videos, _video("e", 2)])}
    assert kept == {clip.clip_id for clip in clips}


def test_the_one_with_the_fewest_damaged_frames_stays() -> None:
    clips = [replace(_clip("a", 0, 2.5), damaged=0.3), _clip("b", 0, 2), replace(_clip("c", 0, 1.5), damaged=0.0)]
    frames = [f for video in "abc" for f in _frames(video, FILM)]
    videos = [_video("a", 1920), _video("b"), _video("c", 320)]
    assert [drop.id for drop in _drops(clips, frames, videos)] == [clips[0].clip_id, clips[2].clip_id]


def test_the_order_of_rows_does_not_matter() -> None:
    clips = [_clip(v, 0, 2) for v in "abcd"]
    frames = [f for i, v in enumerate("abcd") for f in _frames(v, [h ^ (1 << i) for h in FILM])]
    videos = [_video(v) for v in "abcd"]
    assert _drops(clips, frames, videos) == _drops(clips[::-1], frames[::-1], videos[::-1])
    assert len(_drops(clips, frames, videos)) == 3


def test_only_frames_inside_a_clip_count() -> None:
    # Two clips of one video: [0, 2) and [2, 4); a third film repeats the second.
    frames = [*_frames("a", [1, 2, 4, 8, *FILM]), *_frames("b", FILM)]
    clips = [_clip("a", 0, 2), _clip("a", 2, 4), _clip("b", 0, 2)]
    assert _drops(clips, frames, [_video("a"), _video("b")]) == [
        Drop(clips[2].clip_id, "b", "duplicate", f"of {clips[1].clip_id}")
    ]


@pytest.mark.parametrize(
    ("sharpness", "brightness", "dropped"), [(100.0, 120.0, 1), (0.2, 120.0, 0), (100.0, 2.0, 0), (100.0, 254.0, 0)]
)
def test_frames_of_one_colour_have_no_say(sharpness: float, brightness: float, dropped: int) -> None:
    frames = [*_frames("a", [0] * 4, sharpness, brightness), *_frames("b", [0] * 4, sharpness, brightness)]
    assert len(_drops([_clip("a", 0, 2), _clip("b", 0, 2)], frames, [_video("a"), _video("b")])) == dropped


def test_clips_without_frames_and_no_clips_at_all_stay() -> None:
    assert _drops([], [], []) == []
    assert _drops([_clip("a", 0, 2), _clip("b", 0, 2)], [], [_video("a")]) == []


def test_clips_of_one_video_may_be_left_alone() -> None:
    frames = _frames("a", [*FILM, *FILM])
    clips = [_clip("a", 0, 2), _clip("a", 2, 4)]
    assert _drops(clips, frames, [_video("a")]) == []
    assert len(_drops(clips, frames, [_video("a")], Duplicates(within_video=True))) == 1


def test_it_is_a_verdict_and_reads_what_it_says() -> None:
    assert writes(Duplicates) is None
    assert reads(Duplicates).anchor is Clip
    assert {join.row for join in reads(Duplicates).joins} == {Frame, Video}


def test_the_same_film_in_another_file_is_found(tmp_path: Path) -> None:
    """The trailer cut short, and another film: the first is the same film, the second is not."""
    files = {
        "trailer": "sintel_trailer_270p.mp4", "cut_short": "made_truncated_moov_front.mp4", "bunny": "bbb_480p_20s.mp4",
    }  # fmt: skip
    videos = [Video(video, name, str(MEDIA / name), "", 0) for video, name in files.items()]
    with Scan(frames_per_s=2.0, frame_px=320).open(StepContext(tmp_path, {"frames": Path("f")})) as work:
        answers = [answer["frames"] for answer in work(videos, frozenset(["frames"]))]
    frames = [frame for rows in answers if isinstance(rows, list) for frame in rows if isinstance(frame, Frame)]
    clips = [_clip(video, 11, 18) for video in files]
    dropped = _drops(clips, frames, [_video(video) for video in files])
    assert dropped == [Drop(clips[0].clip_id, "trailer", "duplicate", f"of {clips[1].clip_id}")]


@settings(max_examples=60, deadline=None)
@given(st.lists(hashes, max_size=60), st.integers(0, 12))
def test_pairs_among_themselves_are_each_found_once(stored: list[int], max_bits: int) -> None:
    found = near_pairs_within(np.asarray(stored, np.uint64), max_bits)
    pairs = list(zip(found.query.tolist(), found.found.tolist(), strict=True))
    assert pairs == [
        (i, j) for i, j in combinations(range(len(stored)), 2) if (stored[i] ^ stored[j]).bit_count() <= max_bits
    ]


def test_the_same_bytes_are_the_same_whatever_is_in_them() -> None:
    clips = [_clip("a", 0, 2), _clip("a", 2, 4), _clip("b", 0, 2), _clip("c", 0, 2)]
    videos = [replace(_video(v), sha256=digest) for v, digest in (("a", "1" * 64), ("b", "1" * 64), ("c", ""))]
    a = clips[0].clip_id
    assert _drops(clips, [], videos) == [Drop(clips[2].clip_id, "b", "duplicate", f"of {a}")]


def _jpegs(edit: Callable[[Pixels], Pixels]) -> list[bytes]:
    """Frames of a real film, changed."""
    with av.open(str(MEDIA / "bbb_480p_20s.mp4")) as film:
        frames = [
            np.asarray(f.to_ndarray(format="gray"), np.uint8) for n, f in enumerate(film.decode(video=0)) if n % 40 == 0
        ]
    return [bytes(cv2.imencode(".jpg", edit(frame))[1]) for frame in frames[:8]]


def _film(video: str, jpegs: Sequence[bytes], step_s: float = 0.5) -> list[Frame]:
    made = []
    for i, jpeg in enumerate(jpegs):
        gray = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
        made.append(Frame(f"{video}_{i:09d}", video, i * step_s, jpeg, 8, 8, perceptual_hash(gray), 100.0, 120.0))
    return made


EDITS: dict[str, tuple[Callable[[Pixels], Pixels], dict[str, Any]]] = {
    "encoded again": (lambda gray: np.asarray(cv2.resize(gray, (320, 180)), np.uint8), {}),
    "cropped": (lambda gray: np.ascontiguousarray(gray[8:-8, 14:-14]), {}),
    "mirrored": (lambda gray: np.ascontiguousarray(gray[:, ::-1]), {"mirrored": True}),
    "letterboxed": (lambda gray: np.pad(gray, ((90, 90), (0, 0))), {"trim": True}),
}


@pytest.mark.parametrize("name", EDITS)
def test_changed_copies_of_a_real_film_are_found(name: str) -> None:
    edit, options = EDITS[name]
    frames = [*_film("a", _jpegs(lambda gray: gray)), *_film("b", _jpegs(edit))]
    clips, videos = [_clip("a", 0, 4), _clip("b", 0, 4)], [_video("a"), _video("b")]
    assert len(_drops(clips, frames, videos, Duplicates(max_bits=12, **options))) == 1
    if options:
        assert _drops(clips, frames, videos, Duplicates(max_bits=12)) == []


def test_a_copy_at_twice_the_speed_is_found_where_lengths_may_differ() -> None:
    jpegs = _jpegs(lambda gray: gray)
    frames = [*_film("a", jpegs), *_film("b", jpegs[::2])]
    clips, videos = [_clip("a", 0, 4), _clip("b", 0, 2)], [_video("a"), _video("b")]
    assert len(_drops(clips, frames, videos, Duplicates(length_ratio=0.4))) == 1
    assert _drops(clips, frames, videos, Duplicates(length_ratio=0.6)) == []


def test_borders_are_what_is_plain_at_the_edges() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8)
    assert content_box(picture) == (0, 60, 0, 80) and border_share(picture) == 0
    boxed = np.pad(picture, ((10, 12), (5, 0)), constant_values=3)
    assert content_box(boxed) == (10, 70, 5, 85) and border_share(boxed) == pytest.approx(1 - 4800 / boxed.size)
    assert content_box(np.zeros((9, 9), np.uint8)) == (0, 9, 0, 9)
    assert content_box(np.zeros((0, 0), np.uint8)) == (0, 0, 0, 0)
    two = np.vstack([np.full((20, 80), 0, np.uint8), picture, np.full((20, 80), 250, np.uint8)])
    assert content_box(two) == (20, 80, 0, 80)
