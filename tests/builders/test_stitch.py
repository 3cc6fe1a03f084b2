"""From shots and vectors of stored frames to events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.builders.clips import Clips
from cliploom.builders.folder import Folder
from cliploom.builders.scan import Scan
from cliploom.builders.shots import Shots
from cliploom.builders.stitch import Stitch, StitchInput
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Cost, Drop, Map, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Embedding, Frame, Shot, Signals, Video
from cliploom.schemas.check import problem


def video(fps: float | None = 25.0) -> Video:
    return Video("v", "v.mp4", "/nowhere/v.mp4", "0", 1, fps=fps)


def shots(*bounds_s: float) -> list[Shot]:
    return [
        Shot(f"v_{round(a * 1000):09d}_{round(b * 1000):09d}", "v", a, b, "content" if i else "start", 30.0 * i)
        for i, (a, b) in enumerate(pairwise(bounds_s))
    ]


def vector(place: float) -> np.ndarray[Any, np.dtype[np.float16]]:
    """On a circle; two of them are about as far apart as their places, where those are near."""
    return np.asarray([np.cos(place), np.sin(place)], np.float16)


def frames(places: dict[float, float], model: str = "toy (1)") -> list[Embedding]:
    """Vectors of frames, by time."""
    ids = {f"v_{round(time_s * 1000):09d}": place for time_s, place in places.items()}
    return [Embedding(f"{i}_{model}", "v", model, vector(place), frame_id=i) for i, place in ids.items()]


def each_half_second(end_s: float, *shown: tuple[float, float, float]) -> list[Embedding]:
    """Two frames a second; ``shown`` says from when on the place moves from where to where."""
    times = np.arange(0, end_s, 0.5)
    starts = [start for start, _, _ in shown]
    spans = dict(zip(starts, [*starts[1:], end_s], strict=True))
    places = {}
    for time_s in times.tolist():
        start, low, high = next(one for one in reversed(shown) if one[0] <= time_s)
        places[time_s] = low + (high - low) * (time_s - start) / (spans[start] - start)
    return frames(places)


def stitched(
    step: Stitch, of: Sequence[Shot], embeddings: list[Embedding], fps: float | None = 25.0, **more: Any
) -> tuple[list[tuple[float, float]], dict[str, str]]:
    """Spans of the events, and what became of the rest by id."""
    with step.open(StepContext(Path(), {})) as work:
        (answer,) = work([StitchInput(video(fps), list(of), embeddings, **more)])
    assert not isinstance(answer, RowError), answer
    rows = [row for row in answer if isinstance(row, Shot)]
    drops = [drop for drop in answer if isinstance(drop, Drop)]
    assert len(rows) + len(drops) == len(answer) and all(problem(row) is None for row in rows)
    ids = [row.id for row in rows] + [drop.id for drop in drops]
    assert len(ids) == len(set(ids))
    assert all(drop.video_id == "v" and drop.detail for drop in drops)
    return [(row.start_s, row.end_s) for row in rows], {drop.id: drop.reason for drop in drops}


def failure(step: Stitch, embeddings: list[Embedding], fps: float | None = 25.0) -> RowError:
    with step.open(StepContext(Path(), {})) as work:
        (answer,) = work([StitchInput(video(fps), shots(0, 10), embeddings)])
    assert isinstance(answer, RowError)
    return answer


def test_near_shots_become_one_event_and_far_ones_two() -> None:
    near = each_half_second(12, (0, 0.0, 0.3), (4, 0.5, 0.7), (8, 1.6, 2.0))
    events, drops = stitched(Stitch(trim=0), shots(0, 4, 8, 12), near)
    assert events == [(0, 8), (8, 12)] and not drops


def test_an_event_is_trimmed_and_keeps_what_opened_it() -> None:
    near = each_half_second(12, (0, 0.0, 0.3), (4, 2.0, 2.3))
    with Stitch().open(StepContext(Path(), {})) as work:
        (answer,) = work([StitchInput(video(), shots(0, 4, 10), near)])
    assert isinstance(answer, list)
    assert [(row.start_s, row.end_s) for row in answer] == [(0.4, 3.6), (4.6, 9.4)]  # a tenth off both ends
    assert [(row.detector, row.strength, row.id) for row in answer] == [
        ("start", 0.0, "v_000000400_000003600"), ("content", 30.0, "v_000004600_000009400"),
    ]  # fmt: skip


def test_a_long_shot_is_cut_where_it_turns_into_something_else() -> None:
    turning = each_half_second(20, (0, 0.0, 0.2), (5, 0.9, 1.1), (10, 1.2, 1.3), (15, 1.4, 1.5))
    with Stitch(trim=0).open(StepContext(Path(), {})) as work:
        (answer,) = work([StitchInput(video(), shots(0, 20), turning)])
    assert isinstance(answer, list)
    assert [(row.start_s, row.end_s, row.detector) for row in answer] == [(0, 5, "start"), (5, 20, "length")]


def test_each_reason() -> None:
    shown = each_half_second(
        24, (0, 0.0, 0.3), (4, 0.8, 2.4), (8, 0.0, 0.05), (14, 0.0, 0.3), (18, 2.0, 2.4), (20, 0.0, 0.0),
        (20.4, 3.0, 3.5),
    )  # fmt: skip
    parts = shots(0, 4, 8, 14, 18, 20, 20.4, 24)
    events, drops = stitched(Stitch(trim=0), parts, shown)
    assert events == [(0, 4), (20.4, 24)]
    assert drops == {
        "v_000004000_000008000": "transition",
        "v_000008000_000018000": "redundant",  # the still part was joined to the next: together they are like the first
        "v_000018000_000020000": "too_short",
        "v_000020000_000020400": "too_short",
    }
    events, drops = stitched(Stitch(trim=0, join=0.01), parts, shown)
    assert drops["v_000008000_000014000"] == "still"
    events, drops = stitched(Stitch(parameters="release"), parts, shown)
    assert events == [(0, 4), (8, 18), (18, 20), (20.4, 24)]
    assert drops == {"v_000004000_000008000": "transition", "v_000020000_000020400": "too_short"}


def test_a_piece_without_a_stored_frame_is_not_readable_and_parts_its_neighbours() -> None:
    some = frames({0.0: 0.0, 2.5: 0.2, 3.5: 0.4, 7.0: 0.9})
    events, drops = stitched(Stitch(trim=0), shots(0, 3, 3.4, 8), some)
    assert events == [(0, 3), (3.4, 8)] and drops == {"v_000003000_000003400": "not_readable"}


def test_one_stored_frame_does_not_make_a_still() -> None:
    events, drops = stitched(Stitch(), shots(0, 5), frames({0.0: 0.0, 9.0: 1.0}))
    assert not events and drops == {"v_000000000_000005000": "not_readable"}


def test_a_video_of_which_nothing_is_left() -> None:
    events, drops = stitched(Stitch(), shots(0, 4, 8), frames({9.0: 0.0}))
    assert not events and set(drops.values()) == {"not_readable"} and len(drops) == 2
    assert stitched(Stitch(), [], []) == ([], {})


def test_frames_count_in_spite_of_rounded_times() -> None:
    """A frame at 1/24 s is 42 ms by its id: it belongs to the shot that it opens."""
    some = frames({0.0: 0.0, 3.0416667: 0.2, 3.0833333: 2.0, 7.0: 2.4})
    events, drops = stitched(Stitch(trim=0), shots(0, 3.0833333, 7.5), some)
    assert events == [(0, 3.0833333), (3.0833333, 7.5)] and not drops
    some = frames({0.0: 0.0, 3.0: 0.2, 3.0831: 2.0, 7.0: 2.4})
    assert stitched(Stitch(trim=0), shots(0, 3.0834, 7.5), some)[0] == [(0, 3.0834), (3.0834, 7.5)]


def test_the_frames_nearest_to_the_places_count() -> None:
    """Those at 5 % and 95 % of 10 s, not the first and the last."""
    some = frames({0.0: 1.5, 0.6: 0.0, 5.0: 0.7, 9.4: 0.4, 9.9: 1.5})
    assert stitched(Stitch(trim=0, cut_s=10), shots(0, 10), some) == ([(0, 10)], {})


def test_which_encoder() -> None:
    both = each_half_second(10, (0, 0.0, 0.3)) + frames({0.0: 0.0, 9.0: 0.0}, "other (2)")
    error = failure(Stitch(), both)
    assert error.kind == "which_encoder" and "other (2) and by toy (1)" in error.message
    assert stitched(Stitch(encoder="toy"), shots(0, 10), both)[0] == [(1, 9)]
    assert stitched(Stitch(encoder="other (2)"), shots(0, 10), both)[0] == []
    error = failure(Stitch(encoder="toys"), both)
    assert error.kind == "no_vectors" and "by other (2), toy (1), not by toys" in error.message
    of_a_clip = Embedding("c", "v", "toy (1)", vector(0), clip_id="c")
    assert failure(Stitch(), [of_a_clip]).kind == "no_vectors"


def test_published_reckons_in_frames_at_one_rate() -> None:
    """At 29.97 frames per second 7.4 s are cut after 149 frames, and a tenth of 222 frames are 22."""
    rate = 30000 / 1001
    some = each_half_second(8, (0, 0.0, 0.4))
    of = shots(0, 222 / rate)
    events, _ = stitched(Stitch(profile="published"), of, some, fps=29.97)
    assert events == [(22 / 29.97, 200 / 29.97)]
    events, _ = stitched(Stitch(), of, some, fps=29.97)
    assert events == [pytest.approx((22.2 / rate, 199.8 / rate))]


def test_published_counts_frames_where_the_signals_tell_them() -> None:
    """Of a video whose second half has half the rate, the published times are short of the true ones."""
    times = np.concatenate([np.arange(0, 4, 0.04), np.arange(4, 8, 0.08)])
    none = np.zeros(0, np.float32)
    signals = Signals("v", "v", times, none, none, none, none, none, none, 8.0)
    some = each_half_second(8, (0, 0.0, 0.3), (4, 1.5, 1.8))
    events, _ = stitched(Stitch(profile="published", trim=0, min_s=1), shots(0, 4, 8), some, signals=[signals])
    assert events == [(0, 4), (4, 6)]
    assert stitched(Stitch(trim=0, min_s=1), shots(0, 4, 8), some, signals=[signals])[0] == [(0, 4), (4, 8)]


def test_published_begins_with_the_first_frame() -> None:
    some = frames({1.4: 0.0, 5.0: 0.4, 6.3: 0.4})
    assert stitched(Stitch(profile="published", trim=0), shots(1.4, 6.4), some)[0] == [(1.4, 6.4)]


@pytest.mark.parametrize("fps", [None, 0.0, 0.1])
def test_published_needs_a_frame_rate(fps: float | None) -> None:
    some = each_half_second(10, (0, 0.0, 0.3))
    assert failure(Stitch(profile="published"), some, fps).kind == "no_fps"
    assert stitched(Stitch(), shots(0, 10), some, fps)[0] == [(1, 9)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=25), st.integers(0, 2**32 - 1), st.booleans())
def test_both_profiles_agree_on_a_constant_whole_rate(lengths: list[int], seed: int, release: bool) -> None:
    """Every frame is stored, and those of one shot are alike, so that one frame more or less chooses no other."""
    bounds = np.concatenate([[0], np.cumsum(lengths)]) / 25
    walk = np.cumsum(np.random.default_rng(seed).choice([0.0, 0.02, 0.1, 0.4, 0.9], len(lengths)))
    some = frames(dict(zip((np.arange(sum(lengths)) / 25).tolist(), np.repeat(walk, lengths).tolist(), strict=True)))
    said = []
    for profile in ("fixed", "published"):
        step = Stitch(parameters="release" if release else "dataset", profile=profile, still=0)
        said.append(stitched(step, shots(*bounds.tolist()), some))
    (fixed, why), (published, whys) = said
    assert why == whys and len(fixed) == len(published)
    for one, other in zip(fixed, published, strict=True):
        assert one == pytest.approx(other, abs=0.041)


def test_lengths_between_which_there_is_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="min_s"):
        Stitch(min_s=70).check([])
    Stitch(min_s=70, max_s=80).check([])
    Stitch(min_s=70, parameters="release").check([])


def test_numbers_that_are_given_count_before_the_set() -> None:
    rules = Stitch(parameters="release", redundant=0.25, still=0.0).rules()
    assert (rules.redundant, rules.still, rules.max_s, rules.join, rules.transition) == (0.25, 0.0, 1200, 0.6, 1.0)


@dataclass(frozen=True)
class Thumbs(Map[Frame, Embedding]):
    """A tiny picture as a vector."""

    cost: ClassVar[Cost] = "row"

    def make(self, row: Frame) -> Embedding:
        picture = cv2.imdecode(np.frombuffer(row.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        tiny = cv2.resize(picture, (6, 4), interpolation=cv2.INTER_AREA).astype(np.float32).ravel() + 1
        unit = (tiny / np.linalg.norm(tiny)).astype(np.float16)
        return Embedding(f"{row.frame_id}_thumb", row.video_id, "thumb", unit, frame_id=row.frame_id)


def test_a_build_whose_clips_are_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips are made of the events alone; each shot that is not in one is in the verdicts; no video is opened again."""
    media = Path(__file__).parents[1] / "media"
    stitch = Stitch(min_s=0.5, redundant=0.01, still=0.01, trim=0, join=0.4)
    before = (Folder(str(media), pattern="synth_hard_cuts.mp4"), Scan(sound=False), Shots(threshold=25), Thumbs())
    run_build(Recipe("cut", before, shards=1), tmp_path / "b", RunOptions(workers=1))
    monkeypatch.setattr(av, "open", lambda *a, **k: pytest.fail("a video was opened"))
    recipe = Recipe("cut", (*before, stitch, Clips(min_s=0, short="keep", long="keep")), shards=1)
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    build = Build.read(tmp_path / "b")
    db = build.connect()
    clips = db.execute("SELECT start_s, end_s FROM clips ORDER BY start_s").fetchall()
    of_stitch = "FROM shots WHERE _step = 'builders.stitch'"
    assert clips == db.execute(f"SELECT start_s, end_s {of_stitch} ORDER BY start_s").fetchall()
    gone = db.execute("SELECT id, reason FROM verdicts WHERE step = 'builders.stitch'").fetchall()
    cut = db.execute("SELECT start_s, end_s FROM shots WHERE _step = 'builders.shots' ORDER BY start_s").fetchall()
    assert len(clips) > 3 and gone and len(clips) + len(gone) <= len(cut)
    spans = [(int(i.split("_")[-2]) / 1000, int(i.split("_")[-1]) / 1000) for i, _ in gone]
    covered = sum(end - start for start, end in [*clips, *spans])
    assert covered == pytest.approx(cut[-1][1] - cut[0][0], abs=0.05)
