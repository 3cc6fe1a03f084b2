"""What a release holds, counted in its own rows: what a card tells is from here or from the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .files import SplitFiles
from .sameness import find_notable_sameness
from .subsets import Subset
from .table import NO_CAPTION, Contents

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


class SourceGroup(NamedTuple):
    """Where some of the videos came from, and under which licence."""

    license: str
    uploader: str
    videos: int


class CaptionAuthor(NamedTuple):
    """Who wrote some of the published captions."""

    teacher: str
    model: str
    captions: int


class Repetition(NamedTuple):
    """The caption that stands on most clips."""

    text: str
    clips: int
    of: int  # clips that there are


class Captions(NamedTuple):
    """The published captions in numbers."""

    total: int
    distinct: int  # texts, without regard to case and blanks around them
    judged: int  # that somebody accepted, rejected or edited
    fakes: int  # of a dry run
    authors: list[CaptionAuthor]
    most_repeated: Repetition | None  # where it is on more clips than can be chance
    alike: Sequence[str] = ()  # other signs that they were not written about their clips, each a sentence


class LanguageCount(NamedTuple):
    """How many published captions, or transcripts of source videos, are in a language."""

    language: str  # BCP 47, empty where unknown
    of: str  # captions or transcripts
    rows: int


class Facts(NamedTuple):
    """What was written."""

    schema: pa.Schema
    splits: list[SplitFiles]
    file_bytes: int  # of the folder
    dropped: int  # clips without a caption
    sources: list[SourceGroup]
    captions: Captions | None  # None where no clip has one
    transcripts: list[tuple[str, int]]  # who wrote them, and of how many videos
    conse: list[str]  # columns with scores of the encoder `conse`
    damaged: int  # clips over frames that did not decode whole
    languages: Sequence[LanguageCount] = ()
    kinds: tuple[str, ...] = ("video",)  # of their sources, the most frequent first
    subsets: Sequence[Subset] = ()  # from the smallest on

    @property
    def source(self) -> str:
        """What a source is called: ``source video``, ``source image``, or ``source`` where there are several kinds."""
        return f"source {self.kinds[0]}" if len(self.kinds) == 1 else "source"


CHOSEN = "(SELECT clip_id, teacher, text AS caption, language FROM _chosen ANTI JOIN _bare USING (clip_id))"
PUBLISHED = "(FROM clips ANTI JOIN _bare USING (clip_id))"
_SOURCES = f"""
SELECT license, uploader, count(*) AS n FROM videos SEMI JOIN {PUBLISHED} USING (video_id)
GROUP BY license, uploader ORDER BY n DESC, license, uploader
"""
_COUNTS = f"""
SELECT count(*), count(DISTINCT lower(trim(text))), count(*) FILTER (review IN ('accept', 'edit', 'reject')),
    count(*) FILTER ('fake' IN (teacher, model))
FROM _chosen JOIN {PUBLISHED} USING (clip_id) LEFT JOIN _reviews USING (clip_id)
"""
_AUTHORS = f"""
SELECT teacher, model, count(*) AS n FROM _chosen SEMI JOIN {PUBLISHED} USING (clip_id)
GROUP BY teacher, model ORDER BY n DESC, teacher, model
"""
_REPEATED = f"""
SELECT min(text), count(*) AS n FROM _chosen SEMI JOIN {PUBLISHED} USING (clip_id)
GROUP BY lower(trim(text)) ORDER BY n DESC, 1 LIMIT 1
"""
_TRANSCRIPTS = f"""
SELECT source, count(DISTINCT video_id) AS n FROM _voice SEMI JOIN {PUBLISHED} USING (video_id)
GROUP BY source ORDER BY n DESC, source
"""
_LANGUAGES = f"""
SELECT language, 'captions', count(*) AS n FROM _chosen SEMI JOIN {PUBLISHED} USING (clip_id) GROUP BY language
UNION ALL SELECT language, 'transcripts', count(DISTINCT video_id)
FROM _voice SEMI JOIN {PUBLISHED} USING (video_id) GROUP BY language ORDER BY 2, n DESC, 1
"""
_CONSE = "SELECT DISTINCT name FROM scores WHERE split_part(model, ' ', 1) = 'conse' ORDER BY 1"
_KINDS = f"""
SELECT coalesce(kind, 'video'), count(*) AS n FROM {PUBLISHED} LEFT JOIN (SELECT video_id, kind FROM videos)
USING (video_id) GROUP BY ALL ORDER BY n DESC, 1
"""
_SHARE, _FEWEST = 0.05, 3  # of the clips: a caption on more than that is not about each of them


def read_facts(
    db: duckdb.DuckDBPyConnection,
    held: Contents,
    splits: list[SplitFiles],
    file_bytes: int,
    subsets: Sequence[Subset],
) -> Facts:
    """Count in the views that ``release.table.prepare`` made."""
    names, dropped = held.schema.names, list(held.left_out.values()).count(NO_CAPTION)
    sources = [SourceGroup(*row) for row in db.execute(_SOURCES).fetchall()]
    captions = _captions(db) if "caption" in names else None
    transcripts = db.execute(_TRANSCRIPTS).fetchall() if "transcript" in names else []
    conse = [held.scores[name] for (name,) in db.execute(_CONSE).fetchall()]
    [(damaged,)] = db.execute(f"SELECT count(*) FROM {PUBLISHED} WHERE damaged > 0").fetchall()
    languages = [LanguageCount(*row) for row in db.execute(_LANGUAGES).fetchall()]
    kinds = tuple(kind for kind, _ in db.execute(_KINDS).fetchall())
    return Facts(
        held.schema, splits, file_bytes, dropped, sources, captions, transcripts, conse, damaged, languages, kinds,
        subsets,
    )  # fmt: skip


def _captions(db: duckdb.DuckDBPyConnection) -> Captions:
    [(total, distinct, judged, fakes)] = db.execute(_COUNTS).fetchall()
    authors = [CaptionAuthor(*row) for row in db.execute(_AUTHORS).fetchall()]
    repeated = find_repetition(db.execute(_REPEATED).fetchall(), total)
    alike = [one.told() for one in find_notable_sameness(db, CHOSEN) if one.sign != "same"]
    return Captions(total, distinct, judged, fakes, authors, repeated, alike)


def find_repetition(most: list[tuple[str, int]], clips: int) -> Repetition | None:
    """The most frequent caption, where it stands on at least 3 clips and a twentieth of them, or on all of several."""
    found = (Repetition(text, n, clips) for text, n in most if n >= max(min(_FEWEST, clips), 2, _SHARE * clips))
    return next(found, None)


def find_dataset_repetition(db: duckdb.DuckDBPyConnection) -> Repetition | None:
    """The same of a build's database, whose view ``dataset`` is the published table."""
    if "caption" not in [name for name, *_ in db.execute("DESCRIBE dataset").fetchall()]:
        return None
    most = "SELECT min(caption), count(*) AS n FROM dataset GROUP BY lower(trim(caption)) ORDER BY n DESC, 1 LIMIT 1"
    [(clips,)] = db.execute("SELECT count(*) FROM dataset").fetchall()
    return find_repetition(db.execute(most).fetchall(), clips)
