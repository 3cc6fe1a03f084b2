"""DuckDB over the tables of a build: one view per row type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ...schemas import Row, arrow_schema
from ..contract.catalog import row_types
from ..contract.errors import UserError
from ..planning.plan import Node, TableRef
from .bucket_files import bucket_name, read_buckets
from .filesystem import FileSystem
from .join import find_dropped_ids
from .row_files import IN
from .store import Store

if TYPE_CHECKING:
    import duckdb

Sources = Mapping[type[Row], Sequence[TableRef]]


def connect(memory: str = "2GB") -> duckdb.DuckDBPyConnection:
    """A fresh in-memory database that installs nothing and reports nothing."""
    import duckdb

    db = duckdb.connect(
        config={"memory_limit": memory, "autoinstall_known_extensions": "false", "preserve_insertion_order": "true"}
    )
    db.execute("SET enable_progress_bar = false")  # it is on in programs without a main file, such as workers
    read_buckets(db)
    return db


def parquet_files(files: FileSystem, *folders: str) -> list[Path]:
    """The Parquet files below some folders."""
    return [
        files.local_copy(f"{folder}/{one.name}")
        for folder in folders
        for one in files.list(folder)
        if one.name.endswith(".parquet")
    ]


def step_database(nodes: Sequence[Node], node: Node, store: Store) -> duckdb.DuckDBPyConnection:
    """The views of a ``Global`` step: what reaches it; tables that it does not read are empty."""
    assert node.reads.anchor is not None
    sources: dict[type[Row], list[TableRef]] = {node.reads.anchor: list(node.anchors)}
    for join, tables in zip(node.reads.joins, node.joined, strict=True):
        sources.setdefault(join.row, []).extend(tables)
    db = connect()
    dropped: dict[str, list[pa.Array]] = {}
    for number in range(store.shards):
        for column, ids in find_dropped_ids(nodes, node, store, number).items():
            dropped.setdefault(column, []).append(ids)
    for column, gone in dropped.items():
        db.register(f"_dropped_{column}", pa.table({"id": pa.chunked_array(gone).unique()}))
    with readable(store.root):
        add_views(db, sources, store, list(dropped))
    return db


def add_views(db: duckdb.DuckDBPyConnection, sources: Sources, store: Store, dropped: Sequence[str] = ()) -> None:
    """One view per row type over all shards; ``_step`` says which step wrote a row."""
    for row in row_types():
        schema = arrow_schema(row)
        parts = [part for table in sources.get(row, ()) if (part := select_rows(table, store, schema.names))]
        if not parts:
            _create_empty(db, row.table, schema)
            continue
        names = [c for c in dropped if c in schema.names and c not in row.outlives]
        where = [f"{c} IS NULL OR {c} NOT IN (SELECT id FROM _dropped_{c})" for c in names]
        condition = "".join(f" AND ({w})" for w in where)
        db.execute(f"CREATE VIEW {row.table} AS SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE true{condition}")


def _create_empty(db: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema) -> None:
    columns = [pa.field("_step", pa.string())]
    for field in reversed(schema):
        halfs = field.type == pa.list_(pa.field("item", pa.float16(), nullable=False))
        columns.insert(0, pa.field(field.name, pa.list_(pa.float32())) if halfs else field)  # DuckDB has no float16
    db.register("_columns", pa.schema(columns).empty_table())
    db.execute(f"CREATE TABLE {name} AS SELECT * FROM _columns")
    db.unregister("_columns")


def select_rows(table: TableRef, store: Store, columns: Sequence[str], shards: Iterable[int] | None = None) -> str:
    """SQL for a table's rows that count, of all shards or of some; empty where there are none."""
    numbers = range(store.shards) if shards is None else shards
    parts = [part for number in numbers for part in store.shard(table, number).row_parts()]
    selected = f"SELECT {', '.join(columns)}, {quote_literal(table.name)} AS _step FROM "
    queries = [selected + parquet_table(whole)] if (whole := [p.file for p in parts if p.outdated is None]) else []
    for part in parts:  # of a shard that is being worked at
        if part.outdated is not None:
            ids = ", ".join(map(quote_literal, sorted(set(part.outdated.to_pylist()))))
            queries.append(f"{selected}{parquet_table([part.file])} WHERE {IN} NOT IN ({ids})")
    return " UNION ALL ".join(queries)


@contextmanager
def readable(root: Path) -> Iterator[None]:
    """Inside, a build's files are read; what DuckDB raises for one that is gone or damaged becomes one line.

    Raises:
        UserError: naming the file.
    """
    import duckdb

    try:
        yield
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        said = str(error).splitlines()[0].partition("Error: ")[2]
        hint = "delete the folder of its table, two above it, and build again: what it held is made anew"
        raise UserError(f"a file of {root} is damaged or gone: {said}", hint) from None


def parquet_table(files: Iterable[Path], options: str = "") -> str:
    """SQL for the rows of exactly these Parquet files: nothing in a path is a pattern or becomes a column.

    Raises:
        UserError: a path that DuckDB has no way to name.
    """
    listed = ", ".join(quote_literal(literal_path(file)) for file in files)
    return f"read_parquet([{listed}], hive_partitioning=false{options})"


def literal_path(file: Path) -> str:
    """A file's absolute path as DuckDB takes it for no pattern, and for no home folder."""
    if name := bucket_name(file.absolute()):
        return name
    path = str(file.absolute())
    if "\\" in path and re.search(r"[*?\[]", path):  # a backslash cannot be escaped inside a pattern
        raise UserError(f"the path {path} has a backslash and one of * ? [", "choose another folder with --out")
    return re.sub(r"[*?\[]", r"[\g<0>]", path)


def quote_literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
