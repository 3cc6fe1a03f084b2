"""Clips by a rule in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import TYPE_CHECKING, Annotated

from ..engine.contract.errors import RowError, UserError, nearest
from ..engine.contract.step import Filter, Step, StepContext
from ..engine.expressions.expression import bind, columns_of, connect, judge, judge_table
from ..schemas import Col, memoize
from .sql.columns import KeepInput, base_schema, clip_columns_for, clip_table, full_schema, to_table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Verdicts = Sequence[str | None | RowError]


@dataclass(frozen=True)
class Keep(Filter[KeepInput]):
    """Keep clips of which a SQL expression over their columns and scores is true.

    For instance ``seconds between 2 and 60 and conse > 0.2``. Its columns: those of the clip (``start_s``, ``cut``,
    ...) and of its video (``width_px``, ``license``, ...); ``seconds``, ``n_shots``; ``caption``,
    ``caption_words``, ``teacher`` and ``language`` of its first caption, ``n_captions``; ``objects`` and
    ``attributes`` (lists) of its tags, ``n_objects``, ``n_attributes``; and every score by its name: of the clip,
    of its captions, and of those they were chosen or made from, the highest where there are several, null where
    there is none. Any of DuckDB's functions may be used whose value follows from these alone; times are in UTC.
    Reasons: ``where`` (false), ``where_is_null`` (not known).
    """

    batch = 256  # a query takes a millisecond whatever the number of its rows
    version = 2  # times are in UTC on every machine

    where: Annotated[str, Col("SQL expression (DuckDB's) over one clip, true or false")] = "seconds > 0"

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a rule that is no expression, or that names a column or score that nothing makes."""
        measured = {name.lower(): name for step in earlier for name in step.measures}
        known = {name.lower(): name for name in base_schema().names} | measured
        db = _database(get_ident())
        try:
            for column in sorted(columns_of(db, self.where)):
                if column not in known:
                    said = f"there is no column or score {column}{nearest(column, known)}"
                    raise UserError(said, f"scores that steps before it make: {', '.join(measured) or 'none'}")
            bind(db, self.where, full_schema(measured))
        except UserError as error:
            raise UserError(f"filters.keep.where: {error.message}", error.hint) from None

    def table_columns(self) -> Sequence[str]:
        """What the rule names, where that is nothing but columns of the clip itself."""
        return clip_columns_for(_columns(self.where))

    def drop_table(self, table: pa.Table) -> pa.Array:
        """As ``open``, for many clips at once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = judge_table(_database(get_ident()), self.where, clip_table(table))
        dropped = pc.if_else(pc.is_null(values), "where_is_null", "where")
        return pc.if_else(pc.fill_null(values, False), pa.scalar(None, pa.string()), dropped)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[Callable[[list[KeepInput]], Verdicts]]:
        """Yield a function that judges a batch in one query."""
        scores = sorted(_columns(self.where) - {name.lower() for name in base_schema().names})
        yield lambda rows: [_reason(v) for v in judge(_database(get_ident()), self.where, to_table(rows, scores))]


@memoize
def _database(thread: int) -> duckdb.DuckDBPyConnection:
    """One for all rules of a thread: to open it takes longer than to judge many rows."""
    return connect()


@memoize
def _columns(where: str) -> frozenset[str]:
    return frozenset(columns_of(_database(get_ident()), where))


def _reason(value: bool | None) -> str | None:
    if value is None:
        return "where_is_null"
    return None if value else "where"
