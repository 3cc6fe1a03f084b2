"""The tables beside the clips: every caption and who won, tags, segments, scores, reviews without names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from ...engine.build import Build
from ...engine.storage.sql import parquet_table, quote_literal
from ...schemas import Col, Pair, ReviewMark, Word, arrow_schema
from ..release.table import TEACHER, caption_views
from .source import DatasetSource

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH_ROWS = 4_096


@dataclass(frozen=True, slots=True)
class CaptionScore:
    """One number about a caption."""

    name: Annotated[str, Col("its name")]
    value: Annotated[float, Col("the number")]
    model: Annotated[str, Col("what measured it")]


@dataclass(frozen=True, slots=True)
class CandidateEntry:
    """A candidate caption of a clip. Captions that a filter or a person turned down are not among them."""

    caption_id: Annotated[str, Col("id of the caption")]
    clip_id: Annotated[str, Col("the clip")]
    video_id: Annotated[str, Col("the source video")]
    text: Annotated[str, Col("the caption")]
    chosen: Annotated[bool, Col("it is the one that the table `default` holds")]
    teacher: Annotated[str, Col("who said it; `review` for a person's correction")]
    kind: Annotated[str, Col("its role")]
    model: Annotated[str, Col("the model that wrote it, or the rule; `person` for a correction")]
    revision: Annotated[str, Col("version of the model or of the rule")]
    prompt_hash: Annotated[str, Col("hash of the prompt, empty without one")]
    language: Annotated[str, Col("BCP 47 code")]
    start_s: Annotated[float | None, Col("start of what it is about; null: the whole clip", unit="s")]
    end_s: Annotated[float | None, Col("end of it, or the same for a single frame", unit="s")]
    parents: Annotated[list[str], Col("ids of the captions that it was made from")]
    scores: Annotated[list[CaptionScore], Col("what was measured of it, by name")]


@dataclass(frozen=True, slots=True)
class TagsEntry:
    """What was parsed from one caption."""

    caption_id: Annotated[str, Col("the caption")]
    clip_id: Annotated[str, Col("the clip")]
    video_id: Annotated[str, Col("the source video")]
    objects: Annotated[list[str], Col("lemmas of the nouns, in order, each once")]
    attributes: Annotated[list[str], Col("lemmas of the attributes, in order, each once")]
    pairs: Annotated[list[Pair], Col("which attribute describes which object")]
    model: Annotated[str, Col("parser and version")]


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One sentence that is said during a published clip."""

    segment_id: Annotated[str, Col("the video's id, the source and the times in milliseconds")]
    video_id: Annotated[str, Col("the source video")]
    start_s: Annotated[float, Col("start in the source video", unit="s")]
    end_s: Annotated[float, Col("end in the source video", unit="s")]
    text: Annotated[str, Col("what is said")]
    words: Annotated[list[Word], Col("word times, where the source has them")]
    language: Annotated[str, Col("BCP 47 code, empty where unknown")]
    source: Annotated[str, Col("`subtitle` or the speech model")]


@dataclass(frozen=True, slots=True)
class ScoreEntry:
    """One number about a clip or a caption."""

    clip_id: Annotated[str, Col("the clip")]
    caption_id: Annotated[str | None, Col("the caption; null for a score of the clip itself")]
    video_id: Annotated[str, Col("the source video")]
    name: Annotated[str, Col("its name")]
    value: Annotated[float, Col("the number")]
    model: Annotated[str, Col("what measured it")]


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """One person's answer about one clip. Who answered is a number that says nothing outside this table."""

    clip_id: Annotated[str, Col("the clip")]
    caption_id: Annotated[str | None, Col("the caption that was judged or chosen; null for none of them")]
    video_id: Annotated[str, Col("the source video")]
    reviewer: Annotated[int, Col("number of the person", low=1)]
    kind: Annotated[str, Col("what was asked")]
    verdict: Annotated[
        str,
        Col("the answer; `mark` where it is the marks", choices=("accept", "edit", "reject", "cannot_tell", "mark")),
    ]
    text: Annotated[str, Col("the corrected text, or a remark")]
    marks: Annotated[list[ReviewMark], Col("grades, tags, texts, spans, cuts or boxes, with times of the source video")]
    seconds: Annotated[float | None, Col("time spent", unit="s", low=0)]
    gold: Annotated[bool | None, Col("for a question whose answer is known: is this it? null for others")]
    holds: Annotated[bool | None, Col("where one answer of several holds: is it this one? null where each counts")]


class SideTable(NamedTuple):
    """A table to publish beside ``default``: the type of its rows, and the query for those of a split."""

    name: str
    row: type
    query: str

    @property
    def schema(self) -> pa.Schema:
        """With each column's meaning."""
        return arrow_schema(self.row)


