"""What is done and not on disk yet."""

from __future__ import annotations

import pytest

from cliploom.engine.execution import result_buffer
from cliploom.engine.execution.answers import to_stored_table
from cliploom.engine.execution.result_buffer import ResultBuffer
from cliploom.engine.storage.ledger import DONE, FAILED, LedgerEntry, entries_of, to_ledger
from cliploom.engine.storage.shard import Results
from cliploom.schemas import Clip

ENTRY = LedgerEntry("a", "a", 1, DONE, rows=1)
ROWS = to_stored_table(Clip, [Clip("a_0", "a", 0.0, 1.0, [])], ["a"], [1])


def test_what_came_in_is_taken_once() -> None:
    buffer = ResultBuffer()
    assert buffer.take() is None
    buffer.add(Results(to_ledger([ENTRY]), ROWS), {})
    buffer.add(Results(to_ledger([ENTRY._replace(id="b", status=FAILED)])), {"b": 2})
    assert not buffer.full
    results = buffer.take()
    assert results is not None and results.rows is not None and results.rows.num_rows == 1
    assert [(entry.id, entry.attempts) for entry in entries_of(results.ledger)] == [("a", 1), ("b", 3)]
    assert buffer.take() is None


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 1), ("MOST_S", 0.0)])
def test_it_is_full_by_bytes_or_by_time(limit: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = ResultBuffer()
    buffer.add(Results(to_ledger([ENTRY]), ROWS), {})
    assert not buffer.full
    monkeypatch.setattr(result_buffer, limit, value)
    assert buffer.full
