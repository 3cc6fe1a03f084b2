"""One SELECT over a build, in a database that can read that build and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..schemas import arrow_schema
from .build import Build
from .contract.catalog import row_types
from .contract.errors import UserError
from .storage.ledgers import Ledgers
from .storage.sql import literal_path, parquet_files, readable, select_rows
from .storage.store import shard_of

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from ..schemas import Row
    from .planning.plan import TableRef


def table_names() -> tuple[str, ...]:
    """What can be asked for by name."""
    return (*(row.table for row in row_types()), "verdicts", "errors", "dataset")


@contextmanager
def open_query(build: Build, query: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.Statement]]:
    """The database, closed to all else, and the one SELECT that the query is, to be run in it.

    Raises:
        UserError: it is not one SELECT, or DuckDB does not take it, be it only when it is run.
    """
    import duckdb

    with build.connect() as db:
        close_database(db, build)
        try:
            statements = duckdb.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UserError("only one SELECT can be asked: nothing here writes")
            yield db, statements[0]
        except duckdb.Error as error:
            said, *rest = [line for line in str(error).splitlines() if line.strip(" ^")]
            raise UserError(said, " ".join(line for line in rest if not line.startswith("LINE"))) from None


class VideoRows:
    """Reads all that a build holds of one video at a time: from the video's own shard, and no other."""

    def __init__(self, build: Build) -> None:
        self._build, self._store = build, build.store
        ledgers = Ledgers(self._store, build.tables())
        self._tables: dict[type[Row], list[TableRef]] = {}
        for _, table in build.tables():
            if table.row is not None and ledgers.current[table.name]:
                self._tables.setdefault(table.row, []).append(table)

    def read(
        self, db: duckdb.DuckDBPyConnection, row: type[Row], video_id: str, columns: Sequence[str], where: str = "true"
    ) -> pa.Table:
        """Columns of the video's rows of a type, by ``_step``, the step that wrote each.

        Args:
            db: any connection that may read the build's files.
            row: the row type.
            video_id: the video.
            columns: names of columns of the row type.
            where: SQL that rows must meet.
        """
        import pyarrow as pa

        number = shard_of(video_id, self._store.shards)
        every = list(dict.fromkeys(["video_id", *arrow_schema(row).names]))
        parts = [select_rows(table, self._store, every, [number]) for table in self._tables.get(row, ())]
        chosen = ", ".join([*columns, "_step"])
        if not (found := [part for part in parts if part]):
            return pa.table({name: pa.array([], pa.null()) for name in [*columns, "_step"]})
        with readable(self._build.root):
            query = f"SELECT {chosen} FROM ({' UNION ALL '.join(found)}) WHERE video_id = $id AND ({where})"
            return pa.RecordBatchReader.from_stream(db.sql(query, params={"id": video_id})).read_all()


def close_database(db: duckdb.DuckDBPyConnection, build: Build) -> None:
    """Leave only the files behind the views within reach."""
    places = ["tables", *([build.dataset.name] if build.dataset is not None else [])]
    found = parquet_files(build.store.files, *places)
    files = {path for file in found for path in (str(file), literal_path(file))}
    db.execute("SET python_enable_replacements = false")
    db.execute("SET allowed_paths = $files", {"files": sorted(files)}) if files else None
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")
