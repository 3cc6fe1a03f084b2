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
from ..contract.step import Item, Site, Source
from ..planning.plan import Node, lanes_of
from ..storage.join import Batch
from ..storage.store import Store
from .answers import BatchOutcome
from .async_worker import Stream
from .build_lock import interruptible
from .failures import WorkerLost, plain_text
from .global_step import outlined, run_whole, sites, whole_key
from .row_loop import Job
from .shard_task import Task, deal_items
from .worker import Worker
from .worker_pool import Crew, Seat, check_importable

_FEW = 20  # rows after which max_bad counts
_OPEN_TASKS = 4  # shards of one step that are read ahead


@dataclass(frozen=True)
class RunOptions:
    """How to run, as far as it does not change what comes out."""

    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    limit: int | None = None  # source videos
    retry_failed: bool = False


class Flight(NamedTuple):
    """A batch on a seat or stream; no batch while that loads its step."""

    seat: Seat | Stream
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
        self.finished: set[tuple[int, int]] = set()
        self.waiting: dict[str, str] = {}
        self.tasks: dict[tuple[int, int], Task] = {}
        self.crew = Crew(
            options.workers, self._site, self._begins, lambda n, said: self.tell("warning", n.name, message=said)
        )
        self.flights: dict[Future[Any], Flight] = {}
        self.wholes: dict[Future[str], tuple[Node, Worker]] = {}
        self.inline: dict[int, Job] = {}
        self.bad: dict[int, list[int]] = defaultdict(lambda: [0, 0])  # handled, failed
        self.check: Callable[[], None] = lambda: None  # raises what a signal asks for

    def run(self) -> None:
        """Do all that can be done; then ``waiting`` says what is waited for.

        Raises:
            UserError: a step cannot do its work, or too many rows of it fail.
        """
        for node in self.nodes:
            if node.step.cost != "row" and not lanes_of(node):
                check_importable(node)
            if isinstance(node.step, Source):
                self.items[node.index] = deal_items(node.step, self.options.limit, self.store.shards)
        try:
            with interruptible() as self.check:
                while self._advance():
                    self.check()
        finally:
            for task in self.tasks.values():
                task.save()
            for _, worker in self.wholes.values():
                worker.kill()
            self.crew.end()
            for job in self.inline.values():
                job.close()

    def _advance(self) -> bool:
        """One round: open what is ready, hand out work, take what is done. False when nothing is left."""
        opened = self._open_ready()
        worked = self._work_inline()
        finished = self._hand_out()
        if (node := self.crew.blocked) is not None:
            raise UserError(f"{node.name} blocks its event loop: it must await what takes long, and nothing else")
        if self.flights or self.wholes:
            patience = 0.0 if worked or opened or finished else 1.0
            for future in wait([*self.flights, *self.wholes], patience, FIRST_COMPLETED).done:
                if future in self.wholes:
                    self._land_whole(future)
                else:
                    self._land(future)
            return True
        return opened or worked or finished or bool(self.tasks)

    def _open_ready(self) -> bool:
        opened = False
        for node in self.nodes:
            if node.shape == "whole":
                opened |= self._open_whole(node)
                continue
            if node.name in self.waiting:
                continue
            ahead = sum(1 for index, _ in self.tasks if index == node.index)
            for number in range(self.store.shards):
                if ahead >= _OPEN_TASKS + self.options.workers:
                    break
                key = (node.index, number)
                if key in self.finished or key in self.tasks or not self._ready(node, number):
                    continue
                opened = True
                ahead += self._open_task(node, number)
        return opened

    def _ready(self, node: Node, number: int) -> bool:
        return all((need, 0 if self.nodes[need].shape == "whole" else number) in self.finished for need in node.needs)

    def _open_task(self, node: Node, number: int) -> bool:
        task = Task(self.nodes, node, self.store, number, self.items.get(node.index, {}).get(number, ()))
        if task.settled(self.options.retry_failed):
            self._mark(node, number)
            return False
        task.open(self.options.retry_failed)
        if task.wanted:
            self.tell("shard", node.name, shard=number, to_do=len(task.wanted), came=len(task.inputs.digests))
        self.tasks[node.index, number] = task
        return True

    def _open_whole(self, node: Node) -> bool:
        runs = any(node is other for other, _ in self.wholes.values())
        if runs or (node.index, 0) in self.finished or node.name in self.waiting:
            return False
        held = self._held()
        if node.index in held or not all(need in held or self._is_done(need) for need in node.needs):
            return False
        site = self._site(node)
        key = whole_key(node, self.store, site)
        state = self.store.whole(node.tables[0])
        if state and state["key"] == key and not state["waiting"]:
            self.finished.add((node.index, 0))
            return True
        self.tell("step", node.name, state="runs")
        worker, nodes = Worker(node.step.isolate), outlined(self.nodes, node)
        given = (nodes, node.index, self.store.root, self.store.shards, key, site)
        self.wholes[worker.submit(node.patience_s, run_whole, *given)] = (node, worker)
        return True

    def _held(self) -> set[int]:
        """The nodes that cannot be done in this build: they wait, or read what one writes that does."""
        held: set[int] = set()
        for node in self.nodes:
            if node.name in self.waiting or node.sources & held:
                held.add(node.index)
        return held

    def _is_done(self, index: int) -> bool:
        numbers = (0,) if self.nodes[index].shape == "whole" else range(self.store.shards)
        return all((index, number) in self.finished for number in numbers)

    def _land_whole(self, future: Future[str]) -> None:
        node, worker = self.wholes.pop(future)
        try:
            said = future.result()
        except WorkerLost as error:
            raise UserError(f"{node.name} failed: {error}") from None
        finally:
            worker.close()
        if said:
            self._wait(node, said)
        else:
            self.finished.add((node.index, 0))
            self.tell("step", node.name, state="done")

    def _work_inline(self) -> bool:
        worked = False
        for task in self._by_priority():
            if task.node.step.cost != "row":
                continue
            worked = True
            batch = task.next_batch()
            if batch is None:
                self._finish(task)
                continue
            job = self.inline.get(task.node.index)
            if job is None:
                job = self.inline[task.node.index] = Job(task.node, self._site(task.node), self.check)
                job.open()
            try:
                self._take(task, batch, job.do(batch))
            except WorkerLost as error:  # no process can be replaced here
                task.lose(batch, error.kind, error.message)
                self._count(task, batch)
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
            while task.more() and (seat := self.crew.free(task.node)):
                batch = task.next_batch()
                assert batch is not None
                task.flying += 1
                self.flights[seat.submit(batch)] = Flight(seat, task, batch)
            if not task.flying and not task.more():
                self._finish(task)
                finished = True
        return finished

    def _leave(self, task: Task) -> bool:
        """Keep what a task of a waiting step has done; the next build goes on with it."""
        if task.flying:
            return False
        task.save()
        del self.tasks[task.node.index, task.number]
        return True

    def _begins(self, seat: Seat | Stream) -> None:
        self.flights[seat.opening] = Flight(seat, None, None)

    def _site(self, node: Node) -> Site:
        return sites(node, self.store.root, self.budget)

    def _land(self, future: Future[Any]) -> None:
        seat, task, batch = self.flights.pop(future)
        if task is None or batch is None:
            self._opened(future, seat)
            return
        task.flying -= 1
        try:
            outcome = future.result()
        except WorkerLost as error:
            self._renew(seat, error)
            task.lose(batch, error.kind, error.message)
            self._count(task, batch)
        else:
            seat.landed(batch)
            self._take(task, batch, outcome)

    def _renew(self, seat: Seat | Stream, error: WorkerLost) -> None:
        assert isinstance(seat, Seat)  # a stream has no process to lose
        seat.renew(error)
        self._begins(seat)

    def _take(self, task: Task, batch: Batch, outcome: BatchOutcome) -> None:
        task.land(outcome.tables)
        self._count(task, batch)
        if outcome.waiting:
            self._wait(task.node, outcome.waiting)

    def _wait(self, node: Node, message: str) -> None:
        if node.name not in self.waiting:
            self.waiting[node.name] = said = plain_text(message)
            self.tell("waiting", node.name, message=said)

    def _opened(self, future: Future[Any], seat: Seat | Stream) -> None:
        try:
            future.result()
        except WorkerLost as error:
            self._renew(seat, error)
            return
        except Waiting as error:
            self._wait(seat.node, str(error))
        if isinstance(seat, Seat):
            seat.opened()

    def _count(self, task: Task, batch: Batch) -> None:
        counts = self.bad[task.node.index]
        counts[:] = handled, failed = counts[0] + len(batch.ids), counts[1] + task.failed
        task.failed = 0
        self.tell("rows", task.node.name, n=len(batch.ids), failed=failed)
        if handled >= _FEW and failed > self.max_bad * handled:
            raise UserError(
                f"{task.node.name}: {failed} of {handled} rows failed, more than max_bad ({self.max_bad:g}) allows",
                "`cliploom errors` shows why",
            )

    def _finish(self, task: Task) -> None:
        task.finish()
        del self.tasks[task.node.index, task.number]
        self._mark(task.node, task.number)

    def _mark(self, node: Node, number: int) -> None:
        self.finished.add((node.index, number))
        if all((node.index, n) in self.finished for n in range(self.store.shards)):
            self.tell("step", node.name, state="done")
            self.crew.dismiss(node)

    def tell(self, kind: Kind, step: str, **said: Any) -> None:
        """Say what happened to whoever listens."""
        event = Event(kind, step, said)
        for listener in self.listeners:
            listener(event)
