"""A unit of work: batches that are read ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from cliploom.engine.execution.unit import read_ahead
from cliploom.engine.storage.join import Batch, Inputs

BATCHES = [Batch(Inputs(pa.array([str(n)]), pa.array(["v"]), np.array([n])), frozenset([""])) for n in range(4)]


def test_a_batch_is_read_while_the_one_before_is_worked_at() -> None:
    read = [threading.Event() for _ in BATCHES]

    def batches() -> Iterator[Batch]:
        for batch, event in zip(BATCHES, read, strict=True):
            event.set()
            yield batch

    seen = []
    for at, batch in enumerate(read_ahead(batches())):
        seen.append(batch)
        assert at + 1 == len(read) or read[at + 1].wait(20), "the next is read meanwhile"
        assert not any(event.is_set() for event in read[at + 2 :]), "and no more than that"
    assert seen == BATCHES


def test_who_stops_early_has_read_one_too_many() -> None:
    coming = iter(BATCHES)
    for batch in read_ahead(coming):
        assert batch is BATCHES[0]
        break
    assert list(coming) == BATCHES[2:]
