"""The published table as one SQL query over what reaches the step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ...engine.storage.sql import quote_literal
from .columns import FILE, name_files, release_schema, score_columns

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SPLIT, PART, SOURCE = "_split", "_part", "_file"  # columns that are written down elsewhere

_RANK = "coalesce(list_position(['edit', 'choice', 'merge', 'rewrite', 'teacher'], kind), 9)"

TEACHER = "CASE WHEN model = 'person' THEN 'review' ELSE teacher END"  # as annotation.edits marks them
_CAPTIONS = """
CREATE TEMP VIEW _chosen AS
SELECT c.* REPLACE ({teacher} AS teacher),
    CASE WHEN kind = 'choice' THEN list_concat([caption_id], parents) ELSE [caption_id] END AS family
FROM {table} c LEFT JOIN (
    SELECT clip_id, caption_id, count(*) AS votes FROM reviews
    WHERE verdict = 'accept' AND coalesce(holds, true) GROUP BY ALL
) v USING (clip_id, caption_id)
QUALIFY row_number() OVER (PARTITION BY clip_id ORDER BY coalesce(votes, 0) DESC, {rank}, caption_id) = 1;
CREATE TEMP VIEW _candidates AS
SELECT clip_id,
    list({{text: text, start_s: start_s, end_s: end_s, teacher: {teacher}, kind: kind, model: model}}
        ORDER BY kind = 'differential', start_s NULLS FIRST, end_s, {rank}, caption_id) AS captions
FROM {table} WHERE kind <> 'choice' GROUP BY clip_id;
"""

_TAGS = """
CREATE TEMP VIEW _tags AS
SELECT t.clip_id, objects, attributes, pairs FROM tags t
JOIN (SELECT clip_id, family FROM _chosen) c ON t.clip_id = c.clip_id AND list_contains(family, t.caption_id)
QUALIFY row_number() OVER (PARTITION BY t.clip_id ORDER BY list_position(family, t.caption_id), tags_id) = 1;
"""

# An answer about another caption says nothing of the one that is published; a correction has those of its original;
# nor does one that does not hold.
_REVIEWS = """
CREATE TEMP VIEW _reviews AS
SELECT clip_id, arg_max(verdict, (n, list_position({verdicts}, verdict))) FILTER (told) AS review,
    any_value(people) AS reviewers
FROM (
    SELECT clip_id, verdict, r.caption_id IS NULL OR list_contains(list_concat(family, parents), r.caption_id) AS told,
        count(DISTINCT person) AS n, any_value(people) AS people
    FROM reviews r JOIN _chosen c USING (clip_id)
    JOIN (SELECT clip_id, count(DISTINCT lower(person)) AS people FROM reviews GROUP BY ALL) USING (clip_id)
    WHERE coalesce(holds, true) GROUP BY ALL
) GROUP BY clip_id;
""".format(verdicts=["cannot_tell", "reject", "accept", "edit"])  # of equals, what took effect


# Each word belongs to the clip that its middle is in; a sentence without word times goes by its own middle. One
# transcript a video: subtitles before speech models, then the one that says most. Buckets keep the join linear.
_TRANSCRIPT = """
CREATE TEMP VIEW _voice AS
SELECT video_id, source, language FROM segments GROUP BY video_id, source, language
QUALIFY row_number() OVER (
    PARTITION BY video_id ORDER BY source <> 'subtitle', sum(length(text)) DESC, source, language) = 1;
CREATE TEMP VIEW _said AS
SELECT video_id, segment_id, text AS whole, n, (w.start_s + w.end_s) / 2 AS middle, w.text AS word, place FROM (
    SELECT *, unnest(parts) AS w, generate_subscripts(parts, 1) AS place FROM (
        SELECT video_id, segment_id, text, greatest(len(words), 1) AS n,
            CASE WHEN len(words) > 0 THEN words ELSE [{{start_s: start_s, end_s: end_s, text: text}}] END AS parts
        FROM segments SEMI JOIN _voice USING (video_id, source, language)));
