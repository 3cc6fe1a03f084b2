"""One step in one shard: what is to do, what lands, and what a lost worker costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from histories import Cuts, Films, Looks

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import StepContext
from cliploom.engine.execution.row_loop import Job
from cliploom.engine.execution.shard_task import Task, deal_items, todo
from cliploom.engine.planning.plan import Node, make_plan
from cliploom.engine.storage.join import Inputs
from cliploom.engine.storage.ledger import DONE, DROPPED, FAILED, LedgerEntry
from cliploom.engine.storage.store import Store

FILMS = {"a": [0, 0], "b": [1, 0], "bad": [3, 0]}  # a content of 3 fails


@pytest.fixture
def nodes() -> list[Node]:
    return make_plan(Recipe("tasks", (Films(FILMS), Cuts()), shards=1))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, 1)


def task(nodes: list[Node], store: Store, at: int = 0, retry: bool = False) -> Task:
    """An opened task."""
    made = Task(nodes, nodes[at], store, 0, deal_items(nodes, None, 1).get(at, {}).get(0, ()))
    made.open(retry)
    return made


def work(made: Task) -> list[LedgerEntry]:
    """Do all of it; what landed."""
    job, landed = Job(made.node, StepContext(Path(), {})), list[LedgerEntry]()
    job.open()
    while batch := made.next_batch():
        landed += made.land(job.do(batch).tables)
    return landed


def test_done_work_is_up_to_date_until_an_input_changes_or_failures_are_to_be_tried_again(
    nodes: list[Node], store: Store
) -> None:
    first = task(nodes, store)
    assert not first.is_up_to_date(False)
    assert {entry.id: entry.status for entry in work(first)} == {"a": DONE, "b": DONE, "bad": FAILED}
    first.finish()
    again = task(nodes, store)
    assert again.is_up_to_date(False) and not again.is_up_to_date(True) and not again.wanted
    assert list(task(nodes, store, retry=True).wanted) == ["bad"]
    fewer = make_plan(Recipe("tasks", (Films({"a": [0, 0], "b": [2, 0]}), Cuts()), shards=1))
    assert not task(fewer, store).is_up_to_date(False)
    assert list(task(fewer, store).wanted) == ["b"]


def test_a_shard_that_nothing_reaches_is_up_to_date_from_the_beginning(nodes: list[Node], store: Store) -> None:
    assert task(nodes, store, at=1).is_up_to_date(False)


def test_tries_of_a_failed_row_add_up(nodes: list[Node], store: Store) -> None:
    for tries in (1, 2, 3):
        made = task(nodes, store, retry=True)
        work(made)
        made.finish()
        assert made.shards["histories.Films"].ledger()["", "bad"].attempts == tries


def test_a_lost_batch_is_tried_row_by_row_and_each_row_counts_once(nodes: list[Node], store: Store) -> None:
    made = task(nodes, store)
    batch = made.next_batch()
    assert batch is not None and len(batch.ids) == 3
    assert made.lose(batch, "gone", "before it began") == []
    assert made.next_batch() == batch
    assert made.lose(batch, "crashed", "signal 9") == [], "nothing is dealt with yet"
    alone = [made.next_batch() for _ in range(3)]
    assert [b.ids for b in alone if b] == [["a"], ["b"], ["bad"]]
    [one, *_] = [b for b in alone if b]
    assert made.lose(one, "crashed", "signal 9") == [], "it may have been killed from outside"
    assert made.next_batch() == one
    [entry] = made.lose(one, "crashed", "signal 9")
    assert (entry.id, entry.status, entry.kind) == ("a", FAILED, "crashed")
    [late] = made.lose(alone[1], "timeout", "took longer") if alone[1] else []
    assert late.kind == "timeout"


def test_a_row_counts_once_and_as_failed_where_it_fails_in_one_of_two_tables(store: Store) -> None:
    nodes = make_plan(Recipe("tasks", (Films(FILMS), Looks()), shards=1))
    first = task(nodes, store)
    work(first)
    first.finish()
    landed = work(task(nodes, store, at=1))
    assert [(entry.id, entry.status) for entry in landed] == [("a", DONE), ("b", FAILED)]


def test_a_part_that_is_dropped_is_no_row(store: Store) -> None:
    nodes = make_plan(Recipe("tasks", (Films({"two": [8, 0]}), Cuts()), shards=1))  # it leaves out two parts
    first = task(nodes, store)
    work(first)
    first.finish()
    made = task(nodes, store, at=1)
    assert [entry.id for entry in work(made)] == ["two"]
    made.finish()
    assert made.shards["histories.Cuts"].counts().parts == 2


def test_to_do_is_what_the_ledger_lacks_or_knows_otherwise() -> None:
    ledger = {entry.key: entry for entry in (
        LedgerEntry("same", "v", 1, DONE), LedgerEntry("other", "v", 1, DONE), LedgerEntry("failed", "v", 1, FAILED),
        LedgerEntry("new", "v", 1, DROPPED, part_of="same"),
    )}  # fmt: skip
    inputs = Inputs(
        dict.fromkeys(("same", "other", "failed", "new"), "v"), {"same": 1, "other": 2, "failed": 1, "new": 1}
    )
    assert todo(ledger, inputs, False) == ["other", "new"]
    assert todo(ledger, inputs, True) == ["other", "failed", "new"]


def test_sources_are_dealt_by_shard_and_the_first_of_each_when_limited() -> None:
    nodes = make_plan(Recipe("tasks", (Films({f"v{i}": [0, 0] for i in range(9)}), Cuts()), shards=3))
    dealt = deal_items(nodes, None, 3)
    assert sorted(item.video_id for items in dealt[0].values() for item in items) == [f"v{i}" for i in range(9)]
    assert sorted(item.video_id for items in deal_items(nodes, 2, 3)[0].values() for item in items) == ["v0", "v1"]


def test_one_id_from_two_sources_or_twice_from_one_is_named() -> None:
    class Others(Films):
        def find(self) -> Iterator[Any]:
            yield from [*super().find(), *super().find()]

    one, other = Films({"x": [0, 0]}), Films({"y": [0, 0], "x": [1, 0]})
    with pytest.raises(UserError, match="two videos have the id x, from first and histories.Films"):
        deal_items(make_plan(Recipe("tasks", (StepUse(one, "first"), other, Cuts()), shards=1)), 1, 1)
    with pytest.raises(UserError, match="two videos have the id x, from .*Others"):
        deal_items(make_plan(Recipe("tasks", (Others({"x": [0, 0]}), Cuts()), shards=1)), None, 1)
