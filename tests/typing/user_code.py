"""Code as a user writes it: `make check` checks its types, and a test runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, assert_type

import cliploom as cl
from cliploom.testing import check_step, run_step


class LoudnessInput(NamedTuple):
    """A clip and its video's sound, if it has any."""

    clip: cl.Clip
    sounds: list[cl.Sound] = []


@dataclass(frozen=True)
class Loudness(cl.Filter[LoudnessInput]):
    """Keep clips of videos that can be heard."""

    min_db: Annotated[float, cl.Col("least loudness", unit="dB", high=0)] = -40.0

    def drop(self, row: LoudnessInput) -> str | None:
        if not row.sounds:
            return "no_sound"
        return "too_quiet" if row.sounds[0].loudness_db < self.min_db else None


@dataclass(frozen=True)
class Length(cl.Map[cl.Clip, cl.Score]):
    """Score clips by their length."""

    measures = ("length",)

    def make(self, row: cl.Clip) -> cl.Score:
        if row.end_s <= row.start_s:
            raise cl.RowError(f"{row.clip_id} has no length", "empty")
        return cl.Score(f"{row.id}/length", row.video_id, row.clip_id, None, "length", row.end_s - row.start_s, "mine")


@dataclass(frozen=True)
class Halves(cl.Split[cl.Clip, cl.Clip]):
    """Cut clips into two."""

    @contextmanager
    def open(self, context: cl.StepContext) -> Iterator[cl.BatchFunction[cl.Clip, cl.Clip]]:
        yield lambda clips: [self._halves(clip) for clip in clips]

    def _halves(self, clip: cl.Clip) -> cl.RowAnswer[cl.Clip]:
        middle_s = (clip.start_s + clip.end_s) / 2
        return (
            cl.Clip(f"{clip.clip_id}a", clip.video_id, clip.start_s, middle_s, []),
            cl.Clip(f"{clip.clip_id}b", clip.video_id, middle_s, clip.end_s, []),
        )


def recipe(videos: Path) -> cl.Recipe:
    """A recipe of steps that ship and of one's own."""
    made = cl.Recipe(
        "mine",
        [
            ("builders.folder", {"path": str(videos)}),
            "builders.scan",
            "builders.shots",
            ("builders.clips", {"min_s": 1}),
            cl.StepUse(Loudness(min_db=-50.0), name="loud"),
            Length(),
            cl.step("cards.dataset", media="virtual", out="films"),
        ],
        shards=2,
        budget=cl.Budget(max_calls=10),
    )
    assert_type(made, cl.Recipe)
    return made


def build(videos: Path, out: Path) -> cl.BuildFolder:
    """Build it, and look at what came out."""

    def told(event: cl.Event) -> None:
        print(event.kind, event.step)

    assert_type(cl.plan(recipe(videos), out), Sequence[cl.Forecast])
    built = cl.build(recipe(videos), out, workers=2, limit=3, on_event=told)
    assert_type(built, cl.BuildFolder)
    assert_type(built.waiting, Mapping[str, str])
    assert_type(built.status(), Sequence[cl.FunnelStage])
    assert_type(cl.open_build(str(out)), cl.BuildFolder)
    print(built.table("clips").num_rows, built.sql("SELECT 1"), built.errors())
    return built


def test_own_steps() -> None:
    """What a package of steps tests."""
    check_step(Loudness)
    assert_type(cl.step("filters.duration"), cl.Step)
    clip = cl.Clip("v_1", "v", 0.0, 1.0, [])
    assert run_step(Loudness(), [LoudnessInput(clip)]) == ["no_sound"]
    assert [row.value for [row] in run_step(Length(), [clip])] == [1.0]
    assert [len(rows) for rows in run_step(Halves(), [clip])] == [2]
    try:
        cl.open_build("nowhere")
    except cl.UserError as error:
        assert_type(error.hint, str)
