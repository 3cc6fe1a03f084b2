"""The order that tasks are asked in: by hash, by what was measured of their captions, in turns over strata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ...engine.contract.errors import UserError, nearest
from ...engine.expressions.expression import columns_of, connect, name_groups
from ...engine.storage.sql import quote_literal
from ...schemas import Caption, Clip, Video, arrow_schema, row_fields

if TYPE_CHECKING:
    import duckdb

    from .sampling import TaskSample

_LINKED = """linked AS (
    SELECT key, name, value FROM _asked JOIN scores USING (clip_id) LEFT JOIN captions ON captions.caption_id = key
    WHERE key = _asked.clip_id OR coalesce(scores.caption_id, key) = key
        OR list_contains(captions.parents, scores.caption_id)
)"""
"""The scores that belong to a task: of its clip, of its caption and of those that it was chosen or made from; of all
captions where the task is about all of them."""
_WORDED = r"""worded AS (
    SELECT clip_id, caption_id, teacher, list_distinct(regexp_extract_all(lower(text), '[\p{L}\p{N}]+')) AS words
    FROM captions WHERE kind <> 'differential' AND start_s IS NULL AND len(words) > 0
)"""
_MEASURES = {
    "random": "measured AS (SELECT key, NULL AS value FROM _asked)",
    "score": f"{_LINKED}, measured AS (SELECT key, max(value) AS value FROM linked WHERE name = $score GROUP BY key)",
    "margin": """measured AS (
        SELECT key, best[1] - best[2] AS value FROM _asked JOIN (
            SELECT clip_id, list(value ORDER BY value DESC) AS best FROM scores
            WHERE name = $score AND caption_id IS NOT NULL GROUP BY clip_id
        ) USING (clip_id))""",
    "disagreement": f"""{_WORDED}, far AS (
        SELECT a.clip_id, avg(1 - list_dot_product(a.vector, b.vector)) AS far FROM embeddings a JOIN embeddings b
        ON a.clip_id = b.clip_id AND a.model = b.model AND a.caption_id < b.caption_id GROUP BY a.clip_id
    ), other AS (
        SELECT a.clip_id, avg(1 - len(list_intersect(a.words, b.words)) / len(list_distinct(a.words || b.words)))
            AS other
        FROM worded a JOIN worded b ON a.clip_id = b.clip_id AND a.caption_id < b.caption_id GROUP BY a.clip_id
    ), measured AS (
        SELECT key, -coalesce(far, other) AS value FROM _asked LEFT JOIN far USING (clip_id)
        LEFT JOIN other USING (clip_id))""",
}
"""What tasks are put in order by, the smallest first; null for what is not known. Captions differ by the cosine of
their vectors, or by their words where they have none."""
_NEW = """NOT EXISTS (
    SELECT 1 FROM _released r
    WHERE r.clip_id = _asked.clip_id AND (len(texts) <> 1 OR r.caption IS NULL OR r.caption = texts[1][2])
)"""
_RANKED = """
CREATE OR REPLACE TEMP TABLE _ranked AS
WITH {measured}, kept AS (
    SELECT key, clip_id, value, {stratum} AS stratum FROM _asked LEFT JOIN measured USING (key) {strata} WHERE {new}
), turns AS (
    SELECT *, {turn} AS turn FROM kept
)
SELECT key, row_number() OVER (ORDER BY turn, value NULLS LAST, md5($seed || clip_id), key) AS place FROM turns
"""
_TURN = "row_number() OVER (PARTITION BY stratum ORDER BY value NULLS LAST, md5($seed || clip_id), key)"


def rank_tasks(db: duckdb.DuckDBPyConnection, how: TaskSample) -> None:
    """Make the table ``_ranked`` (``key``, ``place`` from 1) of those tasks of the table ``_asked`` that are wanted.

    Among equals the clips with the smallest hashes come first: more data moves few tasks out of a sample.
    """
    parts = {"measured": _MEASURES[how.order], "stratum": "NULL", "strata": "", "new": "true", "turn": "1"}
    if how.strata:
        db.register("_strata", _strata(db, how.strata))
        parts |= {"stratum": "stratum", "strata": "LEFT JOIN _strata USING (key)", "turn": _TURN}
    if how.since:
        db.register("_released", _read_release(how.since))
        parts["new"] = _NEW
    values = {"seed": f"{how.seed}:"} | ({"score": how.score} if how.score else {})
    db.execute(_RANKED.format(**parts), values)


def check_strata(strata: str, scores: Sequence[str]) -> None:
    """``UserError`` for strata that are no expression over the columns and these scores."""
    schema = pa.schema([*_schema(), *(pa.field(name, pa.float64()) for name in scores)])
    known = {name.lower(): name for name in schema.names}
    with connect() as db:
        try:
            for column in sorted(columns_of(db, strata)):
                if column not in known:
                    raise UserError(f"there is no column or score {column}{nearest(column, known)}")
            name_groups(db, strata, pa.table({field.name: pa.nulls(2, field.type) for field in schema}))
        except UserError as error:
            raise UserError(f"annotation.review.strata: {error.message}", error.hint) from None


def _strata(db: duckdb.DuckDBPyConnection, strata: str) -> pa.Table:
    """Each task's stratum."""
    with connect() as judge:
        named = columns_of(judge, strata)
        own = [f'{of}."{name}"' for name, of in _columns().items()]
        scores = sorted(named - {name.lower() for name in _columns()} - {"seconds"})
        found = [f'max(value) FILTER (lower(name) = {quote_literal(name)}) AS "{name}"' for name in scores]
        joined = "LEFT JOIN (SELECT key, {} FROM linked GROUP BY key) USING (key)".format(", ".join(found))
        rows = db.sql(f"""
            WITH {_LINKED}
            SELECT key, clips.end_s - clips.start_s AS seconds, {", ".join(own)} {", " if found else ""}
            {", ".join(f'"{name}"' for name in scores)}
            FROM _asked JOIN clips USING (clip_id) LEFT JOIN videos USING (video_id)
            LEFT JOIN captions ON captions.caption_id = key {joined if found else ""} ORDER BY key
        """).to_arrow_table()
        return pa.table({"key": rows.column("key"), "stratum": pa.array(name_groups(judge, strata, rows), pa.string())})


