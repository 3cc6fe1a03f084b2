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
from cliploom.engine.execution.failures import Timeout, WorkerLost
from cliploom.engine.execution.row_loop import Job
from cliploom.engine.execution.shard_task import Task, deal_items
from cliploom.engine.execution.tally import RowTally
from cliploom.engine.execution.unit import UnitResult, UnitWorker
from cliploom.engine.planning.plan import Node, make_plan
from cliploom.engine.storage.input_reader import InputReader
from cliploom.engine.storage.join import Window
from cliploom.engine.storage.ledger import DONE, FAILED, LedgerEntry, entries_of
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


def work(made: Task, store: Store) -> RowTally:
    """Do all of it, call by call; how it went."""
    job, tally = Job(made.node, StepContext(Path(), {})), RowTally()
    reader = InputReader(made._nodes, made.node, store)
    job.open()
    while call := made.next_call(reader):
        tally.merge(made.land(job.do(call.batch).tables, call.window.tries))
    return tally


def own_entries(made: Task, table: str) -> dict[str, LedgerEntry]:
    """What is on disk of the inputs of one table."""
    return {entry.id: entry for entry in entries_of(made.shards[table].ledger()) if not entry.part_of}


def ids(window: Window) -> list[str]:
    return list(window.inputs.ids.to_pylist())


def to_do(made: Task) -> list[str]:
    return [id_ for window in made._left for id_ in ids(window)]


def test_done_work_is_up_to_date_until_an_input_changes_or_failures_are_to_be_tried_again(
    nodes: list[Node], store: Store
) -> None:
    first = task(nodes, store)
    assert not first.is_up_to_date(False)
    tally = work(first, store)
    assert (tally.rows, tally.failed) == (3, 1)
    first.finish()
    statuses = {id_: entry.status for id_, entry in own_entries(first, "histories.Films").items()}
    assert statuses == {"a": DONE, "b": DONE, "bad": FAILED}
    again = task(nodes, store)
    assert again.is_up_to_date(False) and not again.is_up_to_date(True) and not again.to_do
    assert to_do(task(nodes, store, retry=True)) == ["bad"]
    fewer = make_plan(Recipe("tasks", (Films({"a": [0, 0], "b": [2, 0]}), Cuts()), shards=1))
    assert not task(fewer, store).is_up_to_date(False)
    assert to_do(task(fewer, store)) == ["b"]


def test_a_shard_that_nothing_reaches_is_up_to_date_from_the_beginning(nodes: list[Node], store: Store) -> None:
    assert task(nodes, store, at=1).is_up_to_date(False)


def test_tries_of_a_failed_row_add_up(nodes: list[Node], store: Store) -> None:
    for tries in (1, 2, 3):
        made = task(nodes, store, retry=True)
        work(made, store)
        made.finish()
        assert own_entries(made, "histories.Films")["bad"].attempts == tries


def test_only_the_rows_of_the_call_under_way_are_to_blame_for_a_lost_worker(nodes: list[Node], store: Store) -> None:
    made = task(nodes, store)
    window = made.take(10)
    assert window is not None and ids(window) == ["a", "b", "bad"]
    assert made.lose(window, WorkerLost("gone", "before it began")).rows == 0
    assert ids(made.take(10)) == ["a", "b", "bad"]
    assert made.lose(window, WorkerLost("crashed", "signal 9", 1, 1)).rows == 0, "it may have been killed from outside"
    assert [ids(made.take(10)) for _ in range(4)] == [["a"], ["bad"], ["b"], []]
    alone = window.slice(1, 2)
    tally = made.lose(alone, WorkerLost("crashed", "signal 9", 0, 1))
    assert (tally.rows, tally.failed, tally.causes) == (1, 1, {"crashed": 1})
    late = made.lose(window.slice(2, 3), Timeout("timeout", "took longer", 0, 1))
    assert late.causes == {"timeout": 1}
    made.save()
    assert {id_: entry.kind for id_, entry in own_entries(made, "histories.Films").items()} == {
        "b": "crashed", "bad": "timeout",
    }  # fmt: skip