CREATE TEMP VIEW _transcripts AS
WITH buckets AS (
    SELECT clip_id, video_id, start_s, end_s,
        unnest(range(floor(start_s / 30)::BIGINT, floor(end_s / 30)::BIGINT + 1)) AS bucket FROM {table}
), pieces AS (
    SELECT clip_id, segment_id, min(middle) AS first_s,
        CASE WHEN count(*) = any_value(n) THEN any_value(whole)
            ELSE string_agg(word, ' ' ORDER BY middle, place) END AS piece
    FROM buckets JOIN (SELECT *, floor(middle / 30)::BIGINT AS bucket FROM _said) s USING (video_id, bucket)
    WHERE middle >= start_s AND middle < end_s GROUP BY clip_id, segment_id
)
SELECT clip_id, string_agg(trim(piece), ' ' ORDER BY first_s, segment_id) AS transcript FROM pieces GROUP BY clip_id;
"""

_QUERY = """
SELECT {scores}
    l.clip_id, l.video_id, coalesce(v.kind, 'video') AS kind,
    l.start_s, l.end_s, l.end_s - l.start_s AS duration_s, len(l.shots) AS shots,
    c.text AS caption, c.teacher, c.model, coalesce(k.captions, []) AS captions,
    t.objects, t.attributes, t.pairs, s.transcript, r.review, coalesce(r.reviewers, 0) AS reviewers,
    coalesce(v.title, '') AS title, coalesce(v.uploader, '') AS uploader, coalesce(p.uri, '') AS uri,
    coalesce(v.license, '') AS license, coalesce(v.sha256, '') AS source_sha256, v.width_px, v.height_px,
    v.coded_width_px, v.coded_height_px, l.file_width_px, l.file_height_px, l.damaged, v.fps,
    p.split AS _split, p.part AS _part, CASE WHEN p.carries = 'bytes' THEN l.file END AS _file
