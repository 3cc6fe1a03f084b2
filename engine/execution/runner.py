"""The local runner: every (step, shard) as soon as its inputs are there, on the processes that there are."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..contract.errors import UserError, Waiting
from ..contract.events import Event, Kind, Listener
from ..contract.recipe import Recipe
from ..contract.step import Item, StepContext
from ..planning.plan import Node, concurrency_of
from ..storage.join import Batch
from ..storage.ledger import LedgerEntry
from ..storage.store import Store
from .answers import BatchOutcome
from .async_worker import AsyncWorker
from .build_lock import interruptible
from .failures import WorkerLost, plain_text
from .global_step import global_key, make_context, outline_nodes, run_global
from .row_loop import Job, time_limit
from .schedule import Schedule
from .shard_task import Task, deal_items
from .tally import RowTally
from .worker import Worker
from .worker_pool import WorkerPool, WorkerProcess, check_importable

_OPEN_TASKS = 4  # shards of one step that are read ahead


@dataclass(frozen=True)
class RunOptions:
    """How to run, as far as it does not change what comes out."""

    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    limit: int | None = None  # source videos
    retry_failed: bool = False


class InFlight(NamedTuple):
    """A batch on a seat or stream; no batch while that loads its step."""

    worker: WorkerProcess | AsyncWorker
    task: Task | None
    batch: Batch | None


class Runner:
    """Runs a plan. Everything it knows is on disk; ending it at any moment loses only what is in flight."""

    def __init__(
        self, nodes: Sequence[Node], store: Store, options: RunOptions, recipe: Recipe, listeners: Sequence[Listener]
    ) -> None:
        self.nodes, self.store, self.options, self.listeners = nodes, store, options, listeners
        self.max_bad, self.budget = recipe.max_bad, recipe.budget
        self.items: dict[int, dict[int, list[Item]]] = {}
        self.schedule = Schedule(nodes, store.shards)
        self.waiting: dict[str, str] = {}
        self.tasks: dict[tuple[int, int], Task] = {}
        self.pool = WorkerPool(
            options.workers, self._site, self._begin, lambda n, said: self.tell("warning", n.name, message=said)
        )
        self.in_flight_futures: dict[Future[Any], InFlight] = {}
        self.globals: dict[Future[str], tuple[Node, Worker]] = {}
        self.inline: dict[int, Job] = {}
        self.tallies: dict[int, RowTally] = defaultdict(RowTally)
        self.check: Callable[[], None] = lambda: None  # raises what a signal asks for

    def run(self) -> None:
        """Do all that can be done; then ``waiting`` says what is waited for.

        Raises:
            UserError: a step cannot do its work, or too many rows of it fail.
        """
        for node in self.nodes:
            if node.step.cost != "row" and not concurrency_of(node):
                check_importable(node)
        self.items = deal_items(self.nodes, self.options.limit, self.store.shards)
        try:
            with interruptible() as self.check:
                while self._advance():
                    self.check()
        finally:
            for task in self.tasks.values():
                task.save()
            for _, worker in self.globals.values():
                worker.kill()
            self.pool.end()
            for job in self.inline.values():
                job.close()

    def _advance(self) -> bool:
        """One round: open what is ready, hand out work, take what is done. False when nothing is left."""
        opened = self._open_ready()
        worked = self._work_inline()
        finished = self._hand_out()
        if (node := self.pool.blocked) is not None:
            raise UserError(f"{node.name} blocks its event loop: it must await what takes long, and nothing else")
        if self.in_flight_futures or self.globals:
            patience = 0.0 if worked or opened or finished else 1.0
            for future in wait([*self.in_flight_futures, *self.globals], patience, FIRST_COMPLETED).done:
                if future in self.globals:
                    self._complete_global(future)
                else:
                    self._land(future)
            return True
        return opened or worked or finished or bool(self.tasks)

    def _open_ready(self) -> bool:
        opened = False
        for node in self.nodes:
            if node.shape == "global":
                opened |= self._open_global(node)
                continue
            ready = self.schedule.ready[node.index]
            ahead = sum(1 for index, _ in self.tasks if index == node.index)
            while ready and node.name not in self.waiting and ahead < _OPEN_TASKS + self.options.workers:
                opened = True
                ahead += self._open_task(node, ready.popleft())
        return opened

    def _open_task(self, node: Node, number: int) -> bool:
        task = Task(self.nodes, node, self.store, number, self.items.get(node.index, {}).get(number, ()))
        if task.is_up_to_date(self.options.retry_failed):
            self._mark(node, number)
            return False
        task.open(self.options.retry_failed)
        if task.wanted:
            self.tell("shard", node.name, shard=number, to_do=len(task.wanted), came=len(task.inputs.digests))
        self.tasks[node.index, number] = task
        return True

    def _open_global(self, node: Node) -> bool:
        runs = any(node is other for other, _ in self.globals.values())
        if runs or self.schedule.is_done(node.index) or node.name in self.waiting:
            return False
        held = self._is_waiting_for()
        if node.index in held or not all(need in held or self.schedule.is_done(need) for need in node.needs):
            return False
        context = self._site(node)
        key = global_key(node, self.store, context)
        state = self.store.whole(node.tables[0])
        if state and state.key == key and not state.waiting:
            self.schedule.finish(node.index, 0)
            return True
        self.tell("step", node.name, state="runs")
        worker, nodes = Worker(node.step.isolate), outline_nodes(self.nodes, node)
        given = (nodes, node.index, self.store.root, self.store.shards, key, context)
        self.globals[worker.submit(node.timeout_s, run_global, *given)] = (node, worker)
        return True

    def _is_waiting_for(self) -> set[int]:
        """The nodes that cannot be done in this build: they wait, or read what one writes that does."""
        held: set[int] = set()
        for node in self.nodes:
            if node.name in self.waiting or node.sources & held:
                held.add(node.index)
        return held

    def _complete_global(self, future: Future[str]) -> None:
        node, worker = self.globals.pop(future)
        self.store.refresh(node.tables[0])
        try:
            said = future.result()
        except WorkerLost as error:
            raise UserError(f"{node.name} failed: {error}") from None
        finally:
            worker.close()
        if said:
            self._wait(node, said)
        else:
            self.schedule.finish(node.index, 0)
            self.tell("step", node.name, state="done")

    def _work_inline(self) -> bool:
        worked = False
        for task in self._by_priority():
            if task.node.step.cost != "row":
                continue
            worked = True
            if task.node.name in self.waiting:
                self._leave(task)
                continue
            batch = task.next_batch()
            if batch is None:
                self._finish(task)
                continue
            job = self.inline.get(task.node.index)
            if job is None:
                job = self.inline[task.node.index] = Job(task.node, self._site(task.node), self.check)
                job.open()
            try:
                with time_limit(job):
                    outcome = job.do(batch)
            except WorkerLost as error:  # no process can be replaced here
                self._count(task.node, task.lose(batch, error.kind, error.message))
            else:
                self._take(task, outcome)
        return worked

    def _by_priority(self) -> list[Task]:
        """Later steps first: what is begun gets finished."""
        return sorted(self.tasks.values(), key=lambda task: (-task.node.index, task.number))

    def _hand_out(self) -> bool:
        finished = False
        for task in self._by_priority():
            if task.node.step.cost == "row":
                continue
            if task.node.name in self.waiting:
                finished |= self._leave(task)
                continue
            while task.more() and (worker := self.pool.free(task.node)):
                batch = task.next_batch()
                assert batch is not None
                task.in_flight += 1
                self.in_flight_futures[worker.submit(batch)] = InFlight(worker, task, batch)
            if not task.in_flight and not task.more():
                self._finish(task)
                finished = True
        return finished

    def _leave(self, task: Task) -> bool:
        """Keep what a task of a waiting step has done; the next build goes on with it."""
        if task.in_flight:
            return False
        task.save()
        del self.tasks[task.node.index, task.number]
        return True

    def _begin(self, worker: WorkerProcess | AsyncWorker) -> None:
        self.in_flight_futures[worker.opening] = InFlight(worker, None, None)

    def _site(self, node: Node) -> StepContext:
        return make_context(node, self.store.root, self.budget)

    def _land(self, future: Future[Any]) -> None:
        worker, task, batch = self.in_flight_futures.pop(future)
        if task is None or batch is None:
            self._finish_opening(future, worker)
            return
        task.in_flight -= 1
        try:
            outcome = future.result()
        except WorkerLost as error:
            self._renew(worker, error)
            self._count(task.node, task.lose(batch, error.kind, error.message))
        else:
            worker.complete(batch)
            self._take(task, outcome)

    def _renew(self, worker: WorkerProcess | AsyncWorker, error: WorkerLost) -> None:
        assert isinstance(worker, WorkerProcess)  # a stream has no process to lose
        worker.renew(error)
        self._begin(worker)

    def _take(self, task: Task, outcome: BatchOutcome) -> None:
        self._count(task.node, task.land(outcome.tables))
        if outcome.waiting:
            self._wait(task.node, outcome.waiting)

    def _wait(self, node: Node, message: str) -> None:
        if node.name not in self.waiting:
            self.waiting[node.name] = said = plain_text(message)
            self.tell("waiting", node.name, message=said)

    def _finish_opening(self, future: Future[Any], worker: WorkerProcess | AsyncWorker) -> None:
        try:
            future.result()
        except WorkerLost as error:
            self._renew(worker, error)
            return
        except Waiting as error:
            self._wait(worker.node, str(error))
        if isinstance(worker, WorkerProcess):
            worker.opened()

    def _count(self, node: Node, complete: Sequence[LedgerEntry]) -> None:
        if not complete:
            return
        tally = self.tallies[node.index]
        tally.add(complete)
        self.tell("rows", node.name, n=len(complete), failed=tally.failed)
        tally.check(node.name, self.max_bad)

    def _finish(self, task: Task) -> None:
        task.finish()
        del self.tasks[task.node.index, task.number]
        self._mark(task.node, task.number)

    def _mark(self, node: Node, number: int) -> None:
        self.schedule.finish(node.index, number)
        if self.schedule.is_done(node.index):
            for table in node.tables:
                self.store.check_ids(table)
            self.tell("step", node.name, state="done")
            self.pool.dismiss(node)

    def tell(self, kind: Kind, step: str, **said: Any) -> None:
        """Say what happened to whoever listens."""
        event = Event(kind, step, said)
        for listener in self.listeners:
            listener(event)
