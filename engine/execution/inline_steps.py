"""Cheap steps, in the runner's own process."""

from __future__ import annotations

from collections.abc import Callable

from ..contract.step import StepContext
from ..planning.plan import Node
from .failures import WorkerLost
from .row_loop import Job, time_limit
from .shard_task import Call, Task
from .tally import RowTally


class InlineSteps:
    """Those that are open. ``check`` raises what the user has asked for meanwhile: to stop."""

    def __init__(self, context: Callable[[Node], StepContext], check: Callable[[], None]) -> None:
        self._context, self._check = context, check
        self._jobs: dict[int, Job] = {}

    def do(self, task: Task, call: Call) -> tuple[RowTally, str]:
        """One call of a step; how its rows went, and what it waits for."""
        job = self._jobs.get(task.node.index)
        if job is None:
            job = self._jobs[task.node.index] = Job(task.node, self._context(task.node), self._check)
            job.open()
        try:
            with time_limit(job):
                outcome = job.do(call.batch, call.first)
        except WorkerLost as error:  # no process can be replaced here
            first, rows, _ = job.progress.state
            job.progress.end()
            return task.lose(call.rows, WorkerLost(error.kind, error.message, first - call.first, rows)), ""
        return task.land(outcome.tables, call.window.tries), outcome.waiting

    def close(self) -> None:
        """Let go of them."""
        for job in self._jobs.values():
            job.close()
