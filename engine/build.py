"""A build folder: made by ``run_build``, read by ``Build``."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ..schemas import DatasetEntry, Row
from .contract.catalog import row_types
from .contract.errors import UserError
from .contract.events import EventLog, Listener
from .contract.options import plain_options
from .contract.recipe import Recipe, dump_recipe
from .contract.requirements import Requirement, how_to_get, lacks
from .execution.address_space import check_address_space
from .execution.build_folder import LOCK, check_build_folder, check_recipe, dataset_folder, read_lock
from .execution.lease import BuildLease, hold_build_folder
from .execution.parts import Part
from .execution.progress_record import ProgressWriter
from .execution.runner import Runner, RunOptions
from .planning.plan import Node, TableRef, make_plan
from .preview import missing_requirements
from .storage.addresses import build_root, carrying_back, place_of
from .storage.files import read_json, write_json, write_text
from .storage.ledger import DROPPED, LEDGER
from .storage.ledgers import Ledgers
from .storage.manifest import FORMAT
from .storage.sql import add_views, connect, parquet_files, parquet_table, quote_literal, readable
from .storage.store import Store

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

WAITING = "waiting.json"
_PACKAGES = ("av", "duckdb", "numpy", "pyarrow", "scenedetect-headless", "opencv-python-headless")


class FunnelStage(NamedTuple):
    """What one step did with what came: one stage of the funnel.

    Attributes:
        name: the step's name, with that of the table where a step writes several.
        shape: ``source``, ``map``, ``split``, ``multioutput``, ``filter`` or ``global``.
        table: the table that it writes; empty for a step that gives verdicts only.
        came: rows that reached it. Each is done, dropped or failed, or still to do.
        done: rows that it has done.
        dropped: rows that it dropped.
        failed: rows that it failed at.
        waiting: 1 for a step that waits for people or a server.
        rows: rows that it wrote.
        reasons: why rows and parts of them were dropped, each reason with its number.
        causes: why rows failed, likewise.
        seconds: work, added up over all processes.
        parts: parts that it dropped of rows that it did, such as shots that are too short for a clip.
        finished: false where the steps before it have changed since, so that the next build goes on with it.
    """

    name: str
    shape: str
    table: str
    came: int
    done: int
    dropped: int
    failed: int
    waiting: int
    rows: int
    reasons: dict[str, int]
    causes: dict[str, int]
    seconds: float
    parts: int = 0
    finished: bool = True

    @property
    def all_dropped(self) -> int:
        """Rows and parts of rows that it dropped."""
        return self.dropped + self.parts

    @property
    def all_failed(self) -> bool:
        """Did all of its rows fail?"""
        return 0 < self.came == self.failed


class BuildOutcome(NamedTuple):
    """How a build ended: what it waits for, by step; empty for a finished one."""

    root: Path
    waiting: dict[str, str]


def run_build(recipe: Recipe, root: Path, options: RunOptions, listeners: Sequence[Listener] = ()) -> BuildOutcome:
    """Build a recipe in a folder, as far as it goes.

    Raises:
        UserError: the recipe is wrong, the folder is held by another build or belongs to another
            recipe, a package is missing, or too many rows fail. What was done by then is kept.
    """
    check_address_space()
    nodes = make_plan(recipe)
    check_build_folder(root, nodes)
    missing = missing_requirements(recipe, root, options)
    _check_requirements(missing)
    part: Part | None = options.part
    while True:
        with hold_build_folder(root, part) as lease, carrying_back(root):
            waiting = _build(recipe, nodes, root, replace(options, part=part), (missing, lease, listeners))
            orphans = lease.orphans()
        if not orphans:
            return BuildOutcome(root, waiting)
        part = orphans[0]


def _build(
    recipe: Recipe, nodes: Sequence[Node], root: Path, options: RunOptions,
    given: tuple[Mapping[str, Sequence[Requirement]], BuildLease, Sequence[Listener]],
) -> dict[str, str]:  # fmt: skip
    """Build while the folder is held; what is waited for."""
    missing, lease, listeners = given
    part = options.part
    check_recipe(root, recipe)
    write_text(root / LOCK, yaml.safe_dump(lock(recipe, nodes), sort_keys=False, allow_unicode=True, width=100))
    name = f"events-{part.number}-of-{part.of}.jsonl" if part else "events.jsonl"
    log, finished, store = EventLog(root / name), False, Store(root, recipe.shards, lease)
    watched = ProgressWriter(store.files, f"{part.number}-of-{part.of}" if part else "build")
    if options.watch is not None:
        options.watch(watched.copy)
    runner = Runner(nodes, store, options, recipe, (log, watched, *listeners))
    try:
        runner.tell("build", "", recipe=recipe.name, root=place_of(root), steps=[n.name for n in nodes])
        for step, needed in missing.items():
            runner.tell("warning", step, message=f"{lacks(step, needed)}; {how_to_get(needed)}")
        if part is None:
            (root / WAITING).unlink(missing_ok=True)
        runner.run()
        if part is None:
            write_json(root / WAITING, runner.waiting)
        runner.tell("done", "", waiting=runner.waiting)
        finished = True
    finally:
        if not finished:
            error = sys.exception()
            runner.tell("stopped", "", error=type(error).__name__, message=str(error))
        log.close()
        watched.close()
    return runner.waiting


def _check_requirements(missing: Mapping[str, Sequence[Requirement]]) -> None:
    """Raise ``UserError`` for all that steps lack and cannot do without."""
    needed = {name: [one for one in some if not one.optional] for name, some in missing.items()}
    lacking = {name: some for name, some in needed.items() if some}
    if lacking:
        said = f"what {len(lacking)} of the steps load is not here" if len(lacking) > 1 else "not all is here"
        details = [lacks(name, some) for name, some in lacking.items()]
        raise UserError(said, how_to_get(one for some in lacking.values() for one in some), details)


def lock(recipe: Recipe, nodes: Sequence[Node]) -> dict[str, Any]:
    """What ``recipe.lock.yaml`` holds: every option resolved, versions and fingerprints."""
    steps = []
    for node in nodes:
        tables = [
            {"name": t.name, "table": t.row.table if t.row else "", "fingerprint": t.fingerprint} for t in node.tables
        ]
        entry = {"name": node.name, "step": _kind(node), "version": node.step.version, "shape": node.shape}
        inputs = [t for group in (node.anchors, *node.joined) for t in group]
        entry |= {"reads": _names(inputs), "anchors": _names(node.anchors), "filters": _names(node.filters)}
        entry |= {"options": plain_options(node.step)}
        revision = node.step.revision()
        entry |= {"revision": revision} if revision else {}
        steps.append({**entry, "tables": tables})
    return {
        "name": recipe.name,
        "format": FORMAT,
        "cliploom": _version("cliploom"),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "shards": recipe.shards,
        "recipe": dump_recipe(recipe),
        "steps": steps,
    }


def _names(tables: Iterable[TableRef]) -> list[str]:
    return sorted({table.name for table in tables})


def _kind(node: Node) -> str:
    from .contract.catalog import step_name

    return step_name(type(node.step))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True)
class Build:
    """A build folder, for reading."""

    root: Path
    lock: dict[str, Any]

    @classmethod
    def read(cls, root: Path) -> Build:
        """Open a build folder, also by its address; ``UserError`` for a folder that holds no build."""
        root = build_root(root)
        found = read_lock(root)
        if found is None:
            raise UserError(f"{place_of(root)} holds no build", "`cliploom build RECIPE` makes one")
        return cls(root, found)

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.lock["name"])

    @property
    def store(self) -> Store:
        """Its tables."""
        return Store(self.root, self.lock["shards"])

    @property
    def dataset(self) -> Path | None:
        """The dataset folder that its last dataset step writes; None where no step does."""
        return dataset_folder(self.root, self.lock)

    def tables(self) -> list[tuple[dict[str, Any], TableRef]]:
        """Every table with the lock's entry of its step, in the recipe's order."""
        rows: dict[str, type[Row]] = {row.table: row for row in row_types()}
        return [
            (step, TableRef(i, table["name"], rows.get(table["table"]), table["fingerprint"]))
            for i, step in enumerate(self.lock["steps"])
            for table in step["tables"]
        ]

    def funnel(self) -> list[FunnelStage]:
        """What became of everything, step by step."""
        ledgers, waits = Ledgers(self.store, self.tables()), self.waiting()
        return [_stage(ledgers, step, table, step["name"] in waits) for step, table in self.tables()]

    def waiting(self) -> dict[str, str]:
        """What steps wait for, by step."""
        store = self.store
        states = ((table.name, store.global_state(table)) for _, table in self.tables())
        said: dict[str, str] = read_json(self.root / WAITING) or {}
        return {name: state.waiting for name, state in states if state and state.waiting} | said

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A database with a view per row type, and ``verdicts``, ``errors`` and ``dataset``."""
        import pyarrow as pa

        db = connect()
        ledgers = Ledgers(self.store, self.tables())
        sources: dict[type[Row], list[TableRef]] = {}
        missed: list[pa.Table] = [_with_step_name(LEDGER.empty_table(), "")]
        for _, table in self.tables():
            if table.row is not None and ledgers.current[table.name]:
                sources.setdefault(table.row, []).append(table)
            missed += [_with_step_name(lines, table.name) for lines in ledgers.misses(table)]
        with readable(self.root):
            add_views(db, sources, ledgers.store)
            self._add_dataset(db, DatasetEntry in sources)
        db.register("_missed", pa.concat_tables(missed))
        said = f"SELECT step, id, video_id, {{}} FROM _missed WHERE status {{}} {quote_literal(DROPPED)}"
        db.execute(f"CREATE TABLE verdicts AS {said.format('kind AS reason, message AS detail', '=')}")
        db.execute(f"CREATE TABLE errors AS {said.format('kind, message, attempts::BIGINT AS attempts', '<>')}")
        db.unregister("_missed")
        return db

    def _add_dataset(self, db: duckdb.DuckDBPyConnection, published: bool) -> None:
        folder = self.dataset
        files = parquet_files(self.store.files, folder.name) if published and folder is not None else []
        if files:
            db.execute(f"CREATE VIEW dataset AS SELECT * FROM {parquet_table(files, ', union_by_name=true')}")
        else:
            db.execute("CREATE VIEW dataset AS SELECT * FROM entries WHERE false")


def _stage(ledgers: Ledgers, step: dict[str, Any], table: TableRef, waits: bool) -> FunnelStage:
    n, out = ledgers.counts(table), table.row.table if table.row else ""
    return FunnelStage(
        table.name, step["shape"], out, ledgers.came(table, n), n.done, n.dropped, n.failed, int(waits), n.rows,
        n.reasons, n.causes, n.seconds, n.parts, ledgers.finished[table.name],
    )  # fmt: skip


def _with_step_name(ledger: pa.Table, step: str) -> pa.Table:
    """Lines of a ledger with the name of the step that it is of."""
    import pyarrow as pa

    return ledger.append_column("step", pa.array([step] * ledger.num_rows, pa.string()))
