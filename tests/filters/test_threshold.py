"""A threshold learned from ratings, and what it drops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cliploom.captioners.clip_score import ClipScore
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import StepContext
from cliploom.filters.threshold import REPORT_FILE, Threshold
from cliploom.schemas import Caption, Clip, Review, ReviewMark, Row, Score, to_arrow

CLIPS = [Clip(f"c{i:02d}", "v", float(i), i + 1.0, shots=[]) for i in range(21)]
TEACHER = [Caption(f"{c.clip_id}_t", "v", c.clip_id, "t", "teacher", "x", [], "m", "1") for c in CLIPS]
CHOSEN = [Caption(f"{c.clip_id}_s", "v", c.clip_id, "t", "choice", "x", [f"{c.clip_id}_t"], "m", "1") for c in CLIPS]
SCORES = [Score(f"s{i}", "v", c.clip_id, c.caption_id, "fit", i / 20, "m") for i, c in enumerate(TEACHER[:20])]


def grade(i: int, value: float | None, person: str = "ann", holds: bool | None = None, of: str = "_t") -> Review:
    clip = CLIPS[i].clip_id
    marks = [ReviewMark("truth", value=value), ReviewMark("style", value=5.0)]
    return Review(f"{i}{person}", "v", clip, clip + of, person, "mark", kind="rate", marks=marks, holds=holds)


def verdict(i: int, said: str, person: str = "ann") -> Review:
    clip = CLIPS[i].clip_id
    return Review(f"{i}{person}", "v", clip, f"{clip}_t", person, said)


def drops(
    root: Path, reviews: Sequence[Review], captions: Sequence[Caption] = tuple(TEACHER), **options: Any
) -> dict[str, str]:
    step = make_step("filters.threshold", Threshold, {"score": "fit", "confidence": 0.5, **options})
    held: list[tuple[type[Row], Sequence[Row]]] = [
        (Clip, CLIPS),
        (Caption, captions),
        (Score, SCORES),
        (Review, reviews),
    ]
    with duckdb.connect() as db:
        for row, rows in held:
            db.register(row.table, to_arrow(row, rows))
        return {drop.id: drop.reason for drop in step.rows(db, StepContext(root, {"": Path("media/t")}))}


BELOW = {CLIPS[i].clip_id: "below_threshold" for i in range(10)} | {CLIPS[20].clip_id: "not_measured"}


def test_grades_set_it(tmp_path: Path) -> None:
    reviews = [grade(i, 5.0 if i >= 10 else 2.0) for i in range(0, 20, 2)] + [grade(4, None, "bo")]
    assert drops(tmp_path, reviews, axis="truth", precision=1.0) == BELOW
    report = json.loads((tmp_path / "media" / "t" / REPORT_FILE).read_text())
    assert report == {
        "score": "fit", "threshold": 0.5, "rated": 10, "good": 5,
        "above": {"rated": 5, "good": 5, "share_at_least": 1.0},
    }  # fmt: skip
    assert len(drops(tmp_path, reviews, axis="truth", precision=0.8)) == 9  # one of six may be bad


def test_several_peoples_grades_count_by_their_mean_and_those_that_do_not_hold_not_at_all(tmp_path: Path) -> None:
    reviews = [grade(i, 4.0 if i >= 10 else 1.0) for i in range(20)]
    reviews += [grade(i, 4.0, "bo") for i in range(20)] + [grade(i, 1.0, "cy", holds=False) for i in range(20)]
    assert drops(tmp_path, reviews, axis="truth", precision=1.0) == BELOW


def test_captions_that_were_chosen_have_the_scores_of_those_they_were_chosen_from(tmp_path: Path) -> None:
    reviews = [grade(i, 5.0 if i >= 10 else 2.0, of="_s") for i in range(20)]
    assert drops(tmp_path, reviews, CHOSEN, axis="truth", precision=1.0) == BELOW


def test_verdicts_set_it_where_no_axis_is_named(tmp_path: Path) -> None:
    reviews = [verdict(i, "accept" if i >= 10 else "edit") for i in range(20)]
    reviews += [verdict(3, "accept", "bo"), verdict(12, "cannot_tell", "bo")]
    assert drops(tmp_path, reviews, precision=1.0) == BELOW


def test_what_cannot_be_learned_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no grades on truth of captions with the score fit"):
        drops(tmp_path, [], axis="truth")
    bad = [grade(i, 1.0) for i in range(20)]
    with pytest.raises(UserError, match="no threshold of fit has 90% good ones above it with 90% confidence") as raised:
        drops(tmp_path, bad, axis="truth", confidence=0.9)
    assert raised.value.hint and raised.value.hint.startswith("of 20 rated captions 0 are good")
    with pytest.raises(UserError, match="did you mean clip_score"):
        make_step("filters.threshold", Threshold, {"score": "clip_scor"}).check([ClipScore()])
    make_step("filters.threshold", Threshold, {"score": "clip_score"}).check([ClipScore()])
