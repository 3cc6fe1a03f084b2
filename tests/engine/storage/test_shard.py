"""One shard of a table: committed chunk by chunk, folded, parked, summed up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import histories
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.answers import to_stored_table
from cliploom.engine.storage.filesystem import LocalFolder
from cliploom.engine.storage.ledger import DONE, DROPPED, FAILED, LedgerEntry, count, entries_of, to_ledger
from cliploom.engine.storage.shard import Results, Shard
from cliploom.engine.storage.table_folder import LeaseLost, TableFolder
from cliploom.schemas import Clip, Row

INPUTS = {"a": 1, "b": 1, "c": 1}


def clips(*names: str) -> pa.Table:
    """One clip for each input, of a video of the same name."""
    made = [Clip(f"{name}_0", name, 0.0, 1.0, []) for name in names]
    return to_stored_table(Clip, made, list(names), [1] * len(names))


def done(*names: str, digest: int = 1) -> list[LedgerEntry]:
    return [LedgerEntry(name, name, digest, DONE, rows=1) for name in names]


def opened(folder: Path, row: type[Row] | None = Clip) -> Shard:
    """The shard as another process finds it."""
    return Shard(TableFolder(LocalFolder(folder), "t", row), 0)


def commit(shard: Shard, entries: list[LedgerEntry], rows: pa.Table | None = None) -> None:
    shard.commit(Results(to_ledger(entries), rows))


def finish(shard: Shard, inputs: Mapping[str, int], token: str, rest: Results | None = None) -> None:
    ids, digests = pa.array(list(inputs), pa.string()), np.array(list(inputs.values()), np.int64)
    shard.finish(ids, digests, token, rest)


def keys(shard: Shard) -> list[tuple[str, str]]:
    """What the ledger has a line for: ``("", input)``, ``(input, part)``."""
    return sorted((entry.part_of, entry.id) for entry in entries_of(shard.ledger()))


def ids(shard: Shard) -> list[str]:
    """The ids of the rows that count."""
    found = []
    for part in shard.row_parts():
        table = pq.read_table(part.file)
        pairs = zip(table.column("clip_id").to_pylist(), table.column("_in").to_pylist(), strict=True)
        outdated = set() if part.outdated is None else set(part.outdated.to_pylist())
        found += [id_ for id_, origin in pairs if origin not in outdated]
    return sorted(found)


def objects(shard: Shard) -> set[str]:
    return {name for name, _, _ in shard.table.files.list(shard.folder)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "build"


@pytest.fixture
def full(folder: Path) -> Iterator[Shard]:
    """A finished shard of three inputs."""
    shard = opened(folder)
    commit(shard, [*done("a", "b"), LedgerEntry("a_p", "a", 1, DROPPED, "short", part_of="a")], clips("a", "b"))
    commit(shard, [LedgerEntry("c", "c", 1, FAILED, "odd", "no")])
    finish(shard, INPUTS, "token")
    yield shard


def test_a_finished_shard_has_its_rows_in_one_object_and_its_sums(full: Shard, folder: Path) -> None:
    state = opened(folder).state
    assert state is not None and state == full.state
    assert (state.inputs, state.counts.came, state.counts.rows, state.counts.parts) == ("token", 3, 2, 1)
    assert state.counts == count(full.ledger())
    assert objects(full) == {state.ledger, state.rows} == state.objects
    assert ids(full) == ["a_0", "b_0"]
    assert full.is_outcome("token") and not full.is_outcome("another") and not full.untouched


def test_what_leaves_is_parked_and_counts_again_when_it_comes_back(full: Shard, folder: Path) -> None:
    before = full.state
    finish(full, {"b": 1}, "less")
    less = opened(folder)
    assert less.state is not None and before is not None
    assert (less.state.counts.came, less.state.counts.failed, less.state.counts.parts) == (1, 0, 0)
    assert less.state.token != before.token and less.state.parked
    assert ids(less) == ["b_0"]
    finish(less, INPUTS, "token")
    assert opened(folder).state == before
    assert ids(less) == ["a_0", "b_0"]


def test_an_input_that_has_changed_is_forgotten_with_its_parts(full: Shard, folder: Path) -> None:
    finish(full, {**INPUTS, "a": 2}, "changed")
    assert keys(opened(folder)) == [("", "b"), ("", "c")]


def test_while_work_is_under_way_nothing_counts_twice(full: Shard, folder: Path) -> None:
    commit(full, done("b", digest=2), clips("b"))
    assert opened(folder).state is None, "it is no longer finished"
    assert ids(opened(folder)) == ids(full) == ["a_0", "b_0"]
    assert opened(folder).counts() == full.counts() == count(full.ledger())
    assert full.counts().rows == 2


def test_the_same_rows_make_the_same_object_however_they_came(full: Shard, tmp_path: Path) -> None:
    chunked, whole = opened(tmp_path / "chunks"), opened(tmp_path / "whole")
    for name in "cba":
        commit(chunked, done(name), clips(name))
    finish(chunked, {"a": 1, "b": 1}, "")
    finish(whole, {"a": 1, "b": 1}, "", Results(to_ledger(done("b", "c", "a")), clips("b", "c", "a")))
    for other in (chunked, whole):
        assert full.live_file is not None and other.live_file is not None
        assert other.live_file.name == full.live_file.name
        assert other.live_file.read_bytes() == full.live_file.read_bytes()


def test_results_that_are_not_committed_join_those_that_are(full: Shard, folder: Path) -> None:
    finish(full, {**INPUTS, "d": 1}, "more", Results(to_ledger(done("d")), clips("d")))
    assert ids(opened(folder)) == ["a_0", "b_0", "d_0"]
    assert objects(full) == (full.state.objects if full.state else set())


def test_a_shard_that_nothing_reached_is_finished_too(folder: Path) -> None:
    shard = opened(folder)
    assert shard.untouched
    finish(shard, {}, "token")
    assert opened(folder).is_outcome("token")
    assert (shard.token, shard.live_file, shard.out_ids().to_pylist()) == ("", None, [])


def test_a_filters_drops_and_failures_leave(folder: Path) -> None:
    shard = opened(folder, None)
    entries = [LedgerEntry(*said) for said in (("a", "a", 1, DONE), ("b", "b", 1, DROPPED, "x"), ("c", "c", 1, FAILED))]
    commit(shard, entries)
    finish(shard, INPUTS, "token")
    assert sorted(shard.out_ids().to_pylist()) == ["b", "c"]
    finish(shard, {"a": 1, "c": 1}, "less")
    assert shard.out_ids().to_pylist() == ["c"]


def test_a_part_may_have_the_id_of_an_input_or_of_anothers_part(folder: Path) -> None:
    parts = [LedgerEntry("b", name, 1, DROPPED, "cut", part_of=name) for name in "ac"]
    shard = opened(folder)
    commit(shard, [*done("a", "b", "c"), *parts], clips("a", "b", "c"))
    finish(shard, INPUTS, "token")
    assert shard.counts()[:6] == (3, 0, 0, 3, 0.0, 2)


@pytest.mark.parametrize("operations", range(0, 70, 2))
def test_a_kill_at_any_file_operation_loses_nothing_that_was_committed(
    operations: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories.all_inline(monkeypatch)
    with histories.killed_after(operations):
        shard = opened(folder)
        commit(shard, done("a"), clips("a"))
        (tmp_path / "a").touch()
        commit(shard, done("b"), clips("b"))
        finish(shard, {"a": 1, "b": 1}, "one")
        commit(shard, done("b", digest=2), clips("b"))
        finish(shard, {"b": 2}, "two")
    later = opened(folder)
    if (tmp_path / "a").exists():
        assert ("", "a") in keys(later)
    assert later.counts() == count(later.ledger())
    assert len(ids(later)) == later.counts().rows
    if missing := [name for name in "ab" if ("", name) not in keys(later)]:
        commit(later, done(*missing), clips(*missing))
    digests = {entry.id: entry.digest for entry in entries_of(later.ledger())}
    finish(later, {"a": 1, "b": digests["b"]}, "three")
    assert ids(opened(folder)) == ["a_0", "b_0"]
    assert len(objects(later)) == 2


def test_an_object_that_is_gone_is_one_line_that_says_what_to_delete(full: Shard, folder: Path) -> None:
    commit(full, done("d"), clips("d"))
    assert full.manifest is not None
    (folder / "t" / "0000" / full.manifest.chunks[0].ledger).unlink()
    with pytest.raises(UserError, match=r"ledger-\w+.parquet is gone") as caught:
        opened(folder).ledger()
    assert caught.value.hint.startswith(f"delete {folder / 't' / 'manifests' / '0000.json'}")


def test_of_two_who_write_one_shard_the_second_is_refused(full: Shard, folder: Path) -> None:
    other = opened(folder)
    assert other.state is not None
    commit(full, done("d"), clips("d"))
    with pytest.raises(LeaseLost, match="was changed by another build meanwhile"):
        commit(other, done("e"), clips("e"))
    assert ("", "d") in keys(opened(folder))


def test_two_inputs_that_give_rows_with_one_id_are_named(folder: Path) -> None:
    shard = opened(folder)
    twins = [Clip("same", "v", 0.0, 1.0, []), Clip("same", "v", 1.0, 2.0, [])]
    entries = [LedgerEntry("a", "v", 1, DONE, rows=1), LedgerEntry("b", "v", 1, DONE, rows=1)]
    commit(shard, entries, to_stored_table(Clip, twins, ["a", "b"], [1, 1]))
    with pytest.raises(UserError, match="two clips have the id same: one made of a, one of b"):
        finish(shard, {"a": 1, "b": 1}, "token")


def test_ids_that_another_video_could_have_are_counted(full: Shard, tmp_path: Path) -> None:
    assert full.state is not None and full.state.strays == 0
    shard = opened(tmp_path / "other")
    commit(shard, done("a"), to_stored_table(Clip, [Clip("x", "a", 0.0, 1.0, [])], ["a"], [1]))
    finish(shard, {"a": 1}, "token")
    assert shard.state is not None and shard.state.strays == 1
