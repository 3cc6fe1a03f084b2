"""Is a row what its type says?"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import drawn
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cliploom.schemas import (
    ROWS,
    Caption,
    Clip,
    Embedding,
    Evidence,
    Label,
    Review,
    Score,
    Signals,
    Span,
    Video,
    are_sound,
    problem,
    row_fields,
)

quick = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def replace(row: Any, **fields: Any) -> Any:
    """The row with other values, right or wrong."""
    return dataclasses.replace(row, **fields)


CLIP = Clip("c", "v", 0.0, 2.0, [Span(0.0, 2.0)])
VIDEO = Video("v", "v.mp4", "/v.mp4", "00", 10)
EVIDENCE = Evidence("c", "v", "c", [], [Label("cat", 0.5)], ["red"], 10.0, 1.0, [], [], [])
CAPTION = Caption("k", "v", "c", "speech", "teacher", "words", [], "m", "1")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
@given(data=st.data())
@quick
def test_sound_rows_of_every_type_have_no_problem(row: type, data: st.DataObject) -> None:
    assert problem(data.draw(drawn.rows(row))) is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
@given(data=st.data())
@quick
def test_null_is_a_problem_where_it_may_not_be(row: type, data: st.DataObject) -> None:
    made = data.draw(drawn.rows(row))
    field = data.draw(st.sampled_from(row_fields(row)))
    said = problem(replace(made, **{field.name: None}))
    assert said == (None if field.optional else f"{row.__name__}.{field.name}: is null")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
@given(data=st.data())
@quick
def test_a_value_of_another_type_is_a_problem(row: type, data: st.DataObject) -> None:
    made = data.draw(drawn.rows(row))
    field = data.draw(st.sampled_from(row_fields(row)))
    said = problem(replace(made, **{field.name: object()}))
    assert said is not None and said.startswith(f"{row.__name__}.{field.name}: is ")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_must_be_finite(value: float) -> None:
    assert problem(replace(CLIP, start_s=value)) == f"Clip.start_s: is {value}"
    assert problem(Score("s", "v", "c", None, "conse", value, "m")) == f"Score.value: is {value}"


def test_ranges_are_inclusive() -> None:
    assert problem(replace(VIDEO, rotation_deg=270)) is None
    assert problem(replace(VIDEO, rotation_deg=271)) == "Video.rotation_deg: 271 is above 270"
    assert problem(replace(VIDEO, size_bytes=0)) is None
    assert problem(replace(VIDEO, size_bytes=-1)) == "Video.size_bytes: -1 is below 0"


def test_a_whole_number_is_a_float_but_truth_is_no_number() -> None:
    assert problem(replace(CLIP, start_s=0)) is None
    assert problem(replace(CLIP, start_s=True)) == "Clip.start_s: is bool, not float"
    assert problem(replace(VIDEO, width_px=True)) == "Video.width_px: is bool, not int"
    assert problem(replace(VIDEO, width_px=480.0)) == "Video.width_px: is float, not int"
    assert problem(replace(VIDEO, hdr=1)) == "Video.hdr: is int, not bool"


def test_a_number_of_numpy_is_no_plain_number() -> None:
    assert problem(replace(CLIP, end_s=np.float32(2))) == "Clip.end_s: is float32, not float"


def test_choices() -> None:
    assert problem(replace(CAPTION, kind="merge")) is None
    assert problem(replace(CAPTION, kind="merged")) == (
        "Caption.kind: 'merged' is none of teacher, source, rewrite, merge, choice, translation, differential, edit"
    )
    assert problem(Review("r", "v", "c", None, "ada", "maybe")) == (
        "Review.verdict: 'maybe' is none of accept, edit, reject, cannot_tell, mark"
    )


def test_what_is_inside_lists_is_checked_and_its_place_is_said() -> None:
    assert problem(replace(EVIDENCE, labels=[Label("cat", 0.5), Label("dog", 1.5)])) == (
        "Evidence.labels: item 1 Label.score: 1.5 is above 1"
    )
    assert problem(replace(EVIDENCE, colours=["red", 3])) == "Evidence.colours: item 1 is int, not str"
    assert problem(replace(EVIDENCE, colours=("red",))) == "Evidence.colours: is tuple, not list"
    assert problem(replace(CLIP, shots=[Label("cat", 0.5)])) == "Clip.shots: item 0 is Label, not Span"


def test_arrays() -> None:
    none = np.empty(0, np.float32)
    signals = Signals("v", "v", np.array([0.0, 1.0]), none, none, none, none, none, none, end_s=2.0)
    assert problem(signals) is None
    assert problem(replace(signals, motion=[1.0])) == "Signals.motion: is not a one-dimensional array of numbers"
    assert (
        problem(replace(signals, motion=np.zeros((2, 2))))
        == "Signals.motion: is not a one-dimensional array of numbers"
    )
    assert problem(replace(signals, motion=np.array([1, np.nan]))) == (
        "Signals.motion: holds a number that is not finite, or too large for float32"
    )
    assert problem(replace(signals, motion=np.array([0.0, 256.0]))) == "Signals.motion: 256 is above 255"
    assert problem(Embedding("e", "v", "m", np.array([-1.5], np.float16))) == "Embedding.vector: -1.5 is below -1"


def test_the_first_problem_in_the_order_of_the_columns_is_named() -> None:
    assert problem(replace(CLIP, video_id=None, end_s=math.nan)) == "Clip.video_id: is null"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
@given(data=st.data())
@quick
def test_rows_that_are_sound_for_sure_have_no_problem(row: type, data: st.DataObject) -> None:
    rows = data.draw(st.lists(drawn.rows(row), max_size=3))
    odd = st.sampled_from(
        [None, math.nan, -math.inf, 10**400, 2**53 + 1, -(2**63), True, "\ud800", "é", [], [None], [""], b"", -1.5]
    )
    for at in range(len(rows)):
        if data.draw(st.booleans()):
            field = data.draw(st.sampled_from(row_fields(row)))
            rows[at] = replace(rows[at], **{field.name: data.draw(odd)})
    assert not are_sound(rows) or not any(map(problem, rows))


def test_plain_rows_are_sound_for_sure() -> None:
    assert are_sound([])
    assert are_sound([CLIP, replace(CLIP, shots=[], cut="copy", video_s=1, file="x")])
    assert are_sound([VIDEO, CAPTION][:1])
    assert not are_sound([CLIP, replace(CLIP, cut="torn")])
    assert not are_sound([CLIP, replace(CLIP, shots=[Span(0.0, math.nan)])])
    assert not are_sound([CLIP, replace(CLIP, end_s=math.inf)])
