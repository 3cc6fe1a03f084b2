"""Two builds side by side: of one recipe with another teacher, prompt or threshold, say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..viewer.wall import NUMBER, WallColumn, make_wall

if TYPE_CHECKING:
    import duckdb

    from ...engine.build import Build

_EXAMPLES = 5


class MeasurePair(NamedTuple):
    """A measure of the kept clips of both builds."""

    title: str
    before: float | None  # the mean; None where the build has none
    after: float | None
    higher: int  # clips that both keep, with a higher value in the second build
    lower: int


class CaptionChange(NamedTuple):
    """A clip that both keep, with another caption."""

    clip_id: str
    shared: float  # share of the words of both that both have, 0 to 1
    before: str
    after: str


class ClipMove(NamedTuple):
    """A clip that only one of the builds keeps, and why the other does not."""

    clip_id: str
    reason: str  # of the build that does not keep it; ``not made`` where it has no such clip


class BuildComparison(NamedTuple):
    """What differs between two builds. Clips are matched by their ids."""

    clips: tuple[int, int]  # that each build has
    kept: tuple[int, int]
    both: int  # clips that both keep
    captions_changed: int  # of those
    measures: list[MeasurePair]
    captions: list[CaptionChange]  # those that changed most
    entered: list[ClipMove]  # kept by the second build alone: some of them
    left: list[ClipMove]  # kept by the first alone
    entered_by_reason: dict[str, int]
    left_by_reason: dict[str, int]
    accepted: tuple[int, int]  # kept clips whose caption people accepted or corrected, of each build


_PAIRS = """
CREATE TEMP TABLE pairs AS
SELECT coalesce(a.clip_id, b.clip_id) AS clip_id, a.state AS old_state, b.state AS new_state,
    coalesce(a.reason, '') AS old_reason, coalesce(b.reason, '') AS new_reason,
    coalesce(a.caption, '') AS old_caption, coalesce(b.caption, '') AS new_caption
FROM before a FULL JOIN after b ON a.clip_id = b.clip_id
"""
_BOTH = "old_state = 'kept' AND new_state = 'kept'"
_CHANGED = """
SELECT clip_id, CASE WHEN len(every) = 0 THEN 1.0 ELSE len(list_intersect(old, new)) / len(every) END AS shared,
    old_caption, new_caption
FROM (SELECT *, list_distinct(list_concat(old, new)) AS every FROM (
    SELECT *, list_distinct(regexp_extract_all(lower(old_caption), '\\w+')) AS old,
        list_distinct(regexp_extract_all(lower(new_caption), '\\w+')) AS new
    FROM pairs WHERE {both} AND old_caption <> new_caption)) ORDER BY shared, clip_id LIMIT {most}
"""


def compare_builds(before: Build, after: Build, most: int = _EXAMPLES) -> BuildComparison:
    """Compare two builds; of changed captions and of clips that moved, ``most`` of each are told."""
    from ...engine.storage.sql import connect

    with connect() as db:
        columns, accepted = [], []
        for name, build in (("before", before), ("after", after)):
            found, people = _copy_wall(db, name, build)
            columns.append(
                {column.name: column for column in found if column.kind == NUMBER and column.name != "start_s"}
            )
            accepted.append(people)
        db.execute(_PAIRS)
        old, new = columns
        measures = [_measure(db, name, (old | new)[name], name in old, name in new) for name in (old | new)]
        changed = db.execute(_CHANGED.format(both=_BOTH, most=most)).fetchall()
        entered, left = (_moves(db, old, new, most) for old, new in (("old", "new"), ("new", "old")))
        return BuildComparison(
            (_count(db, "old_state IS NOT NULL"), _count(db, "new_state IS NOT NULL")),
            (_count(db, "old_state = 'kept'"), _count(db, "new_state = 'kept'")),
            _count(db, _BOTH), _count(db, f"{_BOTH} AND old_caption <> new_caption"), measures,
            [CaptionChange(*row) for row in changed], entered[0], left[0], entered[1], left[1],
            (accepted[0], accepted[1]),
        )  # fmt: skip


def _copy_wall(db: duckdb.DuckDBPyConnection, name: str, build: Build) -> tuple[list[WallColumn], int]:
    """The wall of a build as a table, and the number of kept clips whose caption people took."""
    import pyarrow as pa

    with build.connect() as own:
        columns = make_wall(own, build)
        rows = pa.RecordBatchReader.from_stream(own.sql("SELECT * EXCLUDE (_text) FROM wall")).read_all()
        [(accepted,)] = own.execute(
            "SELECT count(DISTINCT clip_id) FROM wall JOIN reviews USING (clip_id)"
            " WHERE state = 'kept' AND verdict IN ('accept', 'edit') AND coalesce(holds, true)"
        ).fetchall()
    db.register("_rows", rows)
    db.execute(f"CREATE TEMP TABLE {name} AS FROM _rows")
    db.unregister("_rows")
    return columns, int(accepted)


def _measure(
    db: duckdb.DuckDBPyConnection, name: str, column: WallColumn, in_before: bool, in_after: bool
) -> MeasurePair:
    def mean(table: str, there: bool) -> float | None:
        if not there:
            return None
        query = f'SELECT avg("{name}") FROM {table} WHERE state = \'kept\' AND isfinite("{name}")'
        [(value,)] = db.execute(query).fetchall()
        return None if value is None else float(value)

    higher = lower = 0
    if in_before and in_after:
        [(higher, lower)] = db.execute(
            f'SELECT count(*) FILTER (b."{name}" > a."{name}"), count(*) FILTER (b."{name}" < a."{name}")'
            " FROM before a JOIN after b USING (clip_id) WHERE a.state = 'kept' AND b.state = 'kept'"
        ).fetchall()
    return MeasurePair(column.title, mean("before", in_before), mean("after", in_after), higher, lower)


def _moves(db: duckdb.DuckDBPyConnection, away: str, there: str, most: int) -> tuple[list[ClipMove], dict[str, int]]:
    """Clips that the build ``there`` keeps and the other does not: some, and all by reason."""
    reason = f"CASE WHEN {away}_state IS NULL THEN 'not made' WHEN {away}_reason = '' THEN {away}_state" \
             f" ELSE {away}_reason END"  # fmt: skip
    moved = f"FROM pairs WHERE {there}_state = 'kept' AND {away}_state IS DISTINCT FROM 'kept'"
    some = db.execute(f"SELECT clip_id, {reason} {moved} ORDER BY clip_id LIMIT {most}").fetchall()
    every = db.execute(f"SELECT {reason}, count(*) {moved} GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    return [ClipMove(*row) for row in some], dict(every)


def _count(db: duckdb.DuckDBPyConnection, where: str) -> int:
    [(n,)] = db.execute(f"SELECT count(*) FROM pairs WHERE {where}").fetchall()
    return int(n)


def as_plain(found: BuildComparison) -> dict[str, Any]:
    """The comparison as values that JSON holds."""
    plain = found._asdict()
    for name in ("measures", "captions", "entered", "left"):
        plain[name] = [one._asdict() for one in plain[name]]
    return plain
