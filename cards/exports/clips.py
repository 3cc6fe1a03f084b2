"""The clips of a dataset folder, as exports take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.build import Build
from ...engine.storage.sql import quote_literal
from ..release.reading import DatasetFolder, columns_of, open_tables

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH_ROWS = 2_048
_COLUMNS = {
    "clip_id": "''", "video_id": "''", "start_s": "0.0", "end_s": "0.0", "caption": "''", "teacher": "''",
    "captions": "[]", "file_name": "''", "uri": "''", "title": "''", "uploader": "''", "license": "''",
    "width_px": "NULL", "height_px": "NULL", "file_width_px": "NULL", "file_height_px": "NULL", "fps": "NULL",
    "objects": "[]", "transcript": "''", "shots": "NULL", "sha256": "''",
}  # fmt: skip
"""What is read of the published table, and what stands for a column that it lacks."""
_NAMES = {"sha256": "source_sha256"}


class ClipCaption(NamedTuple):
    """One of a clip's captions; times are seconds of the source video, None for the whole clip."""

    text: str
    teacher: str
    kind: str
    start_s: float | None
    end_s: float | None


class ExportSentence(NamedTuple):
    """What is said between two times of a source video, in seconds."""

    start_s: float
    end_s: float
    text: str


class ExportClip(NamedTuple):
    """One row of the published table, and what only the build knows of it."""

    split: str
    clip_id: str
    video_id: str
    start_s: float
    end_s: float
    caption: str
    captions: list[ClipCaption]
    teacher: str
    file: str  # relative to the dataset folder; empty for a clip that is times into its source
    uri: str
    title: str
    uploader: str
    license: str
    width_px: int | None  # of its own file, or of its source
    height_px: int | None
    fps: float | None
    objects: list[str]
    transcript: str
    scores: dict[str, float]
    sha256: str  # of the source video
    video_s: float | None  # length of the source video, where the build is at hand
    shots: list[tuple[float, float]] | None  # from the clip's start, where they are known

    @property
    def key(self) -> str:
        """What it goes by: the name of its file, without folder and ending, or its id."""
        return PurePosixPath(self.file).stem if self.file else self.clip_id

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_s - self.start_s

    @property
    def url(self) -> str:
        """Where its source is on the web, or empty."""
        return self.uri if self.uri.lower().startswith(("http://", "https://")) else ""

    def texts(self) -> list[str]:
        """The caption that was chosen, then the others of the whole clip, each once."""
        others = (c.text for c in self.captions if c.start_s is None and c.kind != "differential")
        return list(dict.fromkeys(text for text in (self.caption, *others) if text.strip()))


