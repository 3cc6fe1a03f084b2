"""Which shards can be worked at."""

from __future__ import annotations

import random

import pytest
from histories import World

from cliploom.engine.execution.schedule import Schedule
from cliploom.engine.planning.plan import Node, make_plan


@pytest.fixture
def nodes() -> list[Node]:
    return make_plan(World().recipe())


def test_a_shard_is_ready_once_when_all_it_reads_is_finished(nodes: list[Node]) -> None:
    schedule, shards, rng = Schedule(nodes, 4), 4, random.Random(1)
    finished: set[tuple[int, int]] = set()
    opened: set[tuple[int, int]] = set()
    while True:
        found = {(index, number) for index, ready in schedule.ready.items() for number in ready}
        for ready in schedule.ready.values():
            ready.clear()
        assert not found & opened
        for index, number in found:
            wanted = [(s, 0 if nodes[s].shape == "global" else number) for s in nodes[index].sources]
            assert set(wanted) <= finished
        wholes = [n for n in nodes if n.shape == "global" and all(map(schedule.is_done, range(n.index)))]
        opened |= found | {(n.index, 0) for n in wholes}
        if opened == finished:
            break
        one = rng.choice(sorted(opened - finished))
        schedule.finish(*one)
        finished.add(one)
    assert len(finished) == sum(1 if node.shape == "global" else shards for node in nodes)
    assert all(schedule.is_done(node.index) for node in nodes)


def test_a_source_is_ready_at_once_and_nothing_else_is(nodes: list[Node]) -> None:
    assert {index for index, ready in Schedule(nodes, 2).ready.items() if ready} == {0}
    assert list(Schedule(nodes, 2).ready[0]) == [0, 1]
