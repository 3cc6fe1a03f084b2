"""Does a build's lock still make the same rows? Some of its videos are built again, and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import yaml

from ...engine.build import Build, run_build
from ...engine.contract.catalog import row_types
from ...engine.contract.errors import UserError
from ...engine.contract.events import Listener
from ...engine.contract.recipe import Recipe, read_recipe
from ...engine.execution.build_folder import LOCK
from ...engine.execution.runner import RunOptions
from ...engine.storage.sql import connect, quote_literal
from ...schemas import DatasetEntry, Row, id_name, row_fields

if TYPE_CHECKING:
    import duckdb

_ELSEWHERE = ("cards.hub",)  # steps that change what is outside of the build


class TableCheck(NamedTuple):
    """One table of a build beside the same of its rebuild, for the videos that were built again."""

    table: str
    rows: int  # of the build
    same: int
    different: int
    missing: int  # rows that the rebuild does not have
    new: int  # rows that only the rebuild has
    depends_on_all: bool  # a step before it reads all videos: of some alone it may keep others, and that is no fault
    ids: list[str]  # of some rows that differ

    @property
    def holds(self) -> bool:
        """Is it as it was?"""
        return not self.different and (self.depends_on_all or not (self.missing or self.new))


class Verification(NamedTuple):
    """How a rebuild compares with its build."""

    videos: int
    tables: list[TableCheck]
    files: int  # clip files of both
    other_files: list[str]  # those whose bytes differ
    changes: list[str]  # packages and steps that are not what the lock says
    stopped: str  # why the rebuild did not come to its end; empty where it did

    @property
    def holds(self) -> bool:
        """Are all rows and files that were compared as they were?"""
        return all(table.holds for table in self.tables) and not self.other_files


def verify_build(
    build: Build, folder: Path, videos: int, workers: int, listeners: Sequence[Listener] = ()
) -> Verification:
    """Build the first ``videos`` of a build again, in the empty ``folder``, and compare the rows of each table.

    Models' answers that are kept on this machine are not asked for again. Steps that publish are left out; where the
    build waits for people, what comes after them is not compared.

    Raises:
        UserError: the rebuild has no videos, such as where its sources are gone.
    """
    stopped = ""
    try:
        outcome = run_build(_recipe(build), folder, RunOptions(workers=workers, limit=videos), listeners)
        stopped = "; ".join(f"{step} waits: {message}" for step, message in outcome.waiting.items())
    except UserError as error:
        stopped = error.message
    if not (folder / LOCK).is_file():
        raise UserError(f"nothing could be built again: {stopped}")
    again = Build.read(folder)
    with build.connect() as before, again.connect() as after, connect() as db:
        sample = [video for (video,) in after.execute("SELECT DISTINCT video_id FROM videos ORDER BY 1").fetchall()]
        if not sample:
            raise UserError(f"nothing could be built again: {stopped or 'there are no videos'}")
        listed = ", ".join(map(quote_literal, sample))
        wide = _reads_all(build.lock)
        steps = {table["name"] for entry in again.lock["steps"] for table in entry["tables"]}
        checks = [
            check
            for row in row_types()
            if row is not DatasetEntry
            for check in _tables(db, (before, after), row, listed, wide & steps)
        ]
        checks += _compare_release(db, before, after, listed)
        names = [(build.root / file, folder / file, file) for file in _files(before, listed)]
    there = [(a, b, name) for a, b, name in names if a.is_file() and b.is_file()]
    others = [name for a, b, name in there if _digest(a) != _digest(b)]
    return Verification(len(sample), checks, len(there), others, list(_changes(build.lock, again.lock)), stopped)


def _recipe(build: Build) -> Recipe:
    told = dict(build.lock["recipe"])
    told["steps"] = [step for step in told["steps"] if not set(step) & set(_ELSEWHERE)]
    return read_recipe(yaml.safe_dump(told, sort_keys=False, allow_unicode=True), str(build.root / LOCK))


def _reads_all(lock: Mapping[str, Any]) -> set[str]:
    """The tables that depend on all videos: a step reads them all, or what such a step left."""
    found: set[str] = set()
    for entry in lock["steps"]:
        inputs = {*entry.get("reads", ()), *entry.get("anchors", ()), *entry.get("filters", ())}
        if entry["shape"] == "global" or inputs & found:
            found |= {table["name"] for table in entry["tables"]}
    return found


def _tables(
    db: duckdb.DuckDBPyConnection, sides: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection],
    row: type[Row], listed: str, wide: set[str],
) -> Iterator[TableCheck]:  # fmt: skip
    columns = [f.name for f in row_fields(row) if not f.col.local and not _tells_of_places(f.type)]
    named = ", ".join(f'"{column}"' for column in columns)
    query = f"SELECT _step, {named} FROM {row.table} WHERE video_id IN ({listed})"
    for name, side in zip(("_before", "_after"), sides, strict=True):
        db.register(name, side.sql(query).to_arrow_table())
    steps = [step for (step,) in db.execute("SELECT DISTINCT _step FROM _before ORDER BY 1").fetchall()]
    for step in steps:
        yield _check(db, step, id_name(row), columns, step in wide)


def _tells_of_places(hint: Any) -> bool:
    """Has it fields of its own that are facts of this machine?"""
    inner = next(iter(get_args(hint)), hint)
    return is_dataclass(inner) and any(f.col.local for f in row_fields(inner))  # type: ignore[arg-type]


def _check(db: duckdb.DuckDBPyConnection, step: str, key: str, columns: Sequence[str], wide: bool) -> TableCheck:
    differs = " OR ".join(f'a."{c}" IS DISTINCT FROM b."{c}"' for c in columns if c != key) or "false"
    where = f"_step = {quote_literal(step)}" if step else "true"
    query = (
        f'SELECT coalesce(a."{key}", b."{key}") AS id, a."{key}" IS NULL AS new, b."{key}" IS NULL AS missing,'
        f" {differs} AS different FROM (FROM _before WHERE {where}) a"
        f' FULL JOIN (FROM _after WHERE {where}) b ON a."{key}" = b."{key}"'
    )
    db.execute(f"CREATE OR REPLACE TABLE _compared AS {query}")
    [(rows, new, missing, different)] = db.execute(
        "SELECT count(*) FILTER (NOT new), count(*) FILTER (new), count(*) FILTER (missing),"
        " count(*) FILTER (different AND NOT new AND NOT missing) FROM _compared"
    ).fetchall()
    odd = "different AND NOT new AND NOT missing" if wide else "different OR new OR missing"
    ids = [id_ for (id_,) in db.execute(f"SELECT id FROM _compared WHERE {odd} ORDER BY id LIMIT 5").fetchall()]
    return TableCheck(step or "dataset", rows, rows - missing - different, different, missing, new, wide, ids)


def _compare_release(
    db: duckdb.DuckDBPyConnection, before: duckdb.DuckDBPyConnection, after: duckdb.DuckDBPyConnection, listed: str
) -> list[TableCheck]:
    """The published rows of the clips of these videos that both have; file names and splits depend on all of them."""
    sides = []
    for side in (before, after):
        sides.append({name for name, *_ in side.execute("DESCRIBE dataset").fetchall()})
    columns = sorted((sides[0] & sides[1]) - {"file_name", "_step"})
    if "caption" not in columns and "start_s" not in columns:
        return []
    named = ", ".join(f'"{column}"' for column in columns)
    for name, side in (("_before", before), ("_after", after)):
        db.register(name, side.sql(f"SELECT {named} FROM dataset WHERE video_id IN ({listed})").to_arrow_table())
    return [_check(db, "", "clip_id", columns, True)]


def _files(db: duckdb.DuckDBPyConnection, listed: str) -> list[str]:
    query = f"SELECT DISTINCT file FROM clips WHERE file IS NOT NULL AND video_id IN ({listed}) ORDER BY 1"
    return [file for (file,) in db.execute(query).fetchall()]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _changes(lock: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    for package, then in {"cliploom": lock.get("cliploom"), **lock.get("packages", {})}.items():
        now = _version(package)
        if then != now:
            yield f"{package} was {then}, here is {now}"
    prints = {table["name"]: table["fingerprint"] for entry in again["steps"] for table in entry["tables"]}
    for entry in lock["steps"]:
        for table in entry["tables"]:
            if prints.get(table["name"], table["fingerprint"]) != table["fingerprint"]:
                yield f"{table['name']} is made in another way now: its step, model or prompt is not what the lock says"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
