"""What a step is at work on, as another process sees it."""

from __future__ import annotations

import os
import time

from cliploom.engine.execution.call_progress import CallProgress, open_memory


def test_who_looks_sees_the_rows_of_the_call_and_since_when() -> None:
    memory = open_memory()
    writer, reader = CallProgress(memory), CallProgress(memory)
    os.close(memory)
    assert (reader.state.rows, reader.state.since) == (0, 0.0)
    before = time.monotonic()
    writer.begin(3, 2)
    assert reader.state[:2] == (3, 2)
    assert before <= reader.state.since <= time.monotonic()
    writer.end()
    assert reader.state.rows == 0 and reader.state.since >= before


def test_without_another_process_it_serves_as_well() -> None:
    progress = CallProgress()
    progress.begin(1, 1)
    assert progress.state[:2] == (1, 1)
