"""DuckDB over the tables of a build: one view per row type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ...schemas import ROWS, Row, arrow_schema
from ..planning.plan import Node, TableRef
from .join import dropped_ids
from .store import Store

if TYPE_CHECKING:
    import duckdb

Sources = Mapping[type[Row], Sequence[TableRef]]


def connect(memory: str = "2GB") -> duckdb.DuckDBPyConnection:
    """A fresh in-memory database that installs nothing and reports nothing."""
    import duckdb

    return duckdb.connect(
        config={"memory_limit": memory, "autoinstall_known_extensions": "false", "preserve_insertion_order": "true"}
    )


def step_database(nodes: Sequence[Node], node: Node, store: Store) -> duckdb.DuckDBPyConnection:
    """The views of a ``Whole`` step: what reaches it; tables that it does not read are empty."""
    assert node.reads.anchor is not None
    sources: dict[type[Row], list[TableRef]] = {node.reads.anchor: list(node.anchors)}
    for join, tables in zip(node.reads.joins, node.joined, strict=True):
        sources.setdefault(join.row, []).extend(tables)
    db = connect()
    dropped: dict[str, set[str]] = {}
    for number in range(store.shards):
        for column, ids in dropped_ids(nodes, node, store, number).items():
            dropped.setdefault(column, set()).update(ids.to_pylist())
    for column, gone in dropped.items():
        db.register(f"_dropped_{column}", pa.table({"id": pa.array(sorted(gone), pa.string())}))
    add_views(db, sources, store, list(dropped))
    return db


def add_views(db: duckdb.DuckDBPyConnection, sources: Sources, store: Store, dropped: Sequence[str] = ()) -> None:
    """One view per row type over all shards; ``_step`` says which step wrote a row."""
    for row in ROWS:
        schema = arrow_schema(row)
        parts = [part for table in sources.get(row, ()) if (part := _select(table, store, schema.names))]
        if not parts:
            db.register(f"_empty_{row.table}", _empty(schema))
            parts = [f"SELECT * FROM _empty_{row.table}"]
        where = [f"{c} IS NULL OR {c} NOT IN (SELECT id FROM _dropped_{c})" for c in dropped if c in schema.names]
        condition = "".join(f" AND ({w})" for w in where)
        db.execute(f"CREATE VIEW {row.table} AS SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE true{condition}")


def _empty(schema: pa.Schema) -> pa.Table:
    columns = [pa.field("_step", pa.string())]
    for field in reversed(schema):
        halfs = field.type == pa.list_(pa.field("item", pa.float16(), nullable=False))
        columns.insert(0, pa.field(field.name, pa.list_(pa.float32())) if halfs else field)  # DuckDB has no float16
    return pa.schema(columns).empty_table()


def _select(table: TableRef, store: Store, columns: Sequence[str]) -> str:
    files = [file for number in range(store.shards) for file in store.shard(table, number).row_files()]
    if not files:
        return ""
    names = ", ".join(columns)
    return f"SELECT {names}, {quoted(table.name)} AS _step FROM read_parquet([{', '.join(map(_path, files))}])"


def _path(file: Path) -> str:
    return quoted(str(file))


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
