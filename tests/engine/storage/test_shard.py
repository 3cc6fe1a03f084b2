"""One shard of a table: committed chunk by chunk, folded, parked, summed up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import histories
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.answers import to_stored_table
from cliploom.engine.storage.ledger import DONE, DROPPED, FAILED, LedgerEntry, count, read_ledger
from cliploom.engine.storage.shard import Shard
from cliploom.schemas import Clip

INPUTS = {"a": 1, "b": 1, "c": 1}


def clips(*names: str) -> pa.Table:
    """One clip for each input, of a video of the same name."""
    made = [Clip(f"{name}_0", name, 0.0, 1.0, []) for name in names]
    return to_stored_table(Clip, made, list(names), [1] * len(names))


def done(*names: str, digest: int = 1) -> list[LedgerEntry]:
    return [LedgerEntry(name, name, digest, DONE, rows=1) for name in names]


def opened(folder: Path) -> Shard:
    """The shard as another process finds it."""
    return Shard(str(folder), Clip)


def ids(shard: Shard) -> list[str]:
    """The ids of the rows that count."""
    found = []
    for part in shard.row_parts():
        table = pq.read_table(part.file)
        pairs = zip(table.column("clip_id").to_pylist(), table.column("_in").to_pylist(), strict=True)
        found += [id_ for id_, origin in pairs if origin not in part.outdated]
    return sorted(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "0000"


@pytest.fixture
def full(folder: Path) -> Iterator[Shard]:
    """A finished shard of three inputs."""
    shard = opened(folder)
    shard.commit([*done("a", "b"), LedgerEntry("a_p", "a", 1, DROPPED, "short", part_of="a")], clips("a", "b"))
    shard.commit([LedgerEntry("c", "c", 1, FAILED, "odd", "no")], None)
    shard.finish(INPUTS, "token")
    yield shard


def test_a_finished_shard_has_its_rows_in_one_file_and_its_sums(full: Shard, folder: Path) -> None:
    state = opened(folder).state
    assert state is not None and state == full.state
    assert (state.inputs, state.counts.came, state.counts.rows, state.counts.parts) == ("token", 3, 2, 1)
    assert state.counts == count(read_ledger(folder / "ledger.parquet")[0])
    assert sorted(os.listdir(folder)) == ["ledger.parquet", state.file, "state.json"]
    assert ids(full) == ["a_0", "b_0"]
    assert full.is_outcome("token") and not full.is_outcome("another") and not full.untouched


def test_what_leaves_is_parked_and_counts_again_when_it_comes_back(full: Shard, folder: Path) -> None:
    before = full.state
    full.finish({"b": 1}, "less")
    less = opened(folder)
    assert less.state is not None and before is not None
    assert (less.state.counts.came, less.state.counts.failed, less.state.counts.parts) == (1, 0, 0)
    assert less.state.token != before.token
    assert ids(less) == ["b_0"]
    less.finish(INPUTS, "token")
    assert opened(folder).state == before
    assert ids(less) == ["a_0", "b_0"]


def test_an_input_that_has_changed_is_forgotten_with_its_parts(full: Shard, folder: Path) -> None:
    full.finish({**INPUTS, "a": 2}, "changed")
    assert sorted(opened(folder).ledger()) == [("", "b"), ("", "c")]


def test_while_work_is_under_way_nothing_counts_twice(full: Shard, folder: Path) -> None:
    full.commit(done("b", digest=2), clips("b"))
    assert opened(folder).state is None, "it is no longer what state.json said"
    assert ids(opened(folder)) == ids(full) == ["a_0", "b_0"]
    assert opened(folder).counts() == full.counts() == count(full.ledger().values())
    assert full.counts().rows == 2


def test_the_same_rows_make_the_same_file_however_they_came(full: Shard, folder: Path, tmp_path: Path) -> None:
    other = opened(tmp_path / "other")
    for name in "cba":
        other.commit(done(name), clips(name))
    other.finish({"a": 1, "b": 1}, "")
    assert full.live_file is not None and other.live_file is not None
    assert other.live_file.name == full.live_file.name
    assert other.live_file.read_bytes() == full.live_file.read_bytes()


def test_a_shard_that_nothing_reached_is_finished_too(folder: Path) -> None:
    shard = opened(folder)
    assert shard.untouched
    shard.finish({}, "token")
    assert opened(folder).is_outcome("token")
    assert (shard.token, shard.live_file, shard.out_ids()) == ("", None, [])


def test_a_filters_drops_and_failures_leave(folder: Path) -> None:
    shard = Shard(str(folder), None)
    shard.commit(
        [LedgerEntry("a", "a", 1, DONE), LedgerEntry("b", "b", 1, DROPPED, "x"), LedgerEntry("c", "c", 1, FAILED, "y")],
        None,
    )
    shard.finish(INPUTS, "token")
    assert sorted(shard.out_ids()) == ["b", "c"]
    shard.finish({"a": 1, "c": 1}, "less")
    assert shard.out_ids() == ["c"]


def test_a_part_may_have_the_id_of_an_input_or_of_anothers_part(folder: Path) -> None:
    parts = [
        LedgerEntry("b", "a", 1, DROPPED, "cut", part_of="a"),
        LedgerEntry("b", "c", 1, DROPPED, "cut", part_of="c"),
    ]
    shard = opened(folder)
    shard.commit([*done("a", "b", "c"), *parts], clips("a", "b", "c"))
    shard.finish(INPUTS, "token")
    assert shard.counts()[:6] == (3, 0, 0, 3, 0.0, 2)


@pytest.mark.parametrize("operations", range(40))
def test_a_kill_at_any_file_operation_loses_nothing_that_was_committed(
    operations: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories.all_inline(monkeypatch)
    with histories.killed_after(operations):
        shard = opened(folder)
        shard.commit(done("a"), clips("a"))
        (tmp_path / "a").touch()
        shard.commit(done("b"), clips("b"))
        shard.finish({"a": 1, "b": 1}, "one")
        shard.commit(done("b", digest=2), clips("b"))
        shard.finish({"b": 2}, "two")
    later = opened(folder)
    if (tmp_path / "a").exists():
        assert ("", "a") in later.ledger()
    if later.state:
        assert later.state.counts == count(read_ledger(folder / "ledger.parquet")[0])
    assert len(ids(later)) == later.counts().rows
    missing = [name for name in "ab" if ("", name) not in later.ledger()]
    later.commit(done(*missing), clips(*missing)) if missing else None
    later.finish({"a": 1, "b": later.ledger()["", "b"].digest}, "three")
    assert ids(opened(folder)) == ["a_0", "b_0"]
    assert len(os.listdir(folder)) == 3


def test_rows_that_a_power_cut_took_are_to_do_again(full: Shard, folder: Path) -> None:
    full.commit(done("d"), clips("d"))
    (folder / "000003.rows.parquet").unlink()
    assert ("", "d") not in opened(folder).ledger()
    assert ids(opened(folder)) == ["a_0", "b_0"]


def test_names_are_synced_after_the_commit_and_before_chunks_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cliploom.engine.storage import shard as module

    seen: list[list[str]] = []
    monkeypatch.setattr(module, "sync_folder", lambda path: seen.append(sorted(os.listdir(path))))
    shard = opened(folder)
    shard.commit(done("a"), clips("a"))
    assert seen == [["000001.ledger.parquet", "000001.rows.parquet"]]
    shard.finish({"a": 1}, "token")
    assert shard.live_file is not None
    assert seen[1:] == [["000001.ledger.parquet", "000001.rows.parquet", "ledger.parquet", shard.live_file.name]]
    shard.commit(done("b"), clips("b"))
    assert "state.json" not in seen[2], "it is gone for good before anything else changes"


def test_a_state_of_another_format_is_made_anew(full: Shard, folder: Path) -> None:
    (folder / "state.json").write_text('{"inputs": "token", "token": "", "file": "", "came": 9, "done": 9}')
    old = opened(folder)
    assert old.state is None
    assert old.counts().came == 3
    old.finish(INPUTS, "token")
    assert opened(folder).state == full.state


def test_two_inputs_that_give_rows_with_one_id_are_named(folder: Path) -> None:
    shard = opened(folder)
    twins = [Clip("same", "v", 0.0, 1.0, []), Clip("same", "v", 1.0, 2.0, [])]
    entries = [LedgerEntry("a", "v", 1, DONE, rows=1), LedgerEntry("b", "v", 1, DONE, rows=1)]
    shard.commit(entries, to_stored_table(Clip, twins, ["a", "b"], [1, 1]))
    with pytest.raises(UserError, match="two clips have the id same: one made of a, one of b"):
        shard.finish({"a": 1, "b": 1}, "token")


def test_ids_that_another_video_could_have_are_counted(full: Shard, folder: Path, tmp_path: Path) -> None:
    assert full.state is not None and full.state.strays == 0
    shard = opened(tmp_path / "other")
    shard.commit(done("a"), to_stored_table(Clip, [Clip("x", "a", 0.0, 1.0, [])], ["a"], [1]))
    shard.finish({"a": 1}, "token")
    assert shard.state is not None and shard.state.strays == 1
