"""Clips by their length."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import StepContext
from cliploom.filters.duration import Duration
from cliploom.schemas import Clip, to_arrow


def _clip(seconds: float, start_s: float = 0.0) -> Clip:
    return Clip("v_1", "v", start_s, start_s + seconds, shots=[])


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(1.999, "too_short"), (2.0, None), (30.0, None), (60.0, None), (60.001, "too_long"), (0.0, "too_short")],
)
def test_limits_are_inclusive(seconds: float, reason: str | None) -> None:
    assert Duration().drop(_clip(seconds)) == reason


def test_sums_of_floats_do_not_cross_a_limit() -> None:
    clip = Clip("v_1", "v", 0.1, 0.3, shots=[])
    assert clip.seconds != 0.2
    assert Duration(min_s=0.2, max_s=0.2).drop(clip) is None


def test_a_batch_has_one_verdict_a_row(tmp_path: Path) -> None:
    with Duration(min_s=1, max_s=2).open(StepContext(tmp_path, {"": Path("x")})) as work:
        assert work([_clip(0.5), _clip(1.5), _clip(2.5)]) == ["too_short", None, "too_long"]


def test_a_table_has_the_verdicts_of_its_rows() -> None:
    dice = random.Random(3)
    aside = [0, 1e-4, 4.9e-4, 5e-4, 5.1e-4, 2e-3, 1]
    lengths = [dice.choice([2, 60, 30]) + dice.choice([-1, 1]) * dice.choice(aside) for _ in range(3000)]
    clips = [_clip(seconds, dice.random() * 100) for seconds in lengths]
    step = Duration()
    verdicts = step.drop_table(to_arrow(Clip, clips)).to_pylist()
    assert verdicts == [step.drop(clip) for clip in clips]
    assert {*verdicts} == {None, "too_short", "too_long"}


def test_options_that_let_nothing_pass_are_refused() -> None:
    with pytest.raises(UserError, match="min_s is 5, more than max_s, 2"):
        Duration(min_s=5, max_s=2).check(())
    with pytest.raises(UserError, match="at least 0"):
        make_step("filters.duration", Duration, {"min_s": -1})
