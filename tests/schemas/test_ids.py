"""Ids of spans, and the milliseconds they are made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cliploom.schemas.ids import SAME_TIME_S, free_id, span_id


def test_a_span_id_holds_whole_milliseconds() -> None:
    assert span_id("v", 1.0, 2.5) == "v_000001000_000002500"
    assert span_id("v", 0.99996, 2.5004) == span_id("v", 1, 2.5)


@given(st.floats(0, 90_000))
def test_a_time_read_back_from_an_id_is_the_same_time(time_s: float) -> None:
    read_s = int(span_id("v", time_s, time_s).rpartition("_")[2]) / 1000
    assert abs(read_s - time_s) <= SAME_TIME_S + 1e-9


def test_ids_in_use_get_a_number() -> None:
    assert free_id("a", set()) == "a"
    assert free_id("a", {"a", "a-2"}) == "a-3"