class ExportClips:
    """The clips of a dataset, split by split, in order of video and time; may be gone through several times.

    With ``files_alone`` those that are times into their sources are left out, and ``left_out`` says how many they are.
    """

    def __init__(self, dataset: DatasetFolder, files_alone: bool = False) -> None:
        self.dataset = dataset
        self.splits = [split for split, files in dataset.splits.items() if files]
        self._db = _join_build(dataset)
        self.left_out = 0
        if files_alone and "file_name" in self.columns:
            self._db.execute("ALTER VIEW published RENAME TO _every")
            self._db.execute("CREATE VIEW published AS SELECT * FROM _every WHERE file_name IS NOT NULL")
            query = "SELECT count(*) FROM _every WHERE file_name IS NULL"
            [(self.left_out,)] = self._db.execute(query).fetchall()

    def __iter__(self) -> Iterator[ExportClip]:
        for split in self.splits:
            yield from self.of(split)

    @cached_property
    def columns(self) -> dict[str, str]:
        """The columns of the published table with their types."""
        return columns_of(self._db)

    def of(self, split: str) -> Iterator[ExportClip]:
        """The clips of one split."""
        cursor = self._db.cursor()
        scores = [name for name in self.columns if name.startswith("score_")]
        query = f"SELECT {self._select(scores)} FROM published LEFT JOIN _lengths USING (video_id)"
        query += " LEFT JOIN _spans USING (clip_id) WHERE _split = ? ORDER BY video_id, start_s, end_s, clip_id"
        cursor.execute(query, [split])
        names = [column[0] for column in cursor.description or ()]
        while rows := cursor.fetchmany(_BATCH_ROWS):
            for row in rows:
                yield _clip(split, dict(zip(names, row, strict=True)), scores)

    def batches(self, split: str) -> pa.RecordBatchReader:
        """The published rows of one split as Arrow, with every column, in order of ``clip_id``."""
        named = ", ".join(f'"{column}"' for column in self.columns)
        query = f"SELECT {named} FROM published WHERE _split = {quote_literal(split)} ORDER BY clip_id"
        return self._db.cursor().sql(query).to_arrow_reader(_BATCH_ROWS)

    def videos(self, split: str) -> Iterator[list[ExportClip]]:
        """The clips of one split, by source video."""
        return (list(clips) for _, clips in groupby(self.of(split), key=lambda clip: clip.video_id))

    def sentences(self, split: str) -> dict[str, list[ExportSentence]]:
        """What is said in the videos of one split, in order of time; empty where the build is not at hand.

        Of subtitles and recognised speech the subtitles are taken; sentences that recognition doubts are left out.
        """
        if self.dataset.build is None:
            return {}
        videos = {video for (video,) in self._videos(split)}
        found: dict[str, list[ExportSentence]] = {}
        with Build.read(self.dataset.build).connect() as build:
            cursor = build.execute(_SENTENCES)
            while rows := cursor.fetchmany(_BATCH_ROWS):
                for video_id, *sentence in rows:
                    if video_id in videos:
                        found.setdefault(video_id, []).append(ExportSentence(*sentence))
        return found

    def _videos(self, split: str) -> list[tuple[str]]:
        return self._db.cursor().execute("SELECT DISTINCT video_id FROM published WHERE _split = ?", [split]).fetchall()

    def _select(self, scores: list[str]) -> str:
        parts = []
        for name, default in _COLUMNS.items():
            column = _NAMES.get(name, name)
            known = column in self.columns
            parts.append(f'coalesce("{column}", {default}) AS "{name}"' if known else f'{default} AS "{name}"')
        return ", ".join([*parts, *(f'"{score}"' for score in scores), "video_s", "spans", "_folder"])


def _join_build(dataset: DatasetFolder) -> duckdb.DuckDBPyConnection:
    """The published table with what the build around it knows: lengths of videos, and the shots of clips."""
    db = open_tables(dataset)
    db.execute("CREATE TABLE _lengths (video_id VARCHAR, video_s DOUBLE)")
    db.execute("CREATE TABLE _spans (clip_id VARCHAR, spans STRUCT(start_s DOUBLE, end_s DOUBLE)[])")
    if dataset.build is not None:
        with Build.read(dataset.build).connect() as build:
            for table, query in _KNOWN.items():
                db.register("_found", build.sql(query).to_arrow_table())
                db.execute(f"INSERT INTO {table} SELECT * FROM _found")
                db.unregister("_found")
    return db


_KNOWN = {
    "_lengths": "SELECT video_id, any_value(duration_s)::DOUBLE FROM videos GROUP BY video_id",
    "_spans": "SELECT clip_id, any_value(shots) FROM clips GROUP BY clip_id",
}


_SENTENCES = """
SELECT video_id, start_s, end_s, text FROM segments WHERE doubt IN ('', 'log_prob')
QUALIFY (source = 'subtitle') = bool_or(source = 'subtitle') OVER (PARTITION BY video_id)
ORDER BY video_id, start_s, end_s, segment_id
"""


def _clip(split: str, row: Mapping[str, Any], scores: list[str]) -> ExportClip:
    file, start_s = row["file_name"], row["start_s"]
    captions = [ClipCaption(c["text"], c["teacher"], c["kind"], c["start_s"], c["end_s"]) for c in row["captions"]]
    path = f"{row['_folder']}/{file}".removeprefix("./") if file else ""
    spans = [(max(0.0, s["start_s"] - start_s), s["end_s"] - start_s) for s in row["spans"] or ()]
    if not spans and row["shots"] == 1:
        spans = [(0.0, row["end_s"] - start_s)]
    return ExportClip(
        split, row["clip_id"], row["video_id"], start_s, row["end_s"], row["caption"], captions, row["teacher"],
        path, row["uri"], row["title"], row["uploader"], row["license"],
        row["file_width_px"] or row["width_px"], row["file_height_px"] or row["height_px"], row["fps"],
        list(row["objects"]), row["transcript"], {s: row[s] for s in scores if row[s] is not None}, row["sha256"],
        row["video_s"], spans or None,
    )  # fmt: skip
