"""The steps that read everything at once and are under way, each in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from ..contract.errors import UserError
from ..contract.step import StepContext
from ..planning.plan import Node, outline_nodes
from ..storage.store import GlobalState, Store
from .failures import WorkerLost
from .global_step import global_key, run_global
from .worker import Worker


class GlobalRuns:
    """What they write counts once their process has come to its end: then the runner says that it is the table."""

    def __init__(self, nodes: Sequence[Node], store: Store) -> None:
        self._nodes, self._store = nodes, store
        self.futures: dict[Future[GlobalState], tuple[Node, Worker]] = {}

    def runs(self, node: Node) -> bool:
        """Is this step under way?"""
        return any(node is other for other, _ in self.futures.values())

    def is_current(self, node: Node, context: StepContext) -> bool:
        """Is the step's table the outcome of just what is there?"""
        state = self._store.global_state(node.tables[0])
        return bool(state and not state.waiting and state.key == global_key(node, self._store, context))

    def start(self, node: Node, context: StepContext) -> bool:
        """Start a step all of whose inputs are there; False where its table is the outcome of just these."""
        if self.is_current(node, context):
            return False
        [table] = node.tables
        key = global_key(node, self._store, context)
        self._store.begin_global(table)
        worker, nodes = Worker(node.step.isolate, context.usage), outline_nodes(self._nodes, node)
        given = (nodes, node.index, self._store.root, self._store.shards, key, context)
        self.futures[worker.submit(node.timeout_s, run_global, *given)] = (node, worker)
        return True

    def complete(self, future: Future[GlobalState]) -> tuple[Node, str]:
        """A step has come to its end: what it is, and what it waits for.

        Raises:
            UserError: it has failed.
        """
        node, worker = self.futures.pop(future)
        try:
            state = future.result()
        except WorkerLost as error:
            raise UserError(f"{node.name} failed: {error}") from None
        finally:
            worker.close()
        self._store.end_global(node.tables[0], state)
        self._store.summarise(node.tables[0])
        return node, state.waiting

    def end(self) -> None:
        """End those that are under way now."""
        for _, worker in self.futures.values():
            worker.kill()
