"""What the page tells, read from the build by sampling: never all frames, never all captions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.storage.sql import quote_literal
from ..release.table import TEACHER, caption_views, transcript_views
from ..release.words import short_text
from .histogram import Spread
from .thumbnails import small_picture

if TYPE_CHECKING:
    import duckdb

_FOLDERS = re.compile(r"(?<![\w:/.…])/(?:[^\s/:'\"]+/)+")  # of a path of this machine; a page gets passed on
SAMPLE = 8_000  # clips that the histograms are drawn from
_SCORES = 6  # of which there are histograms
_TEXT, _TITLE = 600, 120  # characters that are shown of one
_TAGS, _CANDIDATES = 40, 30  # that are shown of a clip

_SETUP = """
CREATE TEMP TABLE _sample AS
SELECT DISTINCT ON (clip_id) c.clip_id, c.video_id, c.start_s, c.end_s, len(c.shots) AS shots,
    c.clip_id IN (SELECT clip_id FROM _kept) AS kept
FROM (FROM clips ORDER BY hash(clip_id) LIMIT {sample}) c;
CREATE TEMP TABLE _wall AS
SELECT DISTINCT ON (clip_id) * FROM (
    SELECT clip_id, video_id, start_s, end_s, '' AS step, '' AS reason FROM clips SEMI JOIN _kept USING (clip_id)
    QUALIFY row_number() OVER (PARTITION BY video_id ORDER BY hash(clip_id)) <= {limit}
    ORDER BY row_number() OVER (PARTITION BY video_id ORDER BY hash(clip_id)), hash(clip_id) LIMIT {limit});
INSERT INTO _wall
SELECT DISTINCT ON (clip_id) * FROM (
    SELECT clip_id, c.video_id, start_s, end_s, v.step, reason FROM clips c JOIN verdicts v ON v.id = c.clip_id
    ORDER BY row_number() OVER (PARTITION BY v.step, reason ORDER BY hash(clip_id)), hash(clip_id) LIMIT {dropped});
CREATE TEMP TABLE _heard AS
FROM captions WHERE clip_id IN (SELECT clip_id FROM _sample) OR clip_id IN (SELECT clip_id FROM _wall);
CREATE TEMP VIEW _standing AS
FROM _heard WHERE caption_id NOT IN (SELECT id FROM verdicts) AND ({published});
CREATE TEMP TABLE _marked AS
FROM scores WHERE clip_id IN (SELECT clip_id FROM _sample) OR clip_id IN (SELECT clip_id FROM _wall);
"""


class Totals(NamedTuple):
    """The build in numbers."""

    videos: int
    video_s: float
    clips: int
    kept: int
    kept_s: float
    kept_videos: int
    damaged: int  # of the kept, clips over damaged frames
    captions: int
    teachers: int
    fakes: int  # captions of a dry run
    published: bool  # there is a dataset; else ``kept`` are the clips that no filter dropped


class ReportFrame(NamedTuple):
    """One stored frame."""

    time_s: float
    uri: str


class ReportCaption(NamedTuple):
    """One caption of a clip."""

    teacher: str
    text: str
    scores: dict[str, float]
    chosen: bool


class ReportClip(NamedTuple):
    """One clip of the wall."""

    clip_id: str
    title: str
    start_s: float
    end_s: float
    reason: str  # why it was dropped; empty for a published one
    step: str
    caption: str
    candidates: list[ReportCaption]
    tags: list[str]
    speech: str
    marks: dict[str, float]  # scores of the clip itself
    pictures: list[ReportFrame]


class Failure(NamedTuple):
    """Rows that failed for one cause."""

    step: str
    kind: str
    rows: int
    id: str
    message: str


class Rows(NamedTuple):
    """A query's answer with its column names at hand."""

    names: list[str]
    values: list[tuple[Any, ...]]

    def by(self, key: str) -> dict[str, list[dict[str, Any]]]:
        """The rows as dicts, grouped."""
        groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.values:
            made = dict(zip(self.names, row, strict=True))
            groups[made[key]].append(made)
        return groups


def ask(db: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] = ()) -> Rows:
    """All rows of a query whose answer is known to be small."""
    answer = db.execute(query, list(values))
    return Rows([column[0] for column in answer.description or ()], answer.fetchall())


