"""What a build would do, found out without doing any of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .contract.options import plain_options
from .contract.recipe import Recipe
from .contract.requirements import Requirement
from .contract.resources import Resources
from .contract.step import Item
from .contract.words import number_of
from .execution.build_folder import check_build_folder, check_recipe
from .execution.global_step import global_key, make_context
from .execution.runner import RunOptions
from .execution.shard_task import Task, deal_items
from .execution.worker_pool import most_workers
from .planning.plan import Node, TableRef, concurrency_of, make_plan
from .storage.join import inputs_of
from .storage.store import Store


class Placement(NamedTuple):
    """Where a step's work is done, and what that takes of this machine.

    Attributes:
        workers: processes at once, as far as there is memory; 0 where the main process does it.
        concurrency: rows at once that wait for servers; 0 for a step that works.
        resources: what each of the workers takes.
    """

    workers: int = 0
    concurrency: int = 0
    resources: Resources = Resources()

    def __str__(self) -> str:
        if self.concurrency:
            return f"{number_of(self.concurrency, 'row')} at once, waiting for servers"
        if not self.workers:
            return "the main process"
        return f"{number_of(self.workers, 'worker')}{' each' if self.workers > 1 else ''} of {self.resources}"


class Forecast(NamedTuple):
    """What a build would do for one table of a plan.

    Attributes:
        name: the step's name, with that of the table where a step writes several.
        shape: ``source``, ``map``, ``split``, ``multioutput``, ``filter`` or ``global``.
        done: input rows that it has handled: done, dropped or failed.
        failed: how many of those failed.
        to_do: input rows that are known to be missing.
        why: the reasons for ``to_do``, each with its number.
        changed: what differs from the last build: options, code, or what it reads; empty for nothing.
        after: a step before it whose rows are not all there yet, so that more may be to do; empty for none.
        waiting: what it waits for, if it is people.
        missing: packages, weights and programs that it lacks, where something is, or may be, to do.
        placement: how many workers its step has, and what each of them takes.
    """

    name: str
    shape: str
    done: int
    failed: int
    to_do: int
    why: dict[str, int]
    changed: str
    after: str
    waiting: str
    missing: tuple[Requirement, ...] = ()
    placement: Placement = Placement()


@dataclass
class _Count:
    done: int = 0
    failed: int = 0
    why: Counter[str] = field(default_factory=Counter)
    after: str = ""


def preview_build(recipe: Recipe, root: Path, options: RunOptions) -> list[Forecast]:
    """What ``run_build`` would do in this folder; reads tables and ledgers, writes nothing.

    Raises:
        UserError: as ``run_build``, for a wrong recipe or a folder of another one.
    """
    nodes = make_plan(recipe)
    check_build_folder(root, nodes)
    old = check_recipe(root, recipe)
    found = _Preview(nodes, Store(root, recipe.shards), options, old).forecasts()
    lacking = _lacking(nodes)
    steps = {table.name: node.name for node in nodes for table in node.tables}
    return [one._replace(missing=lacking.get(steps[one.name], ())) if one.to_do or one.after else one for one in found]


def missing_requirements(recipe: Recipe, root: Path, options: RunOptions) -> dict[str, tuple[Requirement, ...]]:
    """What this machine lacks, by step; a step with nothing to do needs nothing."""
    nodes = make_plan(recipe)
    if not _lacking(nodes):
        return {}
    steps = {table.name: node.name for node in nodes for table in node.tables}
    return {steps[one.name]: one.missing for one in preview_build(recipe, root, options) if one.missing}


def _lacking(nodes: Sequence[Node]) -> dict[str, tuple[Requirement, ...]]:
    """What is not here, by step, each once; a step that comes again in another place lacks no more than it did."""
    steps = {id(node.step): node for node in reversed(nodes)}
    found = {
        node.name: tuple(dict.fromkeys(needed for needed in node.step.requirements() if not needed.is_there))
        for node in reversed(steps.values())
    }
    return {name: missing for name, missing in found.items() if missing}


class _Preview:
    def __init__(
        self, nodes: Sequence[Node], store: Store, options: RunOptions, lock: Mapping[str, Any] | None
    ) -> None:
        self.nodes, self.store, self.options = nodes, store, options
        self.before = {step["name"]: step for step in lock["steps"]} if lock else {}
        self.machine = options.machine()
        self.is_up_to_date: set[tuple[int, int]] = set()  # (node, shard); a whole step's shard is 0

    def forecasts(self) -> list[Forecast]:
        """Node by node, so that each finds out what is settled before it."""
        found = []
        items = deal_items(self.nodes, self.options.limit, self.store.shards)
        for node in self.nodes:
            found += self._whole(node) if node.shape == "global" else self._shards(node, items.get(node.index, {}))
        return found

    def _open(self, node: Node, number: int) -> str:
        """The first step that must run before this shard can be looked at; "" where none must."""
        needs = [(need, 0 if self.nodes[need].shape == "global" else number) for need in sorted(node.needs)]
        return next((self.nodes[need].name for need, at in needs if (need, at) not in self.is_up_to_date), "")

    def _shards(self, node: Node, items: Mapping[int, Sequence[Item]]) -> list[Forecast]:
        counts = {table.name: _Count() for table in node.tables}
        for number in range(self.store.shards):
            if after := self._open(node, number):
                for table in node.tables:
                    self._count_known(counts[table.name], table, number, after)
                continue
            task = Task(self.nodes, node, self.store, number, items.get(number, ()))
            if task.is_up_to_date(self.options.retry_failed):
                self.is_up_to_date.add((node.index, number))
                for table in node.tables:
                    self._count_known(counts[table.name], table, number, "")
                continue
            task.open(self.options.retry_failed)
            if not task.to_do and all(shard.untouched for shard in task.shards.values()):
                self.is_up_to_date.add((node.index, number))  # nothing reaches it, and nothing ever did
            for table in node.tables:
                self._missing(counts[table.name], node, table, task)
        return [self._forecast(node, table, counts[table.name], "") for table in node.tables]

    def _count_known(self, count: _Count, table: TableRef, number: int, after: str) -> None:
        counts = self.store.shard(table, number).counts()
        count.done += counts.came
        count.failed += counts.failed
        count.after = count.after or after

    def _missing(self, count: _Count, node: Node, table: TableRef, task: Task) -> None:
        standing = task.standings[table.name]
        to_do = standing.to_do(self.options.retry_failed)
        new, changed = to_do & ~standing.known, to_do & standing.known & ~standing.same
        anew = self._rebuild_reason(node, table)
        for why, which in (
            (anew or "new", new), ("what it reads changed", changed), ("failed before", to_do & standing.same)
        ):  # fmt: skip
            count.why += Counter({why: int(which.sum())})
        count.done += int((~to_do).sum())
        count.failed += int((~to_do & standing.failed).sum())

    def _whole(self, node: Node) -> list[Forecast]:
        [table] = node.tables
        state, count = self.store.global_state(table), _Count()
        opened = [self._open(node, number) for number in range(self.store.shards)]
        if after := next(filter(None, opened), ""):
            count.after, count.done = after, state.came if state else 0
            count.failed = self._whole_failures(table)
            return [self._forecast(node, table, count, "")]
        key = global_key(node, self.store, make_context(node, self.store.root))
        same = state is not None and state.key == key
        came = sum(len(inputs_of(self.nodes, node, self.store, n).ids) for n in range(self.store.shards))
        if state and same:
            count.done, count.failed = came, self._whole_failures(table)
            if not state.waiting:
                self.is_up_to_date.add((node.index, 0))
        else:
            why = "what it reads changed" if state else self._rebuild_reason(node, table) or "new"
            count.why[why] += came
        return [self._forecast(node, table, count, state.waiting if state and same else "")]

    def _whole_failures(self, table: TableRef) -> int:
        return sum(self.store.shard(table, number).counts().failed for number in range(self.store.shards))

    def _rebuild_reason(self, node: Node, table: TableRef) -> str:
        """Why a table that the last build had is begun again, in a word; "" where it goes on."""
        old = self._old_fingerprint(node, table)
        return "" if old is None or old == table.fingerprint else self._describe_change(node, table).partition(":")[0]

    def _old_fingerprint(self, node: Node, table: TableRef) -> str | None:
        tables = self.before[node.name]["tables"] if node.name in self.before else []
        return next((t["fingerprint"] for t in tables if t["name"] == table.name), None)

    def _describe_change(self, node: Node, table: TableRef) -> str:
        """What differs from the last build, in words; "" where nothing does."""
        old = self._old_fingerprint(node, table)
        if old is None or old == table.fingerprint:
            return ""
        step, now = self.before[node.name], plain_options(node.step, hashed=True)
        if differ := list(_differing(step["options"], now)):
            return f"options changed: {', '.join(differ)}"
        if step.get("revision", "") != node.step.revision():
            return "its model or prompt changed"
        if any(self._rebuild_reason(self.nodes[t.node], t) for group in (node.anchors, *node.joined) for t in group):
            return "what it reads is made anew"
        return "its code or the tables it reads changed"

    def _forecast(self, node: Node, table: TableRef, count: _Count, waiting: str) -> Forecast:
        to_do, why, changed = sum(count.why.values()), dict(count.why), self._describe_change(node, table)
        return Forecast(
            table.name, node.shape, count.done, count.failed, to_do, why, changed, count.after, waiting,
            placement=self._placement(node),
        )  # fmt: skip

    def _placement(self, node: Node) -> Placement:
        needs, concurrency = node.step.resources(), concurrency_of(node)
        if node.step.cost == "row" and node.shape != "global":
            return Placement(resources=needs)
        if node.shape == "global":
            return Placement(1, 0, needs)
        return Placement(
            0 if concurrency else most_workers(node, self.machine, self.options.workers), concurrency, needs
        )


def _differing(was: Mapping[str, Any], now: Mapping[str, Any], of: str = "") -> Iterator[str]:
    """Each option that is another now, with both values; facts of the machine, which ``now`` lacks, do not count."""
    for key, value in now.items():
        old = was.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            yield from _differing(old, value, f"{of}{key}.")
        elif old != value:
            yield f"{of}{key} {old!r} → {value!r}"