def _columns() -> dict[str, str]:
    """The columns that strata may name, each with its table; of a name that several have, the first."""
    found: dict[str, str] = {}
    for row, names in ((Clip, None), (Video, None), (Caption, ("text", "teacher", "language"))):
        for field in row_fields(row):
            if field.type in (str, int, float, bool) and (names is None or field.name in names):
                found.setdefault(field.name, row.table)
    return found


def _schema() -> pa.Schema:
    rows = {row.table: arrow_schema(row) for row in (Clip, Video, Caption)}
    fields = [pa.field(name, rows[table].field(name).type) for name, table in _columns().items()]
    return pa.schema([pa.field("key", pa.string()), pa.field("seconds", pa.float64()), *fields])


def release_files(folder: Path) -> list[Path]:
    """The tables of clips of an earlier release; ``UserError`` where there is none."""
    found = [path for path in sorted(folder.rglob("*.parquet")) if "clip_id" in pq.read_schema(path).names]
    if not found:
        raise UserError(f"annotation.review.since: {folder} holds no dataset", "it is the folder of an earlier release")
    return found


def _read_release(folder: Path) -> pa.Table:
    """``clip_id`` and ``caption`` of an earlier release; null where a table has no captions."""
    parts = []
    for path in release_files(folder):
        names = [name for name in ("clip_id", "caption") if name in pq.read_schema(path).names]
        parts.append(pq.read_table(path, columns=names))
    whole = pa.concat_tables(parts, promote_options="default")
    return (
        whole if "caption" in whole.schema.names else whole.append_column("caption", pa.nulls(len(whole), pa.string()))
    )
