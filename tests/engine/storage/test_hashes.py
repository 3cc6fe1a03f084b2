"""Hashes of columns: the same everywhere, and others for others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from cliploom.engine.storage.hashes import combine, hash_column, hash_text

TEXTS = ["", "a", "b", "ab", "ba", "a\0", "12345678", "123456781", "x" * 300, "x" * 301, "ü"]


def test_a_value_has_one_hash_wherever_it_stands() -> None:
    whole = hash_column(pa.array(TEXTS))
    assert len(set(whole.tolist())) == len(TEXTS)
    assert [hash_column(pa.array([text]))[0] for text in TEXTS] == whole.tolist()
    assert (hash_column(pa.array(TEXTS).slice(3, 4)) == whole[3:7]).all()
    assert (hash_column(pa.chunked_array([TEXTS[:2], TEXTS[2:]])) == whole).all()


def test_hashes_are_those_of_every_version() -> None:
    """A change here makes every build compute everything again: raise the format with it."""
    assert [f"{h:016x}" for h in hash_column(pa.array(["", "v0001_0003"])).tolist()] == [
        "e220a8397b1dcdaf", "007ae3f0f0a1d0e6",
    ]  # fmt: skip
    assert f"{int(hash_text('fingerprint')):016x}" == "899c2000b4172447"


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.5, -0.0, None, 2.5]),
        pa.array([1, -1, None, 2**62]),
        pa.array([True, False, None]),
        pa.array([["a"], ["b", "c"], None], pa.list_(pa.string())),
        pa.array([b"a", b"b", None]),
        pa.array(["", None, "0"]),
    ],
    ids=lambda column: str(column.type),
)
def test_columns_of_any_type_have_hashes(column: pa.Array) -> None:
    assert len(set(hash_column(column).tolist())) == len(column)
    assert (hash_column(column) == hash_column(column.take(pa.array(range(len(column)))))).all()


def test_zero_has_no_sign() -> None:
    assert len({*hash_column(pa.array([0.0, -0.0])).tolist()}) == 1


def test_the_order_of_columns_matters() -> None:
    one, other = hash_column(pa.array(["a", "b"])), hash_column(pa.array(["b", "a"]))
    assert (combine([one, other]) != combine([other, one])).all()
    assert (combine([one]) != combine([one, np.zeros(2, np.uint64)])).all()


def test_no_rows_have_no_hashes() -> None:
    assert len(hash_column(pa.array([], pa.string()))) == 0
