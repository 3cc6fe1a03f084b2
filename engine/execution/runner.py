"""The local runner: every (step, shard) as soon as its inputs are there, on the processes that there are."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..contract.events import Event, Kind, Listener
from ..contract.recipe import Recipe
from ..contract.step import Item, StepContext
from ..planning.plan import Node, concurrency_of
from ..storage.input_reader import InputReader
from ..storage.join import Window
from ..storage.store import GlobalState, Store
from .async_worker import EventLoops
from .executor import Executor, Plan
from .failures import WorkerLost, plain_text
from .global_runs import GlobalRuns
from .global_step import make_context
from .inline_steps import InlineSteps
from .interrupts import interruptible
from .machine import Machine, this_machine
from .pace import Pace
from .parts import Part
from .progress_record import ProgressRecord
from .schedule import Schedule
from .shard_task import Task, deal_items
from .tally import RowTally
from .unit import UnitResult
from .worker_pool import WorkerPool, check_process

_NO_ROOM_S = 0.02  # until it is asked again, where nothing is under way and nothing can be
_OPEN_TASKS = 4  # shards of one step that are read ahead


@dataclass(frozen=True)
class RunOptions:
    """How to run, as far as it does not change what comes out."""

    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    limit: int | None = None  # source videos
    retry_failed: bool = False
    executor: Callable[[Plan], Executor] = WorkerPool  # does what does not merely wait for servers
    machine: Callable[[], Machine] = this_machine
    watch: Callable[[Callable[[], ProgressRecord]], None] | None = None  # is given what tells how far it is
    part: Part | None = None  # do only these shards, and no step that needs all


class InFlight(NamedTuple):
    """Rows of a task that an executor has."""

    task: Task
    window: Window


class Runner:
    """Runs a plan. Everything it knows is on disk; ending it at any moment loses only what is in flight."""

    def __init__(
        self, nodes: Sequence[Node], store: Store, options: RunOptions, recipe: Recipe, listeners: Sequence[Listener]
    ) -> None:
        self.nodes, self.store, self.options, self.listeners = nodes, store, options, listeners
        self.max_bad, self.budget = recipe.max_bad, recipe.budget
        self.items: dict[int, dict[int, list[Item]]] = {}
        part = options.part
        numbers = None if part is None else [n for n in range(store.shards) if part.has(n)]
        self.schedule = Schedule(nodes, store.shards, numbers)
        self.passed: set[int] = set()  # steps that need all shards, which a part leaves to a later build
        self.waiting: dict[str, str] = {}
        self.tasks: dict[tuple[int, int], Task] = {}
        self.contexts: dict[int, StepContext] = {}
        self.machine = options.machine()
        plan = Plan(nodes, store.root, store.shards, self._context, options.workers, self._warn, self.machine)
        self.workers, self.loops = options.executor(plan), EventLoops(plan)
        self.readers = {node.index: InputReader(nodes, node, store) for node in nodes}
        self.paces = {node.index: Pace(node.rows_per_call) for node in nodes}
        self.in_flight: dict[Future[Any], InFlight] = {}
        self.globals = GlobalRuns(nodes, store)
        self.inline = InlineSteps(self._context, lambda: self.check())
        self.tallies: dict[int, RowTally] = defaultdict(RowTally)
        self.check: Callable[[], None] = lambda: None  # raises what a signal asks for

    def run(self) -> None:
        """Do all that can be done; then ``waiting`` says what is waited for.

        Raises:
            UserError: a step cannot do its work, or too many rows of it fail.
        """
        for node in self.nodes:
            if node.shape == "global":
                check_process(node, self.machine)
            elif node.step.cost != "row":
                self._executor(node).check(node)
        self.items = deal_items(self.nodes, self.options.limit, self.store.shards)
        try:
            with interruptible() as self.check:
                while self._advance():
                    self.check()
        finally:
            for task in self.tasks.values():
                task.save()
            self.globals.end()
            self.workers.cancel()
            self.loops.cancel()
            self.inline.close()

    def _advance(self) -> bool:
        """One round: open what is ready, hand out work, take what is done. False when nothing is left."""
        opened = self._open_ready()
        worked = self._work_inline()
        self.workers.poll()
        self.loops.poll()
        finished = self._hand_out()
        if self.in_flight or self.globals.futures:
            patience = 0.0 if worked or opened or finished else 1.0
            done = wait([*self.in_flight, *self.globals.futures], patience, FIRST_COMPLETED).done
            for future in done:
                if future in self.globals.futures:
                    self._complete_global(future)
                else:
                    self._land(future)
            return True
        if not (opened or worked or finished) and self.tasks:
            time.sleep(_NO_ROOM_S)
            return True
        return opened or worked or finished

    def _open_ready(self) -> bool:
        opened = False
        for node in self.nodes:
            if node.shape == "global":
                opened |= self._open_global(node)
                continue
            ready = self.schedule.ready[node.index]
            ahead = sum(1 for index, _ in self.tasks if index == node.index)
            while ready and node.name not in self.waiting and ahead < _OPEN_TASKS + self.workers.breadth:
                opened = True
                ahead += self._open_task(node, ready.popleft())
        return opened

    def _open_task(self, node: Node, number: int) -> bool:
        task = Task(self.nodes, node, self.store, number, self.items.get(node.index, {}).get(number, ()))
        if task.is_up_to_date(self.options.retry_failed):
            self._mark(node, number)
            return False
        task.open(self.options.retry_failed)
        if task.to_do:
            self.tell("shard", node.name, shard=number, to_do=task.to_do, came=len(task.inputs.ids))
        self.tasks[node.index, number] = task
        return True

    def _open_global(self, node: Node) -> bool:
        if self.globals.runs(node) or self.schedule.is_done(node.index) or node.name in self.waiting:
            return False
        held = self._is_waiting_for()
        if node.index in held or not all(need in held or self.schedule.is_done(need) for need in node.needs):
            return False
        if self.options.part is not None:
            return self._pass_global(node)
        if self.globals.start(node, self._context(node)):
            self.tell("step", node.name, state="runs")
        else:
            self.schedule.finish(node.index, 0)
        return True

    def _pass_global(self, node: Node) -> bool:
        """Go on behind a step that needs all shards, if an earlier build has done it and nothing has changed since."""
        if node.index in self.passed:
            return False
        self.passed.add(node.index)
        if not self.globals.is_current(node, self._context(node)):
            return False
        self.schedule.finish(node.index, 0)
        return True

    def _is_waiting_for(self) -> set[int]:
        """The nodes that cannot be done in this build: they wait, or read what one writes that does."""
        held: set[int] = set()
        for node in self.nodes:
            if node.name in self.waiting or node.sources & held:
                held.add(node.index)
        return held

    def _complete_global(self, future: Future[GlobalState]) -> None:
        node, waiting = self.globals.complete(future)
        if waiting:
            self._wait(node, waiting)
        else:
            self.schedule.finish(node.index, 0)
            self.tell("step", node.name, state="done")

    def _work_inline(self) -> bool:
        tasks = [task for task in self._by_priority() if task.node.step.cost == "row"]
        with self.store.together():
            for task in tasks:
                self._work_at(task)
        return bool(tasks)

    def _work_at(self, task: Task) -> None:
        if task.node.name in self.waiting:
            self._leave(task)
        elif (call := task.next_call(self.readers[task.node.index])) is None:
            task.finish()
            self._finish(task)
        else:
            tally, waiting = self.inline.do(task, call)
            self._count(task.node, tally)
            if waiting:
                self._wait(task.node, waiting)

    def _by_priority(self) -> list[Task]:
        """Later steps first: what is begun gets finished."""
        return sorted(self.tasks.values(), key=lambda task: (-task.node.index, task.number))

    def _executor(self, node: Node) -> Executor:
        return self.loops if concurrency_of(node) else self.workers

    def _hand_out(self) -> bool:
        finished = False
        short: set[Executor] = set()  # of room for a step: those before it may not wait there for their turn
        for task in self._by_priority():
            if task.node.step.cost == "row":
                continue
            executor = self._executor(task.node)
            if task.node.name in self.waiting:
                finished |= self._leave(task)
            elif task.is_idle:
                task.finish()
                self._finish(task)
                finished = True
            elif not self._submit(task, executor, executor not in short):
                short.add(executor)
        return finished

    def _submit(self, task: Task, executor: Executor, ahead: bool) -> bool:
        """Start the units that a task has; False where there is no room for all."""
        while task.has_unit:
            if not executor.capacity(task.node, ahead):
                return False
            window = task.take(self.paces[task.node.index].rows)
            future = executor.submit(task.node, window, task.closing_inputs())
            task.in_flight += 1
            self.in_flight[future] = InFlight(task, window)
        return True

    def _leave(self, task: Task) -> bool:
        """Keep what a task of a waiting step has done; the next build goes on with it."""
        if task.in_flight:
            return False
        task.save()
        del self.tasks[task.node.index, task.number]
        return True

    def _context(self, node: Node) -> StepContext:
        if node.index not in self.contexts:  # one for all its workers: they count together
            self.contexts[node.index] = make_context(node, self.store.root, self.budget, self.options.part)
        return self.contexts[node.index]

    def _warn(self, node: Node, message: str) -> None:
        self.tell("warning", node.name, message=message)

    def _land(self, future: Future[UnitResult]) -> None:
        task, window = self.in_flight.pop(future)
        task.in_flight -= 1
        try:
            result = future.result()
        except WorkerLost as error:
            self._count(task.node, task.lose(window, error))
            return
        self.paces[task.node.index].learn(result.rows, result.seconds)
        task.complete(window, result)
        self._count(task.node, result.tally)
        if result.waiting:
            self._wait(task.node, result.waiting)
        if task.is_closed:
            self._finish(task)

    def _wait(self, node: Node, message: str) -> None:
        if node.name not in self.waiting:
            self.waiting[node.name] = said = plain_text(message)
            self.tell("waiting", node.name, message=said)

    def _count(self, node: Node, complete: RowTally) -> None:
        if not complete.rows:
            return
        tally = self.tallies[node.index]
        tally.merge(complete)
        causes = {"causes": dict(tally.causes)} if complete.failed else {}
        self.tell("rows", node.name, n=complete.rows, failed=tally.failed, **causes)
        tally.check(node.name, self.max_bad, node.step.advice)

    def _finish(self, task: Task) -> None:
        del self.tasks[task.node.index, task.number]
        self._mark(task.node, task.number)

    def _mark(self, node: Node, number: int) -> None:
        self.schedule.finish(node.index, number)
        if self.schedule.is_done(node.index):
            for table in node.tables if self.options.part is None else ():
                self.store.check_ids(table)
                self.store.summarise(table)
            self.tell("step", node.name, state="done")
            self._executor(node).release(node)

    def tell(self, kind: Kind, step: str, **said: Any) -> None:
        """Say what happened to whoever listens."""
        event = Event(kind, step, said)
        for listener in self.listeners:
            listener(event)
