"""How the rows of a step went."""

from __future__ import annotations

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.tally import RowTally
from cliploom.engine.storage.ledger import DONE, DROPPED, FAILED, LedgerEntry


def rows(good: int, **bad: int) -> list[LedgerEntry]:
    entries = [LedgerEntry(f"g{i}", "v", 1, DROPPED if i % 2 else DONE) for i in range(good)]
    for kind, n in bad.items():
        entries += [LedgerEntry(f"{kind}{i}", "v", 1, FAILED, kind, f"message\n {i}") for i in range(n)]
    return entries


def test_too_many_failures_are_refused_with_their_top_cause() -> None:
    tally = RowTally()
    tally.add(rows(13, TypeError=45, KeyError=2))
    assert (tally.rows, tally.failed) == (60, 47)
    with pytest.raises(
        UserError, match=r"s: 47 of 60 rows failed, more than max_bad \(0.5\).*; 45 x TypeError: message 0"
    ):
        tally.check("s", 0.5)
    tally.check("s", 0.9)


def test_few_rows_say_nothing_yet() -> None:
    tally = RowTally()
    tally.add(rows(0, odd=19))
    tally.check("s", 0.0)
    tally.add(rows(0, odd=1))
    with pytest.raises(UserError):
        tally.check("s", 0.0)
    tally.check("s", 1.0)
