"""Rows to Arrow and back."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import Annotated, Any

import drawn
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cliploom.schemas import ROWS, Clip, Col, Embedding, Shot, Signals, Span, Video, arrow_schema, from_arrow, to_arrow
from cliploom.schemas.arrow import arrow_type, column_metadata

quick = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def same(one: Any, other: Any) -> bool:
    """Equal field by field, arrays and their types too."""
    if type(one) is not type(other):
        return False
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            if a.dtype != b.dtype or not np.array_equal(a, b):
                return False
        elif a != b or type(a) is not type(b):
            return False
    return True


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
@given(data=st.data())
@quick
def test_rows_of_every_type_come_back_as_they_were(row: type, data: st.DataObject) -> None:
    made = data.draw(st.lists(drawn.rows(row), max_size=3))
    table = to_arrow(row, made)
    assert table.schema.equals(arrow_schema(row), check_metadata=True)
    back: list[Any] = list(from_arrow(row, table))
    assert len(back) == len(made)
    assert all(same(a, b) for a, b in zip(made, back, strict=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_no_rows_make_an_empty_table_of_the_same_schema(row: type) -> None:
    table = to_arrow(row, [])
    assert table.num_rows == 0 and table.schema.equals(arrow_schema(row), check_metadata=True)
    assert list(from_arrow(row, table)) == []


def test_rows_come_back_from_parquet_in_several_chunks() -> None:
    made = [Shot(f"v_{i:03d}", "v", float(i), i + 1.0, "content", 0.5) for i in range(10)]
    file = io.BytesIO()
    pq.write_table(to_arrow(Shot, made), file, row_group_size=3)
    back = pq.read_table(file)
    assert list(from_arrow(Shot, back)) == made
    assert list(from_arrow(Shot, back.to_batches()[0])) == made[:3]


def test_columns_that_the_type_does_not_have_are_left_out() -> None:
    made = [Shot("v_0", "v", 0.0, 1.0, "start", 0.0)]
    table = to_arrow(Shot, made).append_column("_origin", pa.array(["v"]))
    assert list(from_arrow(Shot, table.select(reversed(table.column_names)))) == made


def test_a_missing_column_is_an_error() -> None:
    table = to_arrow(Shot, []).drop_columns(["detector"])
    with pytest.raises(KeyError, match="detector"):
        list(from_arrow(Shot, table))


def test_arrays_are_slices_of_one_buffer_and_keep_their_place() -> None:
    made = [Embedding(f"e{i}", "v", "m", np.full(3, i, np.float16)) for i in range(4)]
    back = list(from_arrow(Embedding, to_arrow(Embedding, made).slice(1, 2)))
    assert [e.vector.tolist() for e in back] == [[1, 1, 1], [2, 2, 2]]
    assert back[0].vector.dtype == np.float16


def test_a_list_given_for_an_array_takes_the_declared_type() -> None:
    none = np.empty(0, np.float32)
    row = Signals("v", "v", np.array([0, 1]), none, none, none, none, none, none, end_s=2.0)
    (back,) = from_arrow(Signals, to_arrow(Signals, [row]))
    assert back.time_s.dtype == np.float64 and back.time_s.tolist() == [0.0, 1.0]
    assert back.motion.dtype == np.float32 and back.motion.size == 0


def test_nested_rows_become_structs_and_come_back() -> None:
    row = Clip("c", "v", 0.0, 2.0, [Span(0.0, 1.0), Span(1.0, 2.0)])
    table = to_arrow(Clip, [row])
    assert table.column("shots").to_pylist() == [[{"start_s": 0.0, "end_s": 1.0}, {"start_s": 1.0, "end_s": 2.0}]]
    assert next(from_arrow(Clip, table)) == row


def test_the_schema_says_what_columns_mean() -> None:
    start = arrow_schema(Clip).field("start_s")
    assert start.metadata == {b"doc": b"start", b"unit": b"s"} and not start.nullable
    cut = arrow_schema(Clip).field("cut")
    assert cut.metadata[b"choices"] == b"none,copy,smart,encode"
    assert arrow_schema(Clip).field("file").nullable
    assert arrow_schema(Video).metadata[b"cliploom.row"] == b"Video"
    assert arrow_schema(Video).field("rotation_deg").metadata[b"high"] == b"270"


def test_a_range_from_zero_is_said() -> None:
    assert column_metadata(Col("n", low=0)) == {"doc": "n", "low": "0"}
    assert column_metadata(Col("n")) == {"doc": "n"}


@pytest.mark.parametrize("hint", [dict[str, int], tuple[int, int], complex, object])
def test_a_type_that_rows_cannot_hold_is_refused(hint: Any) -> None:
    with pytest.raises(TypeError, match="rows cannot hold"):
        arrow_type(hint)


def test_a_field_without_a_meaning_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        known: Annotated[str, Col("said")]
        unknown: str

    with pytest.raises(TypeError, match="unknown has no Col"):
        arrow_schema(Odd)
