"""What changed from one dataset to another: rows, columns, and how their numbers drifted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...engine.contract.words import number_of
from ..card.statistics import PUBLISHERS, Measure, Statistics, ValueCount, read_statistics
from ..release.reading import DatasetFolder, add_published, columns_of
from ..release.words import length_of_time

if TYPE_CHECKING:
    import duckdb

_DRIFT = 0.1  # of a measure or of values: what a changelog tells of
_BYTES = ("BLOB",)  # a column with bytes is compared by nothing here
_EXAMPLES = 5


class ColumnChange(NamedTuple):
    """Rows of both datasets whose values differ in one column."""

    column: str
    rows: int


class MeasureDrift(NamedTuple):
    """How far the values of a measure moved: the largest distance between the two cumulative shares, 0 to 1."""

    title: str
    before: float  # the mean
    after: float
    distance: float  # Kolmogorov and Smirnov's


class ValueDrift(NamedTuple):
    """How far the shares of values moved: half the sum of the differences, 0 to 1."""

    title: str
    distance: float
    most: str  # the value whose share changed most
    before: float
    after: float


class DatasetDiff(NamedTuple):
    """What changed."""

    rows_before: int
    rows_after: int
    seconds_before: float
    seconds_after: float
    added: int
    removed: int
    changed: int  # rows of both that differ in any column
    columns: list[ColumnChange]
    new_columns: list[str]
    lost_columns: list[str]
    retyped_columns: list[str]
    measures: list[MeasureDrift]
    values: list[ValueDrift]
    examples: dict[str, list[str]]  # clip ids that were added, removed and changed: some of each

    @property
    def same(self) -> bool:
        """Do both hold the same rows with the same columns?"""
        return not any(
            (self.added, self.removed, self.changed, self.new_columns, self.lost_columns, self.retyped_columns)
        )


def compare_datasets(before: DatasetFolder, after: DatasetFolder) -> DatasetDiff:
    """Compare the default tables of two datasets by ``clip_id``; the split of a clip is compared as a column."""
    from ...engine.storage.sql import connect

    with connect() as db:
        statistics = []
        for name, dataset in (("before", before), ("after", after)):
            add_published(db, dataset.root, dataset.splits)
            statistics.append(read_statistics(db))
            db.execute(f"ALTER VIEW published RENAME TO {name}")
        old, new = columns_of(db, "before"), columns_of(db, "after")
        both = [c for c in new if c in old and c != "clip_id" and old[c] == new[c] and not _holds_bytes(new[c])]
        _join(db, both)
        return _diff(db, both, (old, new), (statistics[0], statistics[1]))


def _holds_bytes(kind: str) -> bool:
    return any(word in kind for word in _BYTES)


def _join(db: duckdb.DuckDBPyConnection, columns: list[str]) -> None:
    """Make ``compared``: a row a clip, whether each dataset has it, and a flag a column for what differs."""
    flags = [f'a."{c}" IS DISTINCT FROM b."{c}" AS "{c}"' for c in columns]
    flags.append('a._split IS DISTINCT FROM b._split AS "_split"')
    db.execute(
        "CREATE TABLE compared AS SELECT coalesce(a.clip_id, b.clip_id) AS id, a.clip_id IS NOT NULL AS _before,"
        f" b.clip_id IS NOT NULL AS _after, {', '.join(flags)} FROM before a FULL JOIN after b ON a.clip_id = b.clip_id"
    )


def _diff(
    db: duckdb.DuckDBPyConnection, both: list[str], columns: tuple[Mapping[str, str], Mapping[str, str]],
    numbers: tuple[Statistics, Statistics],
) -> DatasetDiff:  # fmt: skip
    flags = [*both, "_split"]
    counts = ", ".join(f'count(*) FILTER (_before AND _after AND "{c}")' for c in flags)
    any_ = " OR ".join(f'"{c}"' for c in flags)
    kinds = {"added": "NOT _before", "removed": "NOT _after", "changed": f"_before AND _after AND ({any_})"}
    totals = ", ".join(f"count(*) FILTER ({kind})" for kind in kinds.values())
    [(added, removed, changed, *each)] = db.execute(f"SELECT {totals}, {counts} FROM compared").fetchall()
    examples = {
        name: [id_ for (id_,) in db.execute(
            f"SELECT id FROM compared WHERE {kind} ORDER BY id LIMIT {_EXAMPLES}"
        ).fetchall()]
        for name, kind in kinds.items()
    }  # fmt: skip
    (old, new), (first, second) = columns, numbers
    moved = [ColumnChange("split" if c == "_split" else c, n) for c, n in zip(flags, each, strict=True) if n]
    return DatasetDiff(
        first.rows, second.rows, first.seconds, second.seconds, added, removed, changed,
        sorted(moved, key=lambda change: -change.rows), [c for c in new if c not in old],
        [c for c in old if c not in new], [c for c in new if c in old and old[c] != new[c]],
        list(_measure_drifts(first, second)), list(_value_drifts(first, second)), examples,
    )  # fmt: skip


def _measure_drifts(before: Statistics, after: Statistics) -> Iterator[MeasureDrift]:
    known = {measure.title: measure for measure in before.measures}
    for measure in after.measures:
        if (old := known.get(measure.title)) is not None:
            yield MeasureDrift(measure.title, old.mean, measure.mean, _distance(old, measure))


def _distance(before: Measure, after: Measure) -> float:
    """The two-sample statistic of Kolmogorov and Smirnov."""
    a, b = np.sort(before.values), np.sort(after.values)
    where = np.concatenate([a, b])
    return float(
        np.max(np.abs(np.searchsorted(a, where, "right") / len(a) - np.searchsorted(b, where, "right") / len(b)))
    )


def _value_drifts(before: Statistics, after: Statistics) -> Iterator[ValueDrift]:
    for title, counts in after.counts.items():
        old, new = _shares(before.counts.get(title, [])), _shares(counts)
        if not old:
            continue
        moved = {value: abs(new.get(value, 0.0) - old.get(value, 0.0)) for value in {*old, *new}}
        most = max(sorted(moved), key=lambda value: moved[value])
        yield ValueDrift(title, sum(moved.values()) / 2, most, old.get(most, 0.0), new.get(most, 0.0))


def _shares(counts: list[ValueCount]) -> dict[str, float]:
    total = sum(count.rows for count in counts)
    return {count.value: count.rows / total for count in counts} if total else {}


def changelog_lines(diff: DatasetDiff) -> list[str]:
    """What a reader of the dataset wants to know of it, a line each, in Markdown."""
    lengths = f"{length_of_time(diff.seconds_before)} → {length_of_time(diff.seconds_after)}"
    lines = [
        f"{diff.rows_before:,} → {number_of(diff.rows_after, 'clip')} ({lengths}): {diff.added:,} added,"
        f" {diff.removed:,} removed"
    ]
    if diff.columns:
        each = ", ".join(f"`{change.column}` {change.rows:,}" for change in diff.columns)
        lines.append(f"{number_of(diff.changed, 'clip')} changed: {each}")
    for what, columns in (
        ("new", diff.new_columns),
        ("gone", diff.lost_columns),
        ("of another type", diff.retyped_columns),
    ):
        lines += [f"columns that are {what}: {', '.join(f'`{c}`' for c in columns)}"] if columns else []
    for drift in diff.measures:
        if drift.distance >= _DRIFT:
            lines.append(f"{drift.title}: mean {drift.before:.3g} → {drift.after:.3g}")
    for moved in diff.values:
        if moved.distance >= _DRIFT and moved.title != PUBLISHERS:  # whoever was taken down is not named here
            share = f"{100 * moved.before:.0f} → {100 * moved.after:.0f} %"
            lines.append(f"{moved.title}: {100 * moved.distance:.0f} % are others; most of all {moved.most} ({share})")
    return lines
