"""What reaches a step in one shard, and what is joined to it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from histories import World

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.answers import to_stored_table
from cliploom.engine.planning.plan import Node, TableRef, make_plan
from cliploom.engine.storage.input_reader import InputReader, rows_of
from cliploom.engine.storage.join import Inputs, Window, by_time, inputs_of, join_column, output_versions
from cliploom.engine.storage.ledger import DONE, DROPPED, LedgerEntry, to_ledger
from cliploom.engine.storage.shard import Results
from cliploom.engine.storage.store import Store
from cliploom.schemas import Caption, Clip, Frame, Row, Score, Segment, Video

V, W = (Video(name, f"{name}.mp4", "", name, 1) for name in "vw")
CLIPS = [Clip(f"{video}_{k}", video, 10.0 * k, 10.0 * k + 5, []) for video in "vw" for k in range(2)]
HEARD = [Segment("v_s", "v", 11.0, 12.0, "hi", [], "en", "toy"), Segment("v_t", "v", 4.0, 11.0, "ho", [], "en", "toy")]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, 1)


@pytest.fixture
def nodes() -> list[Node]:
    return make_plan(World().recipe())


def node_of(nodes: Sequence[Node], name: str) -> Node:
    return next(node for node in nodes if node.name == f"histories.{name}")


def fill(store: Store, table: TableRef, rows: Sequence[Row], version: int = 1) -> None:
    """A finished shard that holds just these rows, each made of an input of its own id."""
    assert table.row is not None
    entries = [LedgerEntry(row.id, row.video_id, version, DONE, rows=1) for row in rows]
    finish(store, table, entries, to_stored_table(table.row, rows, [row.id for row in rows], [version] * len(rows)))


def finish(store: Store, table: TableRef, entries: list[LedgerEntry], rows: pa.Table | None = None) -> None:
    """Finish a shard with these entries as all that there is."""
    ids = pa.array([entry.id for entry in entries])
    digests = np.array([entry.digest for entry in entries], np.int64)
    store.shard(table, 0).finish(ids, digests, "", Results(to_ledger(entries), rows))


def digests_of(inputs: Inputs) -> dict[str, int]:
    return dict(zip(inputs.ids.to_pylist(), inputs.digests.tolist(), strict=True))


def window(inputs: Inputs, *ids: str, parts: Sequence[str] = ("",)) -> Window:
    which = np.array([at for at, id_ in enumerate(inputs.ids.to_pylist()) if id_ in ids])
    return Window(0, inputs.pick(which), frozenset(parts))


@pytest.fixture
def filled(store: Store, nodes: list[Node]) -> Store:
    fill(store, node_of(nodes, "Films").tables[0], [V, W])
    fill(store, node_of(nodes, "Cuts").tables[0], CLIPS)
    fill(store, node_of(nodes, "Looks").tables[0], HEARD)
    return store


def test_everything_that_is_there_reaches_a_step(filled: Store, nodes: list[Node]) -> None:
    found = inputs_of(nodes, node_of(nodes, "Tell"), filled, 0)
    assert list(zip(found.ids.to_pylist(), found.videos.to_pylist(), strict=True)) == [
        (clip.clip_id, clip.video_id) for clip in CLIPS
    ]
    assert len(inputs_of(nodes, node_of(nodes, "Rate"), Store(filled.root / "none", 1), 0).ids) == 0


def test_what_a_filter_drops_does_not(filled: Store, nodes: list[Node]) -> None:
    finish(filled, node_of(nodes, "Short").tables[0], [LedgerEntry("v_0", "v", 1, DROPPED, "long")])
    assert inputs_of(nodes, node_of(nodes, "Tell"), filled, 0).ids.to_pylist() == ["v_1", "w_0", "w_1"]


def test_a_digest_follows_the_row_and_all_that_is_joined_to_it(filled: Store, nodes: list[Node]) -> None:
    tell = node_of(nodes, "Tell")
    before = digests_of(inputs_of(nodes, tell, filled, 0))
    fill(filled, node_of(nodes, "Looks").tables[0], HEARD, version=2)
    after = digests_of(inputs_of(nodes, tell, filled, 0))
    assert {id_ for id_ in before if before[id_] != after[id_]} == {"v_0", "v_1"}
    fill(filled, node_of(nodes, "Looks").tables[0], HEARD)
    assert digests_of(inputs_of(nodes, tell, filled, 0)) == before
    fill(filled, node_of(nodes, "Looks").tables[0], HEARD[:1])
    fewer = digests_of(inputs_of(nodes, tell, filled, 0))
    assert {id_ for id_ in before if before[id_] != fewer[id_]} == {"v_0", "v_1"}


def test_batches_hold_the_wanted_rows_with_what_belongs_to_them(filled: Store, nodes: list[Node]) -> None:
    tell = node_of(nodes, "Tell")
    inputs = inputs_of(nodes, tell, filled, 0)
    [batch] = InputReader(nodes, tell, filled).batches(window(inputs, "v_0", "v_1", "w_1"))
    rows = rows_of(batch, tell.reads)
    assert [row.clip.clip_id for row in rows] == batch.inputs.ids.to_pylist() == ["v_0", "v_1", "w_1"]
    assert [row.video for row in rows] == [V, V, W]
    assert [[s.text for s in row.segments] for row in rows] == [["ho"], ["hi", "ho"], []], "by time"
    assert digests_of(batch.inputs) == {id_: digests_of(inputs)[id_] for id_ in ("v_0", "v_1", "w_1")}


def test_a_reader_takes_one_window_after_another(filled: Store, nodes: list[Node]) -> None:
    tell = node_of(nodes, "Tell")
    inputs, reader = inputs_of(nodes, tell, filled, 0), InputReader(nodes, tell, filled)
    for ids in (["w_1"], ["v_0"], ["v_1", "w_0"], ["v_0"]):
        assert [batch.inputs.ids.to_pylist() for batch in reader.batches(window(inputs, *ids))] == [ids]


def test_batches_are_no_larger_than_the_step_takes(
    filled: Store, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = node_of(nodes, "Tell")
    inputs = inputs_of(nodes, tell, filled, 0)
    every = window(inputs, *(clip.clip_id for clip in CLIPS))
    assert [len(batch) for batch in InputReader(nodes, tell, filled).batches(every)] == [3, 1]
    monkeypatch.setattr("cliploom.engine.storage.row_files._WINDOW_BYTES", 1)
    assert [
        id_ for batch in InputReader(nodes, tell, filled).batches(every) for id_ in batch.inputs.ids.to_pylist()
    ] == [clip.clip_id for clip in CLIPS]


def test_a_window_is_cut_where_it_is_asked_to_be(filled: Store, nodes: list[Node]) -> None:
    inputs = inputs_of(nodes, node_of(nodes, "Tell"), filled, 0)
    whole = window(inputs, "v_0", "v_1", "w_1")
    assert len(whole) == 3 and whole.slice(1, 3).inputs.ids.to_pylist() == ["v_1", "w_1"]
    assert whole.slice(1, 3).inputs.digests.tolist() == whole.inputs.digests[1:].tolist()


def test_a_slice_of_a_window_travels_without_the_rest() -> None:
    ids = pa.array([f"v{k:06d}_{k:06d}" for k in range(20_000)])
    whole = Window(0, Inputs(ids, ids, np.arange(20_000)))
    assert len(pickle.dumps(whole.slice(100, 110))) < 2000


def test_two_rows_with_one_id_are_refused(store: Store, nodes: list[Node]) -> None:
    cuts, tell = node_of(nodes, "Cuts"), node_of(nodes, "Tell")
    rows = [CLIPS[0], CLIPS[1], Clip("v_0", "w", 0.0, 1.0, [])]
    entries = [LedgerEntry("v", "v", 1, DONE, rows=2), LedgerEntry("w", "w", 1, DONE, rows=1)]
    finish(store, cuts.tables[0], entries, to_stored_table(Clip, rows, ["v", "v", "w"], [1, 1, 1]))
    with pytest.raises(UserError, match="Tell reads two clips with the id v_0, from histories.Cuts"):
        inputs_of(nodes, tell, store, 0)


def test_rows_are_joined_by_the_closest_id_and_by_time_where_only_the_video_is_shared() -> None:
    assert [join_column(*pair) for pair in ((Clip, Video), (Clip, Caption), (Caption, Score))] == [
        "video_id", "clip_id", "caption_id",
    ]  # fmt: skip
    assert by_time(Clip, Segment) == ("start_s", "end_s")
    assert by_time(Clip, Frame) == ("time_s", "time_s")
    assert by_time(Clip, Caption) is None
    assert by_time(Video, Frame) is None


def test_a_version_follows_input_and_step() -> None:
    one, other = output_versions(np.array([1, 2]), "a"), output_versions(np.array([1, 2]), "b")
    assert len({*one.tolist(), *other.tolist()}) == 4
    assert (output_versions(np.array([1, 2]), "a") == one).all()