def set_up(db: duckdb.DuckDBPyConnection, limit: int, published: Sequence[str]) -> None:
    """Draw the sample and the clips to show.

    ``published`` are the tables whose captions the dataset takes; none where no step writes one.
    """
    kept, written = "SELECT clip_id FROM entries", f"_step IN ({', '.join(map(quote_literal, published))})"
    if not published or not ask(db, "SELECT 1 FROM entries LIMIT 1").values:
        written, gone = "true", "SELECT id FROM verdicts"
        kept = f"SELECT clip_id FROM clips WHERE clip_id NOT IN ({gone}) AND video_id NOT IN ({gone})"
    db.execute(f"CREATE TEMP VIEW _kept AS {kept}")
    dropped = max(limit // 3, 1) if limit else 0
    db.execute(_SETUP.format(sample=SAMPLE, limit=limit, dropped=dropped, published=written))
    db.execute(caption_views("_standing"))
    db.execute(transcript_views("_wall"))


def totals(db: duckdb.DuckDBPyConnection) -> Totals:
    """Count everything once."""
    query = """
    SELECT (SELECT count(DISTINCT video_id) FROM videos), (SELECT coalesce(sum(duration_s), 0) FROM videos),
        (SELECT count(DISTINCT clip_id) FROM clips), count(DISTINCT clip_id),
        coalesce(sum(end_s - start_s), 0), count(DISTINCT video_id),
        count(*) FILTER (damaged > 0),
        (SELECT count(DISTINCT hash(clip_id, teacher, text)) FROM captions WHERE kind <> 'choice'),
        (SELECT count(DISTINCT teacher) FROM captions WHERE kind <> 'choice'),
        (SELECT count(*) FROM captions WHERE kind <> 'choice' AND 'fake' IN (teacher, model)),
        EXISTS (SELECT 1 FROM entries)
    FROM (SELECT DISTINCT ON (clip_id) * FROM clips SEMI JOIN _kept USING (clip_id))
    """
    return Totals(*ask(db, query).values[0])


def splits(db: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Clips by split, `train` first."""
    return [
        (s, n)
        for s, n in ask(
            db, "SELECT split, count(*) FROM entries GROUP BY 1 ORDER BY split <> 'train', 2 DESC, 1"
        ).values
    ]


def failures(db: duckdb.DuckDBPyConnection) -> list[Failure]:
    """What went wrong, the most frequent first, each with one example."""
    query = """SELECT step, kind, count(*) AS n, min(id), arg_min(message, id) FROM errors
               GROUP BY step, kind ORDER BY n DESC, step, kind LIMIT 40"""
    return [Failure(s, k, n, i, without_folders(m)) for s, k, n, i, m in ask(db, query).values]


def without_folders(message: str) -> str:
    """A message, cut off, with the last parts of the paths in it alone."""
    return _FOLDERS.sub("…/", short_text(message))


def spreads(db: duckdb.DuckDBPyConnection) -> list[Spread]:
    """The measures that there are values of."""
    made = [
        _spread(db, "Clip length", "s", "SELECT end_s - start_s, kept FROM _sample"),
        _spread(db, "Shots per clip", "", "SELECT shots, kept FROM _sample", whole=True),
        _spread(db, "Words per caption", "", _WORDS, whole=True),
        _spread(db, "Motion", "", f"SELECT motion, kept FROM evidence JOIN _sample USING (clip_id) {_FEW}"),
    ]
    names = ask(db, "SELECT name FROM _marked GROUP BY name ORDER BY count(*) DESC, name LIMIT ?", [_SCORES]).values
    made = [m for m in made if m.title != "Motion" or "motion" not in {n for (n,) in names}]
    made += [_spread(db, name, "", _MARKS, [name]) for (name,) in names]
    return [m for m in made if len(m.everything)]


_FEW = f"LIMIT {SAMPLE}"
_WORDS = """
SELECT len(regexp_extract_all(text, '\\S+')),
    kept AND (clip_id, caption_id) IN (SELECT (clip_id, unnest(family)) FROM _chosen)
FROM _heard JOIN _sample USING (clip_id) WHERE _heard.kind <> 'choice'
"""
_MARKS = """
SELECT value, kept AND (m.caption_id IS NULL OR coalesce(list_contains(family, m.caption_id), false))
FROM _marked m JOIN _sample s USING (clip_id) LEFT JOIN _chosen c USING (clip_id) WHERE name = ? AND isfinite(value)
"""


def _spread(
    db: duckdb.DuckDBPyConnection, title: str, unit: str, query: str, values: Sequence[Any] = (), whole: bool = False
) -> Spread:
    rows = ask(db, query, values).values
    return Spread(title, unit, [v for v, _ in rows], [v for v, kept in rows if kept], whole)


def wall(db: duckdb.DuckDBPyConnection) -> list[ReportClip]:
    """The clips to show, published ones first, in order of video and time."""
    clips = ask(db, "SELECT w.*, coalesce(title, '') AS title FROM _wall w LEFT JOIN videos USING (video_id)"
                    " ORDER BY reason <> '', reason, clip_id")  # fmt: skip
    said = ask(db, f"SELECT * REPLACE ({TEACHER} AS teacher) FROM _heard ORDER BY clip_id, caption_id").by("clip_id")
    chosen = ask(db, "SELECT clip_id, family, text FROM _chosen").by("clip_id")
    marks = ask(db, "SELECT * FROM _marked ORDER BY score_id").by("clip_id")
    tags = ask(db, "SELECT * FROM tags SEMI JOIN _wall USING (clip_id) ORDER BY tags_id").by("clip_id")
    speech = ask(db, "SELECT clip_id, transcript AS text FROM _transcripts").by("clip_id")
    pictures = _pictures(db, 5)
    made = []
    for row in (dict(zip(clips.names, values, strict=True)) for values in clips.values):
        clip_id = row["clip_id"]
        taken = chosen.get(clip_id, [{"family": [], "text": ""}])[0]
        family = taken["family"]
        made.append(
            ReportClip(
                clip_id, short_text(row["title"], _TITLE), row["start_s"], row["end_s"], row["reason"], row["step"],
                short_text(taken["text"], _TEXT), _candidates(said.get(clip_id, ()), marks.get(clip_id, ()), family),
                _tags(tags.get(clip_id, ()), family), short_text(speech.get(clip_id, [{"text": ""}])[0]["text"], _TEXT),
                {m["name"]: m["value"] for m in marks.get(clip_id, ()) if m["caption_id"] is None},
                pictures.get(clip_id, []),
            )
        )  # fmt: skip
    return made


def _candidates(
    said: Iterable[dict[str, Any]], marks: Iterable[dict[str, Any]], family: Sequence[str]
) -> list[ReportCaption]:
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for mark in marks:
        if mark["caption_id"] is not None:
            scores[mark["caption_id"]][mark["name"]] = mark["value"]
    # A step that changes some captions of a clip repeats the others: each is shown once.
    made: dict[tuple[str, str], ReportCaption] = {}
    for c in (c for c in said if c["kind"] != "choice"):
        text, chosen = short_text(c["text"], _TEXT), c["caption_id"] in family
        same = made.get((c["teacher"], text))
        merged = {**(same.scores if same else {}), **scores[c["caption_id"]]}
        made[c["teacher"], text] = ReportCaption(
            c["teacher"], text, merged, chosen or (same is not None and same.chosen)
        )
    return sorted(made.values(), key=lambda c: (not c.chosen, [-v for v in c.scores.values()]))[:_CANDIDATES]


def _tags(rows: Sequence[dict[str, Any]], family: Sequence[str]) -> list[str]:
    """``red car`` where an attribute belongs to an object, else the object alone."""
    row = next((r for r in rows if r["caption_id"] in family), None)
    if row is None:
        return []
    paired = defaultdict(list)
    for pair in row["pairs"]:
        paired[pair["object"]].append(pair["attribute"])
    return [short_text(" ".join([*paired.get(name, ()), name]), _TITLE) for name in row["objects"][:_TAGS]]


def _pictures(db: duckdb.DuckDBPyConnection, most: int) -> dict[str, list[ReportFrame]]:
    """A few frames of each clip on the wall, evenly over its length."""
    inside = """SELECT w.clip_id, f.frame_id FROM frames f JOIN _wall w ON f.video_id = w.video_id
                AND f.time_s >= w.start_s AND (f.time_s < w.end_s OR f.time_s = w.start_s)
                ORDER BY w.clip_id, f.time_s"""
    times = ask(db, inside).by("clip_id")
    wanted = {clip: _evenly([row["frame_id"] for row in rows], most) for clip, rows in times.items()}
    ids = sorted({frame for frames in wanted.values() for frame in frames})
    found: dict[str, ReportFrame] = {}
    for start in range(0, len(ids), 64):  # JPEGs of a few frames at a time
        some = ids[start : start + 64]
        marks = ", ".join("?" * len(some))
        for frame, time_s, jpeg in ask(
            db, f"SELECT frame_id, time_s, jpeg FROM frames WHERE frame_id IN ({marks})", some
        ).values:
            if uri := small_picture(jpeg):
                found[frame] = ReportFrame(time_s, uri)
    return {clip: [found[f] for f in frames if f in found] for clip, frames in wanted.items()}


def _evenly(items: Sequence[str], most: int) -> list[str]:
    if len(items) <= most:
        return list(items)
    return [items[int((i + 0.5) * len(items) / most)] for i in range(most)]
