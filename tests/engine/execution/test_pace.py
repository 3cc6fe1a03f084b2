"""How many rows are handed out at once."""

from __future__ import annotations

from cliploom.engine.execution.pace import Pace


def test_it_begins_with_one_call_and_grows_to_what_takes_three_seconds() -> None:
    pace = Pace(16)
    assert pace.rows == 16
    pace.learn(16, 0.016)  # 1000 rows a second
    assert pace.rows == 128, "not at once: the first rows may be easy"
    for _ in range(3):
        pace.learn(pace.rows, pace.rows / 1000)
    assert pace.rows == 3000 // 16 * 16


def test_it_shrinks_with_slow_rows_down_to_one_call() -> None:
    pace = Pace(4)
    for _ in range(5):
        pace.learn(pace.rows, 0.001)
    pace.learn(100, 10.0)
    assert pace.rows == 28
    pace.learn(4, 60.0)
    assert pace.rows == 4


def test_it_has_a_most_however_quick_a_step_is() -> None:
    pace = Pace(1)
    for _ in range(10):
        pace.learn(pace.rows, 0.0)
    assert pace.rows == 5000
