"""How the rows of a step went."""

from __future__ import annotations

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.tally import RowTally
from cliploom.engine.storage.ledger import DONE, DROPPED, FAILED, LedgerEntry, to_ledger
from cliploom.engine.storage.shard import Results


def outcome(good: int, **bad: int) -> dict[str, Results]:
    entries = [LedgerEntry(f"g{i}", "v", 1, DROPPED if i % 2 else DONE) for i in range(good)]
    for kind, n in bad.items():
        entries += [LedgerEntry(f"{kind}{i}", "v", 1, FAILED, kind, f"message\n {i}") for i in range(n)]
    return {"s": Results(to_ledger(entries))}


def test_too_many_failures_are_refused_with_their_top_cause() -> None:
    tally = RowTally()
    tally.add_outcomes(outcome(13, TypeError=45, KeyError=2))
    assert (tally.rows, tally.failed) == (60, 47)
    with pytest.raises(
        UserError, match=r"s: 47 of 60 rows failed, more than max_bad \(0.5\).*; 45 x TypeError: message 0"
    ):
        tally.check("s", 0.5)
    tally.check("s", 0.9)


def test_few_rows_say_nothing_yet() -> None:
    tally = RowTally()
    tally.add_outcomes(outcome(0, odd=19))
    tally.check("s", 0.0)
    tally.add_outcomes(outcome(0, odd=1))
    with pytest.raises(UserError):
        tally.check("s", 0.0)
    tally.check("s", 1.0)


def test_an_input_of_several_tables_counts_once_and_has_failed_where_it_failed_in_one() -> None:
    good, bad = LedgerEntry("a", "v", 1, DONE), LedgerEntry("a", "v", 1, FAILED, "odd", "no")
    part = LedgerEntry("p", "v", 1, DROPPED, "short", part_of="a")
    tally = RowTally()
    tally.add_outcomes(
        {"x": Results(to_ledger([good, part])), "y": Results(to_ledger([bad])), "z": Results(to_ledger([bad]))}
    )
    assert (tally.rows, tally.failed, tally.causes) == (1, 1, {"odd": 1})