_STANDING = "caption_id NOT IN (SELECT id FROM verdicts)"
_VIEWS = f"""
CREATE TEMP VIEW _standing_captions AS FROM captions WHERE {_STANDING};
CREATE TEMP VIEW _originals AS
SELECT caption_id, any_value(parents[1]) AS original FROM captions WHERE kind = 'choice' GROUP BY caption_id;
CREATE TEMP VIEW _scores AS
SELECT DISTINCT s.clip_id, s.video_id, coalesce(o.original, s.caption_id) AS caption_id, name, value, model
FROM scores s LEFT JOIN _originals o USING (caption_id) WHERE s.caption_id IS NULL OR s.{_STANDING};
"""
"""A choice repeats a caption under an id of its own; what is told of it is told of the caption."""
_QUERIES = {
    "captions": SideTable("captions", CandidateEntry, f"""
SELECT c.caption_id, c.clip_id, c.video_id, c.text, coalesce(list_contains(k.family, c.caption_id), false) AS chosen,
    {TEACHER.replace("teacher", "c.teacher").replace("model", "c.model")} AS teacher,
    c.kind, c.model, c.revision, c.prompt_hash, c.language, c.start_s, c.end_s, c.parents,
    coalesce(s.scores, []) AS scores
FROM captions c JOIN _published p USING (clip_id) LEFT JOIN (SELECT clip_id, family FROM _chosen) k USING (clip_id)
LEFT JOIN (
    SELECT caption_id, list({{name: name, value: value, model: model}} ORDER BY name, model, value) AS scores
    FROM _scores WHERE caption_id IS NOT NULL GROUP BY caption_id
) s USING (caption_id)
WHERE c.kind <> 'choice' AND c.{_STANDING} AND p.split = $split ORDER BY c.clip_id, c.caption_id"""),
    "tags": SideTable("tags", TagsEntry, f"""
SELECT DISTINCT coalesce(o.original, t.caption_id) AS caption_id, t.clip_id, t.video_id, objects, attributes, pairs,
    model
FROM tags t JOIN _published p USING (clip_id) LEFT JOIN _originals o USING (caption_id)
WHERE t.{_STANDING} AND p.split = $split ORDER BY t.clip_id, 1, model, objects, attributes"""),
    "segments": SideTable("segments", SegmentEntry, """
SELECT DISTINCT s.segment_id, s.video_id, s.start_s, s.end_s, s.text, s.words, s.language, s.source
FROM segments s JOIN _published p ON p.video_id = s.video_id AND s.start_s < p.end_s AND s.end_s > p.start_s
WHERE p.split = $split ORDER BY s.video_id, s.start_s, s.segment_id"""),
    "scores": SideTable("scores", ScoreEntry, """
SELECT s.clip_id, caption_id, s.video_id, name, value, model FROM _scores s JOIN _published p USING (clip_id)
WHERE p.split = $split ORDER BY s.clip_id, caption_id NULLS FIRST, name, model, value"""),
    "reviews": SideTable("reviews", ReviewEntry, """
SELECT r.clip_id, caption_id, r.video_id, n.number AS reviewer, kind, verdict, text, marks, seconds, gold, holds
FROM reviews r
JOIN _published p USING (clip_id)
JOIN (SELECT person, row_number() OVER (ORDER BY sha256(person)) AS number FROM reviews GROUP BY person) n
    USING (person)
WHERE p.split = $split ORDER BY r.clip_id, caption_id, reviewer, verdict, text"""),
}  # fmt: skip


def side_schema(name: str) -> pa.Schema:
    """The columns of one of the tables."""
    return _QUERIES[name].schema


@contextmanager
def open_side_tables(source: DatasetSource, wanted: Iterable[str], scratch: Path) -> Iterator[SideTables]:
    """The tables of a build that are wanted and have rows of published clips; none of a folder without its build."""
    if source.build is None:
        yield SideTables(None, [])
        return
    with source.build.connect() as db:
        db.execute("SET temp_directory = ?", [str(scratch)])
        db.execute("SET memory_limit = '512MB'")
        _register(db, source, source.build)
        found = [_QUERIES[name] for name in wanted if name in _QUERIES]
        yield SideTables(db, [table for table in found if _has_rows(db, table, source.tables)])


class SideTables(NamedTuple):
    """The database, and what it has to publish."""

    db: duckdb.DuckDBPyConnection | None
    tables: list[SideTable]

    def read(self, table: SideTable, split: str) -> Iterator[pa.Table]:
        """The rows of one split, in order."""
        import pyarrow as pa

        assert self.db is not None
        schema = table.schema
        for batch in self.db.sql(table.query, params={"split": split}).to_arrow_reader(_BATCH_ROWS):
            yield pa.Table.from_batches([batch]).select(schema.names).cast(schema)


def _register(db: duckdb.DuckDBPyConnection, source: DatasetSource, build: Build) -> None:
    columns = "clip_id, video_id, start_s, end_s"
    parts = [
        f"SELECT {columns}, {quote_literal(split)} AS split FROM {parquet_table(files)}"
        for split, files in source.tables.items()
    ]
    db.execute(f"CREATE TEMP TABLE _published AS {' UNION ALL '.join(parts)}")
    db.execute(_VIEWS)
    db.execute(caption_views("_standing_captions"))


def _has_rows(db: duckdb.DuckDBPyConnection, table: SideTable, splits: Iterable[str]) -> bool:
    return any(db.execute(f"{table.query} LIMIT 1", {"split": split}).fetchall() for split in splits)
