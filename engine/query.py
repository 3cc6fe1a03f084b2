"""One SELECT over a build, in a database that can read that build and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .build import Build
from .contract.catalog import row_types
from .contract.errors import UserError
from .storage.sql import literal_path, parquet_files

if TYPE_CHECKING:
    import duckdb


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
        _close(db, build)
        try:
            statements = duckdb.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UserError("only one SELECT can be asked: nothing here writes")
            yield db, statements[0]
        except duckdb.Error as error:
            said, *rest = [line for line in str(error).splitlines() if line.strip(" ^")]
            raise UserError(said, " ".join(line for line in rest if not line.startswith("LINE"))) from None


def _close(db: duckdb.DuckDBPyConnection, build: Build) -> None:
    """Leave only the files behind the views within reach."""
    places = ["tables", *([build.dataset.name] if build.dataset is not None else [])]
    found = parquet_files(build.store.files, *places)
    files = {path for file in found for path in (str(file), literal_path(file))}
    db.execute("SET python_enable_replacements = false")
    db.execute("SET allowed_paths = $files", {"files": sorted(files)}) if files else None
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")
