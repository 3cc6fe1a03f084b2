"""Where tables are, and what is known of their shards."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Item
from cliploom.engine.execution.answers import to_stored_table
from cliploom.engine.planning.plan import TableRef
from cliploom.engine.storage.ledger import DONE, DROPPED, LedgerEntry, to_ledger
from cliploom.engine.storage.shard import Results, Shard
from cliploom.engine.storage.store import GlobalState, Store, shard_of
from cliploom.schemas import Clip

CLIPS = TableRef(0, "cut", Clip, "f1")
DROPS = TableRef(1, "keep", None, "f2")


def fill(store: Store, number: int, *rows: tuple[str, str]) -> None:
    """A finished shard of clips: ``(id, video)``."""
    shard = store.shard(CLIPS, number)
    entries = [LedgerEntry(video, video, 1, DONE, rows=1) for _, video in rows]
    made = [Clip(id_, video, 0.0, 1.0, []) for id_, video in rows]
    finish(shard, entries, to_stored_table(Clip, made, [video for _, video in rows], [1] * len(rows)))


def finish(shard: Shard, entries: list[LedgerEntry], rows: pa.Table | None = None, inputs: str = "token") -> None:
    """Finish a shard with these entries as all that there is."""
    ids = pa.array([entry.id for entry in entries], pa.string())
    shard.finish(ids, np.ones(len(entries), np.int64), inputs, Results(to_ledger(entries), rows))


def test_a_video_stays_in_its_shard_and_shards_are_about_even() -> None:
    numbers = [shard_of(f"v{i}", 16) for i in range(1600)]
    assert numbers == [shard_of(f"v{i}", 16) for i in range(1600)]
    assert min(Counter(numbers).values()) > 60 and set(numbers) == set(range(16))


def test_a_state_is_read_once_and_follows_what_this_process_does(tmp_path: Path) -> None:
    store, other = Store(tmp_path, 2), Store(tmp_path, 2)
    assert other.shard(CLIPS, 0).state is None
    fill(store, 0, ("v_1", "v"))
    assert store.shard(CLIPS, 0).state is not None
    assert other.shard(CLIPS, 0).state is None, "it has looked before"
    other.refresh(CLIPS)
    assert other.shard(CLIPS, 0).state == store.shard(CLIPS, 0).state
    store.shard(CLIPS, 0).commit(Results(to_ledger([LedgerEntry("w", "w", 1, DONE)])))
    assert store.shard(CLIPS, 0).state is None


def test_equal_tokens_mean_equal_inputs(tmp_path: Path) -> None:
    store = Store(tmp_path, 2)
    nothing = store.input_token([CLIPS, DROPS], 0)
    assert nothing == store.input_token([DROPS, CLIPS], 0) == store.input_token([CLIPS, DROPS], 1)
    fill(store, 0, ("v_1", "v"))
    rows = store.input_token([CLIPS, DROPS], 0)
    assert rows != nothing
    assert store.input_token([CLIPS, DROPS, CLIPS], 0) == rows, "each table once"
    drops = store.shard(DROPS, 0)
    finish(drops, [LedgerEntry("v_1", "v", 1, DROPPED, "long")], None, rows)
    assert store.out_ids(DROPS, 0).to_pylist() == ["v_1"]
    dropped = store.input_token([CLIPS, DROPS], 0)
    assert dropped not in (rows, nothing)
    assert store.global_token([CLIPS, DROPS]) != store.global_token([CLIPS])
    finish(drops, [], None, rows)
    assert store.out_ids(DROPS, 0).to_pylist() == []
    assert store.input_token([CLIPS, DROPS], 0) == rows
    items = [Item("v", "digest", None)]
    assert store.input_token([], 0, items) != store.input_token([], 0, [Item("v", "other", None)])


def test_a_table_of_a_whole_step_is_empty_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    store = Store(tmp_path, 1)
    state = GlobalState("key", "inputs", "", 3)
    shard = Shard(store.key_folder(CLIPS, "key"), 0)
    rows = to_stored_table(Clip, [Clip("v_1", "v", 0.0, 1.0, [])], ["v"], [1])
    finish(shard, [LedgerEntry("v", "v", 1, DONE, rows=1)], rows, "key")
    assert not store.has_rows([CLIPS], 0)
    store.end_global(CLIPS, state)
    assert (store.global_state(CLIPS), store.has_rows([CLIPS], 0)) == (state, True)
    store.begin_global(CLIPS)
    assert (store.global_state(CLIPS), store.has_rows([CLIPS], 0)) == (None, False)
    assert Store(tmp_path, 1).global_state(CLIPS) is None
    assert store.files.list(store.place(CLIPS)) == []


@pytest.mark.parametrize("shards", [(0, 0, 0), (0, 0, 1)])
def test_one_id_of_two_videos_is_named(tmp_path: Path, shards: tuple[int, ...]) -> None:
    store = Store(tmp_path, 2)
    rows = [("same", "v"), ("v_1", "v2"), ("same", "w")]
    for number in {*shards}:
        fill(store, number, *(row for row, at in zip(rows, shards, strict=True) if at == number))
    with pytest.raises(UserError, match="cut: clips of the videos v and w have the same id, same"):
        store.check_ids(CLIPS)


def test_ids_that_begin_with_their_videos_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, 2)
    fill(store, 0, ("v_1", "v"), ("w_1", "w"))
    monkeypatch.delattr("cliploom.engine.storage.store.read_window")
    store.check_ids(CLIPS)
    store.check_ids(DROPS)
