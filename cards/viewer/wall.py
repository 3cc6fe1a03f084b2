"""The wall: one row a clip with all that clips are filtered and sorted by, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...engine.storage.sql import quote_literal
from ..release.columns import score_columns
from ..release.provenance import dataset_tables
from ..release.table import caption_views, score_query, transcript_views

if TYPE_CHECKING:
    import duckdb

    from ...engine.build import Build

NUMBER, CHOICE, LIST = "number", "choice", "list"

_SETUP = """
CREATE TEMP TABLE _lost AS
SELECT id, arg_min(step, place) AS step, arg_min(reason, place) AS reason, arg_min(state, place) AS state
FROM (SELECT id, step, reason, 'dropped' AS state FROM verdicts
      UNION ALL SELECT id, step, kind, 'failed' FROM errors)
JOIN (SELECT unnest($steps) AS step, unnest(range(len($steps))) AS place) USING (step) GROUP BY id;
"""
_SPOKEN = """
CREATE TEMP TABLE _spoken AS
SELECT * FROM (FROM captions WHERE {written}) WHERE caption_id NOT IN (SELECT id FROM verdicts)
UNION ALL BY NAME
SELECT * FROM captions ANTI JOIN (
    FROM captions WHERE {written} AND caption_id NOT IN (SELECT id FROM verdicts)) USING (clip_id);
"""
_WALL = """
CREATE TABLE wall AS
SELECT c.clip_id, c.video_id, c.start_s, c.end_s, c.end_s - c.start_s AS duration_s, len(c.shots)::INT AS shots,
    c.file, c.file IS NOT NULL AS own_file, coalesce(v.path, '') AS path, coalesce(v.kind, 'video') AS kind,
    coalesce(v.title, '') AS title, coalesce(v.uploader, '') AS uploader, coalesce(v.license, '') AS license,
    ch.caption_id, ch.text AS caption, coalesce(ch.teacher, '') AS teacher, coalesce(ch.language, '') AS language,
    len(regexp_extract_all(coalesce(ch.text, ''), '\\S+'))::INT AS words, coalesce(n.captions, 0)::INT AS captions,
    coalesce(t.tags, []) AS tags, s.transcript, ev.motion, ev.brightness, {scores}
    CASE WHEN e.clip_id IS NOT NULL THEN 'kept' ELSE coalesce(gone.state, '{rest}') END AS state,
    CASE WHEN e.clip_id IS NULL AND gone.step IS NOT NULL THEN gone.step || ': ' || gone.reason ELSE '' END AS reason,
    coalesce(e.split, '') AS split, '' AS mark,
    lower(concat_ws(' ', ch.text, v.title, s.transcript, array_to_string(t.tags, ' '))) AS _text
FROM (SELECT DISTINCT ON (clip_id) * FROM clips) c
LEFT JOIN (SELECT DISTINCT ON (video_id) * FROM videos) v USING (video_id)
LEFT JOIN _chosen ch ON ch.clip_id = c.clip_id
LEFT JOIN (SELECT clip_id, count(DISTINCT (teacher, text)) AS captions FROM captions WHERE kind <> 'choice'
           GROUP BY clip_id) n ON n.clip_id = c.clip_id
LEFT JOIN (SELECT clip_id, any_value(objects) AS tags FROM tags
           JOIN (SELECT clip_id AS of, family FROM _chosen) ON of = clip_id AND list_contains(family, caption_id)
           GROUP BY clip_id) t ON t.clip_id = c.clip_id
LEFT JOIN _transcripts s ON s.clip_id = c.clip_id
LEFT JOIN (SELECT clip_id, any_value(motion) AS motion, any_value(brightness) AS brightness FROM evidence
           GROUP BY clip_id) ev ON ev.clip_id = c.clip_id
LEFT JOIN (SELECT DISTINCT ON (clip_id) clip_id, split FROM entries) e ON e.clip_id = c.clip_id
LEFT JOIN (SELECT clip_id, arg_min(step, rank) AS step, arg_min(reason, rank) AS reason, arg_min(state, rank) AS state
           FROM (SELECT clip_id, 1 AS rank, l.* FROM clips JOIN _lost l ON l.id = clip_id UNION ALL
                 SELECT clip_id, 0 AS rank, l.* FROM clips JOIN _lost l ON l.id = video_id)
           GROUP BY clip_id) gone ON gone.clip_id = c.clip_id
{joined}
ORDER BY c.clip_id
"""

_PLAIN = {
    "state": ("what became of it", CHOICE), "reason": ("why it left", CHOICE), "mark": ("your marks", CHOICE),
    "teacher": ("teacher of the caption", CHOICE), "tags": ("tags", LIST), "split": ("split", CHOICE),
    "license": ("licence", CHOICE), "language": ("language", CHOICE), "uploader": ("uploader", CHOICE),
    "title": ("video", CHOICE), "kind": ("kind", CHOICE), "duration_s": ("length, s", NUMBER),
    "words": ("words of the caption", NUMBER), "captions": ("captions", NUMBER), "shots": ("shots", NUMBER),
    "motion": ("motion", NUMBER), "brightness": ("brightness", NUMBER), "start_s": ("start in the video, s", NUMBER),
}  # fmt: skip


class WallColumn(NamedTuple):
    """A column that clips are filtered and sorted by."""

    name: str
    title: str
    kind: str  # NUMBER, CHOICE or LIST
    low: float = 0.0  # of numbers: the least and the greatest value
    high: float = 0.0


def make_wall(db: duckdb.DuckDBPyConnection, build: Build) -> list[WallColumn]:
    """Make the table ``wall`` in a database that ``Build.connect`` opened; its columns that tell clips apart."""
    published = dataset_tables(build.lock) if db.execute("SELECT 1 FROM entries LIMIT 1").fetchall() else []
    written = f"_step IN ({', '.join(map(quote_literal, published))})" if published else "true"
    db.execute(_SETUP, {"steps": [table.name for _, table in build.tables()]})
    db.execute(_SPOKEN.format(written=written))
    db.execute(caption_views("_spoken"))
    db.execute(transcript_views())
    scores = score_columns(name for (name,) in db.execute("SELECT DISTINCT name FROM scores").fetchall())
    chosen = "".join(f'q."{column}", ' for column in scores.values())
    joined = f"LEFT JOIN ({score_query(scores)}) q ON q.clip_id = c.clip_id" if scores else ""
    db.execute(_WALL.format(scores=chosen, joined=joined, rest="waiting" if published else "kept"))
    titles = {column: (name, NUMBER) for name, column in scores.items()}
    return [found for name, (title, kind) in {**_PLAIN, **titles}.items() if (found := _column(db, name, title, kind))]


def _column(db: duckdb.DuckDBPyConnection, name: str, title: str, kind: str) -> WallColumn | None:
    """The column; None where all clips have one value, so that it tells nothing. A person's marks come later."""
    if kind == NUMBER:
        [(low, high)] = db.execute(f'SELECT min("{name}"), max("{name}") FROM wall WHERE isfinite("{name}")').fetchall()
        return WallColumn(name, title, kind, low, high) if low is not None and low < high else None
    value = f"unnest({name})" if kind == LIST else f'"{name}"'
    several = len(db.execute(f"SELECT DISTINCT value FROM (SELECT {value} AS value FROM wall) LIMIT 2").fetchall()) > 1
    return WallColumn(name, title, kind) if several or name in ("mark", "state") else None
