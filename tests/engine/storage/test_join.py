"""What reaches a step in one shard, and what is joined to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from histories import World

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.answers import to_stored_table
from cliploom.engine.planning.plan import Node, TableRef, make_plan
from cliploom.engine.storage.join import batches, by_time, inputs_of, join_column, output_version, rows_of
from cliploom.engine.storage.ledger import DONE, DROPPED, LedgerEntry
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
    shard = store.shard(table, 0)
    entries = [LedgerEntry(row.id, row.video_id, version, DONE, rows=1) for row in rows]
    shard.commit(entries, to_stored_table(table.row, rows, [row.id for row in rows], [version] * len(rows)))
    shard.finish({row.id: version for row in rows}, "")


@pytest.fixture
def filled(store: Store, nodes: list[Node]) -> Store:
    fill(store, node_of(nodes, "Films").tables[0], [V, W])
    fill(store, node_of(nodes, "Cuts").tables[0], CLIPS)
    fill(store, node_of(nodes, "Looks").tables[0], HEARD)
    return store


def test_everything_that_is_there_reaches_a_step(filled: Store, nodes: list[Node]) -> None:
    assert inputs_of(nodes, node_of(nodes, "Tell"), filled, 0).videos == {clip.clip_id: clip.video_id for clip in CLIPS}
    assert inputs_of(nodes, node_of(nodes, "Rate"), Store(filled.root / "none", 1), 0).videos == {}


def test_what_a_filter_drops_does_not(filled: Store, nodes: list[Node]) -> None:
    drops = filled.shard(node_of(nodes, "Short").tables[0], 0)
    drops.commit([LedgerEntry("v_0", "v", 1, DROPPED, "long")], None)
    drops.finish({"v_0": 1}, "")
    assert list(inputs_of(nodes, node_of(nodes, "Tell"), filled, 0).videos) == ["v_1", "w_0", "w_1"]


def test_a_digest_follows_the_row_and_all_that_is_joined_to_it(filled: Store, nodes: list[Node]) -> None:
    tell = node_of(nodes, "Tell")
    before = inputs_of(nodes, tell, filled, 0).digests
    fill(filled, node_of(nodes, "Looks").tables[0], HEARD, version=2)
    after = inputs_of(nodes, tell, filled, 0).digests
    assert {id_ for id_ in before if before[id_] != after[id_]} == {"v_0", "v_1"}
    fill(filled, node_of(nodes, "Looks").tables[0], HEARD)
    assert inputs_of(nodes, tell, filled, 0).digests == before


def test_batches_hold_the_wanted_rows_with_what_belongs_to_them(filled: Store, nodes: list[Node]) -> None:
    tell = node_of(nodes, "Tell")
    inputs = inputs_of(nodes, tell, filled, 0)
    wanted = {id_: frozenset([""]) for id_ in ("v_0", "v_1", "w_1")}
    [batch] = batches(nodes, tell, filled, 0, inputs, wanted)
    rows = rows_of(batch, tell.reads)
    assert [row.clip.clip_id for row in rows] == batch.ids == ["v_0", "v_1", "w_1"]
    assert [row.video for row in rows] == [V, V, W]
    assert [[s.text for s in row.segments] for row in rows] == [["ho"], ["hi", "ho"], []], "by time"
    assert batch.digests == [inputs.digests[id_] for id_ in batch.ids]


def test_batches_are_no_larger_than_the_step_takes_and_alike_in_parts(filled: Store, nodes: list[Node]) -> None:
    looks = node_of(nodes, "Looks")
    inputs = inputs_of(nodes, looks, filled, 0)
    wanted = {"v": frozenset(["segments"]), "w": frozenset(["scores", "segments"])}
    assert [batch.ids for batch in batches(nodes, looks, filled, 0, inputs, wanted)] == [["v"], ["w"]]
    tell = node_of(nodes, "Tell")
    every = {clip.clip_id: frozenset([""]) for clip in CLIPS}
    told = batches(nodes, tell, filled, 0, inputs_of(nodes, tell, filled, 0), every)
    assert [len(batch.ids) for batch in told] == [3, 1]


def test_two_rows_with_one_id_are_refused(store: Store, nodes: list[Node]) -> None:
    cuts, tell = node_of(nodes, "Cuts"), node_of(nodes, "Tell")
    rows = [CLIPS[0], CLIPS[1], Clip("v_0", "w", 0.0, 1.0, [])]
    shard, videos = store.shard(cuts.tables[0], 0), ["v", "v", "w"]
    entries = [LedgerEntry("v", "v", 1, DONE, rows=2), LedgerEntry("w", "w", 1, DONE, rows=1)]
    shard.commit(entries, to_stored_table(Clip, rows, videos, [1, 1, 1]))
    shard.finish({"v": 1, "w": 1}, "")
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
    assert len({output_version(1, "a"), output_version(2, "a"), output_version(1, "b")}) == 3
    assert output_version(1, "a") == output_version(1, "a")
