"""Rows as a step that reads everything at once finds them: a database with a view per table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from cliploom.engine.storage.sql import connect
from cliploom.schemas import ROWS, Embedding, Row, to_arrow


@contextmanager
def step_tables(rows: Sequence[Row]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database; a table of which there are no rows is empty."""
    with connect() as db:
        for row in ROWS:
            table = to_arrow(row, [one for one in rows if isinstance(one, row)])
            if row is Embedding:  # as the engine's views have it: DuckDB has no float16
                at = table.column_names.index("vector")
                table = table.set_column(at, "vector", table.column("vector").cast(pa.list_(pa.float32())))
            db.register(row.table, table)
        yield db
