"""A published table in numbers: what a card tells, and what two releases differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..release.reading import columns_of

if TYPE_CHECKING:
    import duckdb

_MOST = 20  # values of a column that are told
PUBLISHERS = "publishers of the sources"


class Measure(NamedTuple):
    """The values of one measure."""

    title: str
    unit: str
    whole: bool  # whole numbers
    rows: int  # that have one
    low: float
    median: float
    mean: float
    high: float
    values: NDArray[np.float64]


class ValueCount(NamedTuple):
    """How many rows have a value."""

    value: str
    rows: int


class Statistics(NamedTuple):
    """A published table in numbers."""

    rows: int
    videos: int
    seconds: float
    measures: list[Measure]
    counts: dict[str, list[ValueCount]]  # the most frequent values: of tags, licences, publishers, teachers


def read_statistics(db: duckdb.DuckDBPyConnection) -> Statistics:
    """Count in the view ``published``, as ``release.reading`` makes it."""
    columns = columns_of(db)
    [(rows, videos, seconds)] = db.execute(
        "SELECT count(*), count(DISTINCT video_id), coalesce(sum(duration_s), 0) FROM published"
    ).fetchall()
    measures = [m for spec in _measures(columns) if (m := _measure(db, *spec)) is not None]
    counts = {
        title: [ValueCount(str(value or "not stated"), n) for value, n in db.execute(query).fetchall()]
        for column, title, query in _COUNTS
        if column in columns
    }
    return Statistics(rows, videos, seconds, measures, {title: found for title, found in counts.items() if found})


_SINGLE = f"SELECT {{0}}, count(*) AS n FROM published GROUP BY 1 ORDER BY n DESC, 1 LIMIT {_MOST}"
_LISTED = f"""
SELECT o, count(*) AS n FROM (SELECT unnest({{0}}) AS o FROM published) GROUP BY 1 ORDER BY n DESC, 1 LIMIT {_MOST}
"""
_COUNTS = (  # columns read from JSON have no type where no row has a tag
    ("objects", "objects in captions", _LISTED.format("list_distinct(objects::VARCHAR[])")),
    ("attributes", "attributes in captions", _LISTED.format("list_distinct(attributes::VARCHAR[])")),
    ("teacher", "who wrote the captions", _SINGLE.format("teacher")),
    ("license", "licences of the sources", _SINGLE.format("license")),
    ("uploader", PUBLISHERS, _SINGLE.format("uploader")),
)


def _measures(columns: dict[str, str]) -> list[tuple[str, str, str, bool]]:
    """Title, unit, SQL and whether the numbers are whole."""
    words = "len(regexp_extract_all({0}, '\\S+'))"
    found = [("clip length", "s", "duration_s", False)]
    found += [("words per caption", "", words.format("caption"), True)] if "caption" in columns else []
    found += [("words of the transcript", "", words.format("transcript"), True)] if "transcript" in columns else []
    found += [("shots per clip", "", "shots", True)] if "shots" in columns else []
    return found + [(name, "", f'"{name}"', False) for name in columns if name.startswith("score_")]


def _measure(db: duckdb.DuckDBPyConnection, title: str, unit: str, sql: str, whole: bool) -> Measure | None:
    query = f"SELECT v FROM (SELECT ({sql})::DOUBLE AS v FROM published) WHERE v IS NOT NULL AND isfinite(v)"
    found: Any = db.execute(query).fetchnumpy()["v"]
    values = np.asarray(found, np.float64)
    if not len(values):
        return None
    spread = (float(values.min()), float(np.median(values)), float(values.mean()), float(values.max()))
    return Measure(title, unit, whole, len(values), *spread, values)