FROM (FROM clips ANTI JOIN _bare USING (clip_id)) l JOIN _placed p USING (video_id) LEFT JOIN videos v USING (video_id)
LEFT JOIN _chosen c USING (clip_id) LEFT JOIN _candidates k USING (clip_id)
LEFT JOIN _tags t USING (clip_id) LEFT JOIN _transcripts s USING (clip_id) LEFT JOIN _reviews r USING (clip_id)
{joined}
"""


NO_CAPTION = "no_caption"
_UNWANTED = """
SELECT clip_id, CASE carries WHEN 'takedown' THEN 'takedown' ELSE 'no_right' END
FROM clips JOIN _placed USING (video_id) WHERE carries IN ('takedown', 'nothing')
"""
_BARE = """
SELECT clip_id FROM clips JOIN _placed USING (video_id) LEFT JOIN _chosen c USING (clip_id)
WHERE coalesce(trim(c.text), '') = '' AND carries NOT IN ('takedown', 'nothing') ORDER BY clip_id
"""
_CARRIES = """
SELECT carries, count(*) FROM clips JOIN _placed USING (video_id)
WHERE carries IN ('takedown', 'nothing') OR clip_id NOT IN (SELECT clip_id FROM _bare) GROUP BY carries
"""

_FILE_KINDS = """
SELECT DISTINCT coalesce(kind, 'video') FROM (FROM clips ANTI JOIN _bare USING (clip_id))
JOIN _placed USING (video_id) LEFT JOIN videos USING (video_id) WHERE carries = 'bytes'
"""

_COLUMNS_OF = {
    "captions": ("caption", "teacher", "model"),
    "tags": ("objects", "attributes", "pairs"),
    "segments": ("transcript",),
    "reviews": ("review", "reviewers"),
}


class Contents(NamedTuple):
    """What a release holds."""

    schema: pa.Schema
    scores: dict[str, str]  # columns by the name of the score
    left_out: dict[str, str]  # why clips stay behind, by clip
    carries: Counter[str]  # clips by what the licence of their video lets them carry


class VideoPlace(NamedTuple):
    """What a release decides of a source video."""

    split: str
    part: str  # of the split; empty where there are no subsets
    uri: str  # as it may be told
    carries: str  # bytes, links or nothing; `takedown` for one that must not be published


def prepare(db: duckdb.DuckDBPyConnection, places: Mapping[str, VideoPlace], with_files: bool) -> Contents:
    """Make the view ``release``: one row a clip, with its split and the file to take it from.

    ``places`` are by video; every video of a clip must have one.
    """
    import pyarrow as pa

    columns = {"video_id": list(places)} | {
        name: [place[i] for place in places.values()] for i, name in enumerate(VideoPlace._fields)
    }
    db.register("_placed", pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))
    for statements in (caption_views(), _TAGS, _REVIEWS, transcript_views()):
        db.execute(statements)
    left_out: dict[str, str] = dict(db.execute(_UNWANTED).fetchall())
    bare = db.execute(_BARE).fetchall() if _any(db, "captions") else []
    left_out |= {clip: NO_CAPTION for (clip,) in bare}
    db.register("_bare", pa.table({"clip_id": pa.array(list(left_out), pa.string())}))
    carries = Counter(dict(db.execute(_CARRIES).fetchall()))
    models = dict(db.execute("SELECT name, list(DISTINCT model ORDER BY model) FROM scores GROUP BY name").fetchall())
    scores = score_columns(models)
    chosen = "".join(f'q."{column}", ' for column in scores.values())
    joined = "LEFT JOIN _scores q USING (clip_id)" if scores else ""
    if scores:
        db.execute(f"CREATE TEMP VIEW _scores AS {score_query(scores)}")
    db.execute(f"CREATE TEMP VIEW release AS {_QUERY.format(scores=chosen, joined=joined)}")
    schema = release_schema(_missing(db, with_files), scores, models)
    if with_files:
        kinds = [kind for (kind,) in db.execute(_FILE_KINDS).fetchall()]
        schema = name_files(schema, kinds[0] if len(kinds) == 1 else "mixed" if kinds else "video")
    if with_files and carries["links"]:
        schema = schema.set(schema.get_field_index(FILE), schema.field(FILE).with_nullable(True))
    return Contents(schema, scores, left_out, carries)


def caption_views(table: str = "captions") -> str:
    """SQL that makes ``_chosen``, one caption a clip, and ``_candidates``, all of them, of a table of captions.

    What people accepted comes before what a step chose; people are called `review`, not by their names.
    ``family`` holds the ids that scores and tags of the caption go by: its own, and that of the caption it repeats.
    """
    return _CAPTIONS.format(table=table, rank=_RANK, teacher=TEACHER)


def transcript_views(table: str = "clips") -> str:
    """SQL that makes ``_transcripts``: what is said inside each clip of a table, where anything is."""
    return _TRANSCRIPT.format(table=table)


def score_query(names: Mapping[str, str]) -> str:
    """One row a clip: of each name the value for the clip itself, or for the caption that was taken."""
    columns = (
        f"arg_min(s.value, (coalesce(list_position(family, s.caption_id), 0), s.score_id))"
        f" FILTER (name = '{name.replace(chr(39), chr(39) * 2)}') AS \"{column}\""
        for name, column in names.items()
    )
    return (
        f"SELECT s.clip_id, {', '.join(columns)} FROM scores s LEFT JOIN (SELECT clip_id, family FROM _chosen) c"
        " ON s.clip_id = c.clip_id WHERE s.caption_id IS NULL OR list_contains(family, s.caption_id)"
        " GROUP BY s.clip_id"
    )


def _missing(db: duckdb.DuckDBPyConnection, with_files: bool) -> set[str]:
    """The columns that there is nothing for."""
    missing = set() if with_files else {FILE}
    for table, columns in _COLUMNS_OF.items():
        missing |= set() if _any(db, table) else set(columns)
    films = not _any(db, "(FROM clips SEMI JOIN (FROM videos WHERE kind <> 'video') USING (video_id))")
    missing |= {"kind"} if films else set()
    several = _any(db, "(SELECT clip_id FROM captions WHERE kind <> 'choice' GROUP BY clip_id HAVING count(*) > 1)")
    return missing if several else missing | {"captions"}


def rows_query(columns: Iterable[str], splits: Iterable[str], parts: Iterable[str]) -> str:
    """The query for the rows to publish, split by split and part by part, by ``clip_id``."""
    order = ", ".join(
        f"list_position([{', '.join(map(quote_literal, names))}], {column})"
        for names, column in ((splits, SPLIT), (parts, PART))
    )
    named = ", ".join(f'"{column}"' for column in columns if column != FILE)
    return f"SELECT {named}, {SPLIT}, {PART}, {SOURCE} FROM release ORDER BY {order}, clip_id"


def _any(db: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall())
