"""A batch on its way to a worker: all of its rows, and nothing of the table that it was cut from."""

from __future__ import annotations

import pickle

import pytest

from cliploom.engine.storage.join import Batch
from cliploom.schemas import Frame, Signals, to_arrow


def frame(number: int) -> Frame:
    return Frame(f"v_{number:04d}", "v", float(number), bytes([number % 256]) * 5000, 4, 4, "0" * 16, 1.0, 1.0)


@pytest.mark.parametrize("start", [0, 57, 190])
def test_a_batch_weighs_what_its_rows_weigh(start: int) -> None:
    table = to_arrow(Frame, [frame(k) for k in range(200)])
    part, belonging = table.slice(start, 10), table.slice(start, 2)
    batch = Batch(["i"] * 10, ["v"] * 10, [1] * 10, frozenset(["p"]), [], part, (belonging,))
    sent = pickle.dumps(batch)
    assert len(sent) < 12 * 5000 * 1.2
    came: Batch = pickle.loads(sent)
    assert came == batch


def test_a_batch_of_no_tables_or_of_empty_ones_travels_too() -> None:
    plain = Batch(["i"], ["v"], [1], frozenset([""]), [], None)
    assert pickle.loads(pickle.dumps(plain)) == plain
    empty = Batch([], [], [], frozenset([""]), [], to_arrow(Frame, []), (to_arrow(Signals, []),))
    assert pickle.loads(pickle.dumps(empty)) == empty
