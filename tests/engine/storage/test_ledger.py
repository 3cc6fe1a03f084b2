"""What became of every input, written, read and counted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cliploom.engine.storage.ledger import (
    DONE,
    DROPPED,
    FAILED,
    Counts,
    LedgerEntry,
    compare,
    count,
    entries_of,
    input_ids,
    leaving,
    newest,
    to_ledger,
    total,
)

ENTRIES = [
    LedgerEntry("a", "v", 1, DONE, seconds=0.5, rows=3),
    LedgerEntry("a_part", "v", 1, DROPPED, "short", "0.2 s", part_of="a"),
    LedgerEntry("b", "v", -2, FAILED, "ValueError", "no", attempts=2),
    LedgerEntry("c", "w", 3, DROPPED, "long"),
    LedgerEntry("d", "w", 4, DONE, rows=7, live=False),
]


def test_a_ledger_comes_back_as_it_was() -> None:
    assert entries_of(to_ledger(ENTRIES)) == ENTRIES
    assert entries_of(to_ledger([])) == []


def test_only_what_is_live_counts_and_parts_count_beside_their_inputs() -> None:
    counts = count(to_ledger(ENTRIES))
    assert counts == Counts(1, 1, 1, 3, 0.5, 1, {"long": 1, "short": 1}, {"ValueError": 1})
    assert counts.came == 3
    assert count(to_ledger([])) == Counts()


def test_counts_of_several_ledgers_add_up() -> None:
    both = total([count(to_ledger(ENTRIES[:2])), count(to_ledger(ENTRIES[2:])), count(to_ledger([]))])
    assert both == count(to_ledger(ENTRIES))
    assert total([]) == Counts()
    assert total([both, both]).reasons == {"long": 2, "short": 2}


def test_a_part_is_about_its_input() -> None:
    assert input_ids(to_ledger(ENTRIES)).to_pylist() == ["a", "a", "b", "c", "d"]


def test_the_newest_line_counts_and_a_part_has_lines_of_its_own() -> None:
    again = LedgerEntry("b", "v", 2, DONE)
    part = LedgerEntry("a", "v", 1, DROPPED, "x", part_of="b")
    ledger = to_ledger([*ENTRIES, part, again])
    assert newest(ledger).tolist() == [0, 1, 3, 4, 5, 6]
    assert len(newest(to_ledger([]))) == 0


def test_what_leaves_is_what_was_dropped_and_what_could_not_be_judged() -> None:
    ledger = to_ledger(ENTRIES)
    assert leaving(ledger, False).column("id").to_pylist() == ["a_part", "c"]
    assert leaving(ledger, True).column("id").to_pylist() == ["a_part", "b", "c"]


def test_to_do_is_what_the_ledger_lacks_or_knows_otherwise() -> None:
    ledger = to_ledger([
        LedgerEntry("same", "v", 1, DONE), LedgerEntry("other", "v", 1, DONE),
        LedgerEntry("failed", "v", 1, FAILED, attempts=2), LedgerEntry("new", "v", 1, DROPPED, part_of="same"),
    ])  # fmt: skip
    found = compare(ledger, pa.array(["same", "other", "failed", "new"]), np.array([1, 2, 1, 1]))
    assert found.to_do(False).tolist() == [False, True, False, True]
    assert found.to_do(True).tolist() == [False, True, True, True]
    assert found.known.tolist() == [True, True, True, False]
    assert found.attempts[2] == 2
    assert compare(to_ledger([]), pa.array(["new"]), np.array([1])).to_do(False).tolist() == [True]
