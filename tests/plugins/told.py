"""Rows and a small build, told rather than made: pictures of the films in tests/media, and rows about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import duckdb
import numpy as np
import pyarrow as pa
import yaml

from cliploom.engine.build import Build, FunnelStage
from cliploom.schemas import (
    ROWS,
    Caption,
    Clip,
    DatasetEntry,
    Embedding,
    Frame,
    Pair,
    Row,
    Score,
    Segment,
    Span,
    Tags,
    Video,
    arrow_schema,
    to_arrow,
)

MEDIA = Path(__file__).parent.parent / "media"


@dataclass(frozen=True)
class FakeBuild(Build):
    """A build from rows in memory."""

    rows: Sequence[Row] = ()
    stages: Sequence[FunnelStage] = ()
    verdicts: Sequence[tuple[str, str, str, str]] = ()
    errors: Sequence[tuple[str, str, str, str, str, int]] = ()

    def funnel(self) -> list[FunnelStage]:
        return list(self.stages)

    def connect(self) -> duckdb.DuckDBPyConnection:
        db = database(self.rows)
        _register(db, "verdicts", ["step", "id", "video_id", "reason"], self.verdicts)
        _register(db, "errors", ["step", "id", "video_id", "kind", "message", "attempts"], self.errors)
        files = sorted((self.root / "dataset").glob("**/*.parquet"))
        source = f"read_parquet({[str(f) for f in files]}, union_by_name=true)" if files else "entries WHERE false"
        db.execute(f"CREATE VIEW dataset AS SELECT * FROM {source}")
        return db


def database(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """A database as a ``Global`` step gets it: a view per row type, with ``_step``."""
    db = duckdb.connect()
    for row in ROWS:
        mine = [r for r in rows if type(r) is row]
        if row is Embedding:  # DuckDB takes no float16 from Arrow, and nothing here reads vectors
            mine, table = [], pa.table({"model": pa.array([], pa.string())})
        else:
            table = to_arrow(row, mine) if mine else arrow_schema(row).empty_table()
        db.register(row.table, table.append_column("_step", pa.array(["test"] * len(table), pa.string())))
    return db


def _register(db: duckdb.DuckDBPyConnection, name: str, columns: list[str], rows: Sequence[tuple[Any, ...]]) -> None:
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    types = [pa.int64() if column == "attempts" else pa.string() for column in columns]
    arrays = [pa.array(list(v), t) for v, t in zip(values, types, strict=True)]
    db.register(name, pa.table(dict(zip(columns, arrays, strict=True))))


@cache
def pictures(file: str, times: tuple[float, ...], width: int = 320) -> tuple[bytes, ...]:
    """JPEGs of a film in tests/media near the given times."""
    found: list[bytes] = []
    with av.open(str(MEDIA / file)) as container:
        stream = container.streams.video[0]
        wanted = iter(times)
        next_s = next(wanted, None)
        for frame in container.decode(stream):
            assert isinstance(frame, av.VideoFrame) and frame.time is not None
            while next_s is not None and frame.time >= next_s - 1e-6:
                height = round(frame.height * width / frame.width)
                image = frame.reformat(width, height, format="bgr24").to_ndarray()
                found.append(cv2.imencode(".jpg", image)[1].tobytes())
                next_s = next(wanted, None)
            if next_s is None:
                break
    return tuple(found)


def video(video_id: str, **more: Any) -> Video:
    """A video with what a test does not care about filled in."""
    said = {"uri": f"films/{video_id}.mp4", "path": f"/home/ada/films/{video_id}.mp4", "sha256": "0" * 64}
    return Video(video_id, **{**said, "size_bytes": 1000, "width_px": 480, "height_px": 270, "fps": 24.0, **more})


def clip(video_id: str, start_s: float, end_s: float, **more: Any) -> Clip:
    """A clip of one shot."""
    clip_id = f"{video_id}_{round(start_s * 1000):09d}_{round(end_s * 1000):09d}"
    return Clip(clip_id, video_id, start_s, end_s, **{"shots": [Span(start_s, end_s)], **more})


def caption(of: Clip, teacher: str, text: str, kind: str = "teacher", parents: Sequence[str] = ()) -> Caption:
    """A caption whose id is the clip's and the teacher's."""
    caption_id = f"{of.clip_id}/{teacher}/{kind}"
    model = {"choice": "argmax of conse", "teacher": f"{teacher}-model"}.get(kind, kind)
    return Caption(caption_id, of.video_id, of.clip_id, teacher, kind, text, list(parents), model, "1.0")


def score(of: Clip, name: str, value: float, about: Caption | None = None) -> Score:
    """A score of a clip, or of one of its captions."""
    about_id = None if about is None else about.caption_id
    return Score(
        f"{about_id or of.clip_id}/{name}", of.video_id, of.clip_id, about_id, name, value, f"{name}-model 1.0"
    )


def segment(video_id: str, start_s: float, end_s: float, text: str, source: str = "subtitle", **more: Any) -> Segment:
    """A transcript sentence."""
    said = {"words": [], "language": "en", **more}
    return Segment(f"{video_id}/{source}/{start_s:.3f}", video_id, start_s, end_s, text, source=source, **said)


def films(root: Path) -> FakeBuild:
    """Tell a whole build of five films and a broken file, with everything that a report tells of."""
    told = yaml.safe_load((Path(__file__).parent / "films.yaml").read_text(encoding="utf-8"))["films"]
    rows: list[Row] = []
    verdicts: list[tuple[str, str, str, str]] = []
    for video_id, film in told.items():
        rows += _film(video_id, film)
        for start, end, reason in film.get("dropped", ()):
            gone = clip(video_id, start, end)
            rows.append(gone)
            step = "filters.keep" if reason == "below_conse" else "filters.quality"
            verdicts.append((step, gone.clip_id, video_id, reason))
    kept = [row for row in rows if isinstance(row, DatasetEntry)]
    message = f"{root}/films/broken.mp4 of https://films.example/a/b: no video in it <script>alert(1)</script>"
    errors = [
        ("builders.scan.frames", "broken-00", "broken-00", "InvalidData", message, 1),
        ("captioners.teacher.chat", kept[0].clip_id, kept[0].video_id, "timeout", "took longer than 60 s", 4),
    ]
    stages = _stages(len(kept), Counter((step, reason) for step, _, _, reason in verdicts))
    steps: list[dict[str, Any]] = [
        {"name": s.name, "step": s.name, "options": {}, "reads": ["test"],
         "tables": [{"name": s.name, "table": s.table, "fingerprint": "0"}]}
        for s in stages
    ]  # fmt: skip
    steps[0]["options"] = {"path": "/home/ada/films", "api_key": "hunter2"}
    lock = {"name": "open-films", "cliploom": "0.1.0", "shards": 1, "steps": steps}
    return FakeBuild(root, lock, rows, stages, verdicts, errors)


def _film(video_id: str, film: dict[str, Any]) -> list[Row]:
    spans = film["clips"]
    rows: list[Row] = [
        video(video_id, title=film["title"], license=film["license"], duration_s=spans[-1][1] + 1),
        *(segment(video_id, start, end, text) for start, end, text in film.get("speech", ())),
    ]
    covered = [(span[0], span[1]) for span in (*spans, *film.get("dropped", ()))]
    times = sorted({round(t, 3) for start, end in covered for t in np.arange(start, end, 0.5).tolist()})
    for time_s, jpeg in zip(times, pictures(film["file"], tuple(times)), strict=False):
        frame_id = f"{video_id}_{round(time_s * 1000):09d}"
        rows.append(Frame(frame_id, video_id, time_s, jpeg, 320, 180, "0" * 16, 100.0, 90.0))
    for start, end, conse, tags, text in spans:
        rows += _captioned(clip(video_id, start, end), text, tags, conse, film["title"])
    return rows


def _captioned(of: Clip, text: str, tags: list[str], conse: float, title: str) -> list[Row]:
    evidence = f"A picture of a {tags[0].split()[-1]}."
    said = [caption(of, "chat", text), caption(of, "evidence", evidence), caption(of, "title", title or "untitled")]
    chosen = caption(of, "chat", text, "choice", [said[0].caption_id])
    pairs = [Pair(" ".join(words[:-1]), words[-1]) for tag in tags if len(words := tag.split()) > 1]
    objects, attributes = [tag.split()[-1] for tag in tags], [pair.attribute for pair in pairs]
    about = (chosen.caption_id, of.video_id, of.clip_id, chosen.caption_id)
    return [
        of, *said, chosen, score(of, "motion", round(conse * 20 % 5, 2)),
        *(score(of, "conse", round(conse - 0.07 * i, 3), c) for i, c in enumerate(said)),
        Tags(*about, objects, attributes, pairs, "en_core_web_sm 3.8"),
        DatasetEntry(of.clip_id, of.video_id, of.clip_id, "test" if of.video_id.startswith("nasa") else "train"),
    ]  # fmt: skip


def _stages(kept: int, dropped: Counter[tuple[str, str]]) -> list[FunnelStage]:
    early = {reason: n for (step, reason), n in dropped.items() if step == "filters.quality"}
    late = {reason: n for (step, reason), n in dropped.items() if step == "filters.keep"}
    cut, left = kept + dropped.total(), kept + sum(late.values())
    return [
        FunnelStage("builders.folder", "source", "videos", 6, 6, 0, 0, 0, 6, {}, {}, 0.4),
        FunnelStage("builders.scan.signals", "multioutput", "signals", 6, 5, 0, 1, 0, 5, {}, {"InvalidData": 1}, 9.8),
        FunnelStage("builders.scan.frames", "multioutput", "frames", 6, 5, 0, 1, 0, 190, {}, {"InvalidData": 1}, 12.1),
        FunnelStage("builders.shots", "split", "shots", 5, 5, 0, 0, 0, 41, {}, {}, 0.3),
        FunnelStage("builders.clips", "split", "clips", 5, 5, 0, 0, 0, cut, {}, {}, 31.6),
        FunnelStage("filters.quality", "filter", "", cut, left, cut - left, 0, 0, 0, early, {}, 0.1),
        FunnelStage("captioners.evidence", "map", "evidence", left, left, 0, 0, 0, left, {}, {}, 44.0),
        FunnelStage(
            "captioners.teacher.chat", "map", "captions", left, left - 1, 0, 1, 0, left - 1, {}, {"timeout": 1}, 128.5
        ),
        FunnelStage("captioners.select", "split", "captions", left, left, 0, 0, 0, left, {}, {}, 0.2),
        FunnelStage("filters.keep", "filter", "", left, kept, left - kept, 0, 0, 0, late, {}, 0.0),
        FunnelStage("cards.dataset", "global", "entries", kept, kept, 0, 0, 0, kept, {}, {}, 0.9),
    ]