def test_the_rows_of_a_lost_call_go_out_one_by_one(nodes: list[Node], store: Store) -> None:
    made = task(nodes, store)
    window = made.take(10)
    assert made.lose(window, Timeout("timeout", "took longer", 0, 2)).rows == 0
    assert [ids(made.take(10)) for _ in range(4)] == [["bad"], ["a"], ["b"], []]


def test_a_worker_lost_between_two_calls_blames_nobody(nodes: list[Node], store: Store) -> None:
    made = task(nodes, store)
    window = made.take(10)
    for _ in range(3):
        assert made.lose(window, WorkerLost("crashed", "signal 9")).rows == 0
        assert ids(made.take(10)) == ["a", "b", "bad"]


def worker(made: Task, store: Store) -> UnitWorker:
    found = UnitWorker(made._nodes, made.node, store.root, store.shards, StepContext(Path(), {}))
    found.job.open()
    return found


def test_a_unit_that_is_all_that_is_left_closes_its_shard(nodes: list[Node], store: Store) -> None:
    made = task(nodes, store)
    window = made.take(10)
    result = worker(made, store).run(window, made.closing_inputs())
    assert (result.rows, result.tally.failed, result.chunks) == (3, 1, {})
    assert task(nodes, store).to_do == 3, "nothing counts before it is committed"
    made.complete(window, result)
    assert made.is_closed
    store.refresh(made.node.tables[0])
    assert task(nodes, store).is_up_to_date(False)


def test_a_unit_that_closes_a_shard_keeps_the_failures_that_came_before_it(nodes: list[Node], store: Store) -> None:
    made = task(nodes, store)
    window = made.take(10)
    assert made.lose(window, Timeout("timeout", "took longer", 2, 1)).rows == 1
    window = made.take(10)
    assert ids(window) == ["a", "b"]
    made.complete(window, worker(made, store).run(window, made.closing_inputs()))
    assert made.is_closed
    store.refresh(made.node.tables[0])
    assert {id_: entry.kind for id_, entry in own_entries(made, "histories.Films").items()}["bad"] == "timeout"


def test_a_unit_of_some_rows_writes_a_chunk(nodes: list[Node], store: Store) -> None:
    made = task(nodes, store)
    window = made.take(10)
    result = worker(made, store).run(window.slice(0, 2), None)
    made.complete(window.slice(0, 2), result)
    assert list(own_entries(made, "histories.Films")) == ["a", "b"]
    assert not made.is_closed and result.manifests == {}


def test_what_a_unit_left_is_handed_out_again(nodes: list[Node], store: Store) -> None:
    made = task(nodes, store)
    window = made.take(10)
    made.complete(window, UnitResult(1, RowTally(), {}, {}, "", 1.0))
    assert ids(made.take(1)) == ["b", "bad"], "a call of this step takes as many"


def test_a_row_counts_once_and_as_failed_where_it_fails_in_one_of_two_tables(store: Store) -> None:
    nodes = make_plan(Recipe("tasks", (Films(FILMS), Looks()), shards=1))
    first = task(nodes, store)
    work(first, store)
    first.finish()
    tally = work(task(nodes, store, at=1), store)
    assert (tally.rows, tally.failed) == (2, 1)


def test_a_part_that_is_dropped_is_no_row(store: Store) -> None:
    nodes = make_plan(Recipe("tasks", (Films({"two": [8, 0]}), Cuts()), shards=1))  # it leaves out two parts
    first = task(nodes, store)
    work(first, store)
    first.finish()
    made = task(nodes, store, at=1)
    assert work(made, store).rows == 1
    made.finish()
    assert made.shards["histories.Cuts"].counts().parts == 2


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
