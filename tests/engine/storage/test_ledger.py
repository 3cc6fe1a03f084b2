"""What became of every input, written, read and counted."""

from __future__ import annotations

from pathlib import Path

from cliploom.engine.storage.ledger import (
    DONE,
    DROPPED,
    FAILED,
    Counts,
    LedgerEntry,
    count,
    read_ledger,
    total,
    write_ledger,
)

ENTRIES = [
    LedgerEntry("a", "v", 1, DONE, seconds=0.5, rows=3),
    LedgerEntry("a_part", "v", 1, DROPPED, "short", "0.2 s", part_of="a"),
    LedgerEntry("b", "v", -2, FAILED, "ValueError", "no", attempts=2),
    LedgerEntry("c", "w", 3, DROPPED, "long"),
    LedgerEntry("d", "w", 4, DONE, rows=7, live=False),
]


def test_a_ledger_comes_back_as_it_was(tmp_path: Path) -> None:
    write_ledger(tmp_path / "l", ENTRIES, {"rows": "file"})
    assert read_ledger(tmp_path / "l") == (ENTRIES, {"rows": "file"})
    write_ledger(tmp_path / "l", [], {})
    assert read_ledger(tmp_path / "l") == ([], {})


def test_only_what_is_live_counts_and_parts_count_beside_their_inputs() -> None:
    counts = count(ENTRIES)
    assert counts == Counts(1, 1, 1, 3, 0.5, 1, {"long": 1, "short": 1}, {"ValueError": 1})
    assert counts.came == 3
    assert count([]) == Counts()


def test_counts_of_several_ledgers_add_up() -> None:
    both = total([count(ENTRIES[:2]), count(ENTRIES[2:]), count([])])
    assert both == count(ENTRIES)
    assert total([]) == Counts()
    assert total([both, both]).reasons == {"long": 2, "short": 2}


def test_a_part_has_a_key_of_its_own() -> None:
    assert ENTRIES[0].key == ("", "a")
    assert ENTRIES[1].key == ("a", "a_part")
    assert LedgerEntry("a", "v", 1, DROPPED, part_of="b").key != ENTRIES[0].key
    assert ENTRIES[1].input == ENTRIES[0].input == "a"
