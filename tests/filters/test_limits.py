"""Limits that follow from a score's spread."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from step_tables import step_tables

from cliploom.captioners.clip_score import ClipScore
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.filters.limits import REPORT_FILE, LimitsStep
from cliploom.filters.scoring.limits import percentile_limits, sigma_limits
from cliploom.schemas import Clip, Row, Score


def test_limits_of_values() -> None:
    values = np.array([1.0, 2, 3, 4, 100])
    assert percentile_limits(values, 25, 75) == (2, 4) and percentile_limits(values) == (-np.inf, np.inf)
    assert percentile_limits(values, 10).low == pytest.approx(1.4)
    assert sigma_limits(values, 1) == pytest.approx((22 - np.std(values), 22 + np.std(values)))
    assert sigma_limits(values, 2, robust=True) == pytest.approx((3 - 2 * 1.4826, 3 + 2 * 1.4826))
    assert percentile_limits(values[:0], 5) == sigma_limits(values[:0], 1) == (-np.inf, np.inf)


def reasons(root: Path, **options: object) -> dict[str, str]:
    rows: list[Row] = [Clip(f"k{n:02}", "v", 0.0, 1.0, []) for n in range(12)]
    rows += [Score(f"s{n}", "v", f"k{n:02}", None, "fit", float(n), "m") for n in range(11)]
    rows += [Score("lower", "v", "k10", "c", "fit", -9.0, "m"), Score("other", "v", "k11", None, "unfit", 5.0, "m")]
    with step_tables(rows) as db:
        step = LimitsStep("fit", **options)  # type: ignore[arg-type]
        return {drop.id: drop.reason for drop in step.rows(db, StepContext(root, {"": Path("media/l")}))}


def test_clips_outside_leave(tmp_path: Path) -> None:
    found = reasons(tmp_path, low_percentile=20, high_percentile=90)
    assert found == {"k00": "too_low", "k01": "too_low", "k10": "too_high", "k11": "not_measured"}
    told = json.loads((tmp_path / "media" / "l" / REPORT_FILE).read_text())
    assert told == {"score": "fit", "measured": 11, "low": 2.0, "high": 9.0}
    assert reasons(tmp_path, sigmas=1.5, keep_unmeasured=True) == {"k00": "too_low", "k10": "too_high"}
    assert json.loads((tmp_path / "media" / "l" / REPORT_FILE).read_text())["low"] == pytest.approx(5 - 1.5 * 10**0.5)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UserError, match="nothing to do"):
        LimitsStep("clip_score").check([ClipScore()])
    with pytest.raises(UserError, match="more than high_percentile"):
        LimitsStep("clip_score", 60, 50).check([ClipScore()])
    with pytest.raises(UserError, match="did you mean clip_score"):
        LimitsStep("clip_scor", 5).check([ClipScore()])
