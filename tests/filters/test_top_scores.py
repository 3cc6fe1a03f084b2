"""The best captions by a threshold, a share, or a number."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from cliploom.captioners.align import Align
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import StepContext
from cliploom.filters.scoring.quantiles import pair_share, score_threshold
from cliploom.filters.top_scores import REPORT_FILE, TopScores
from cliploom.schemas import Caption, Row, Score, to_arrow

CAPTIONS = [Caption(f"v{i // 4}_c_{i:02d}", f"v{i // 4}", f"v{i // 4}_c", "t", "teacher", "x", [], "m", "1")
            for i in range(12)]  # fmt: skip
SCORES = [Score(f"s{i}", c.video_id, c.clip_id, c.caption_id, "alignment", i / 10, "m") for i, c in
          enumerate(CAPTIONS[:11])]  # fmt: skip
OTHER = Score("o", "v2", "v2_c", CAPTIONS[11].caption_id, "conse", 9.0, "m")


def kept(root: Path, scores: Sequence[Score] = (*SCORES, OTHER), **options: Any) -> list[int]:
    """Which captions stay, after a look at why the others leave."""
    step = make_step("filters.top_scores", TopScores, options)
    held: list[tuple[type[Row], Sequence[Row]]] = [(Caption, CAPTIONS), (Score, scores)]
    with duckdb.connect() as db:
        for row, rows in held:
            db.register(row.table, to_arrow(row, rows))
        drops = list(step.rows(db, StepContext(root, {"": Path("media/t")})))
    measured = {s.caption_id for s in scores if s.name == "alignment"}
    assert {d.id for d in drops if d.reason == "not_measured"} == {c.caption_id for c in CAPTIONS} - measured
    assert [d.id for d in drops] == sorted(d.id for d in drops)
    gone = {d.id for d in drops}
    return [i for i, c in enumerate(CAPTIONS) if c.caption_id not in gone]


def test_a_threshold_keeps_what_is_at_least_as_high(tmp_path: Path) -> None:
    assert kept(tmp_path, threshold=0.8) == [8, 9, 10]
    assert json.loads((tmp_path / "media/t" / REPORT_FILE).read_text())["threshold"] == 0.8


def test_a_share_of_all(tmp_path: Path) -> None:
    assert kept(tmp_path, quantile=0.5) == [5, 6, 7, 8, 9, 10]
    assert kept(tmp_path, quantile=1.0) == list(range(11))


def test_so_many_pairs_exactly_or_as_published(tmp_path: Path) -> None:
    ties = [Score(s.score_id, s.video_id, s.clip_id, s.caption_id, s.name, 0.5, "m") for s in SCORES]
    assert kept(tmp_path, pairs=3) == [8, 9, 10]
    assert kept(tmp_path, ties, pairs=3) == [0, 1, 2] and kept(tmp_path, pairs=99) == list(range(11))
    assert kept(tmp_path, pairs=5, sample_videos=99) == [6, 7, 8, 9, 10]
    assert kept(tmp_path, pairs=5, sample_videos=1, seed=1) == kept(tmp_path, pairs=5, sample_videos=1, seed=1)


def test_the_threshold_is_the_quantile() -> None:
    values = np.random.default_rng(0).random(1000)
    assert (values >= score_threshold(values, 0.25)).sum() == 250
    assert score_threshold([1.0, math.nan, 3.0], 0.5) == 2.0 and score_threshold([math.nan], 0.5) == -math.inf
    assert score_threshold([5.0], 0.0) == 5.0
    assert (pair_share(1, 4), pair_share(9, 4), pair_share(1, 0)) == (0.25, 1.0, 1.0)


def test_one_limit_is_asked_for() -> None:
    for options in ({}, {"threshold": 0.1, "pairs": 2}):
        with pytest.raises(UserError, match="takes one limit"):
            TopScores(**options).check([Align()])  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no step before it measures"):
        TopScores("x", threshold=0.1).check([Align()])
    TopScores(quantile=0.5).check([Align()])
