"""All that a build knows of one clip."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ...engine.query import VideoRows
from ...schemas import Caption, Clip, Embedding, Evidence, Frame, Review, Row, Score, Segment, Shot, Tags, Video

if TYPE_CHECKING:
    import duckdb

_MOST = 400  # rows of a kind that a page shows
_OF_CLIP = (Clip, Caption, Tags, Evidence, Score, Embedding, Review)
_FRAMES = 48


class ClipPages:
    """Reads clips of a build, each with everything about it."""

    def __init__(self, db: duckdb.DuckDBPyConnection, rows: VideoRows) -> None:
        """``db`` has the table ``wall``, and ``verdicts`` and ``errors``."""
        self._db, self._rows = db, rows

    def read(self, clip_id: str) -> dict[str, Any] | None:
        """The clip as plain values; None where there is none of that id.

        Keys: ``clip``, a row of the wall; ``video``; ``frames``; ``captions`` with ``scores``, the chosen one first;
        ``tags`` with places in the caption's text; ``segments`` of the transcript; ``shots``; ``evidence``;
        ``scores`` of the clip itself; ``reviews`` without names; ``verdicts`` and ``errors``; ``steps``, what wrote
        rows about it.
        """
        db = self._db.cursor()
        answer = db.execute("SELECT * EXCLUDE (_text) FROM wall WHERE clip_id = ?", [clip_id])
        names = [str(column[0]) for column in answer.description or ()]
        if not (found := answer.fetchall()):
            return None
        clip = dict(zip(names, found[0], strict=True))
        video_id, inside = clip["video_id"], f"end_s > {clip['start_s']!r} AND start_s < {clip['end_s']!r}"

        def rows(row: type[Row], columns: str, where: str) -> list[dict[str, Any]]:
            table = self._rows.read(db, row, video_id, columns.split(), where)
            return [plain(one) for one in table.slice(0, _MOST).to_pylist()]

        own = f"clip_id = '{clip_id.replace(chr(39), chr(39) * 2)}'"
        scores = rows(Score, "caption_id name value model note", own)
        captions = rows(
            Caption, "caption_id teacher kind text model revision parents language finding start_s end_s", own
        )
        made = {
            "clip": plain(clip),
            "video": next(iter(rows(Video, "uri title uploader license duration_s width_px height_px fps video_codec"
                                           " audio_codec description", "true")), {}),
            "frames": [one["time_s"] for one in self.frames(db, clip)],
            "captions": _captions(captions, scores, clip, self._gone(db, captions)),
            "tags": rows(Tags, "caption_id objects attributes pairs mentions relations model", own),
            "segments": sorted(rows(Segment, "start_s end_s text source language doubt", inside), key=_start),
            "shots": sorted(rows(Shot, "start_s end_s detector strength", inside), key=_start),
            "evidence": rows(Evidence, "boxes labels colours texts sounds", own),
            "scores": [one for one in scores if one["caption_id"] is None],
            "reviews": rows(Review, "kind verdict text seconds marks holds", own),
            "verdicts": self._misses(db, "verdicts", "reason, detail", clip),
            "errors": self._misses(db, "errors", "kind, message", clip),
            "steps": self._steps(db, video_id, own),
        }  # fmt: skip
        return made

    def frames(self, db: duckdb.DuckDBPyConnection, clip: dict[str, Any]) -> list[dict[str, Any]]:
        """Ids and times of stored frames of a clip, evenly over its length: ``_FRAMES`` at most."""
        start, end = clip["start_s"], clip["end_s"]
        where = f"time_s >= {start!r} AND (time_s < {end!r} OR time_s = {start!r})"
        found = self._rows.read(db, Frame, clip["video_id"], ["frame_id", "time_s"], where).to_pylist()
        every = sorted(found, key=lambda one: one["time_s"])
        step = max(len(every) / _FRAMES, 1.0)
        return [every[int(n * step)] for n in range(min(len(every), _FRAMES))]

    def jpeg(self, db: duckdb.DuckDBPyConnection, video_id: str, frame_id: str) -> bytes:
        """The picture of a stored frame; empty where there is none."""
        where = f"frame_id = '{frame_id.replace(chr(39), chr(39) * 2)}'"
        found = self._rows.read(db, Frame, video_id, ["jpeg"], where).column("jpeg").to_pylist()
        return bytes(found[0]) if found and found[0] else b""

    def _gone(self, db: duckdb.DuckDBPyConnection, captions: list[dict[str, Any]]) -> dict[str, str]:
        ids = [one["caption_id"] for one in captions]
        query = "SELECT id, step || ': ' || reason FROM verdicts WHERE list_contains($ids, id)"
        return dict(db.execute(query, {"ids": ids}).fetchall()) if ids else {}

    def _misses(
        self, db: duckdb.DuckDBPyConnection, table: str, columns: str, clip: dict[str, Any]
    ) -> list[dict[str, Any]]:
        query = f"SELECT step, id, {columns} FROM {table} WHERE id = $clip OR id = $video"
        answer = db.execute(query, {"clip": clip["clip_id"], "video": clip["video_id"]})
        names = [str(column[0]) for column in answer.description or ()]
        return [plain(dict(zip(names, row, strict=True))) for row in answer.fetchall()]

    def _steps(self, db: duckdb.DuckDBPyConnection, video_id: str, own: str) -> list[dict[str, Any]]:
        """The steps that wrote rows of the clip or of its video, with the number of rows."""
        made: list[dict[str, Any]] = []
        for row in (Video, Frame, Segment, Shot, *_OF_CLIP):
            where = own if row in _OF_CLIP else "true"
            counts: dict[str, int] = defaultdict(int)
            for step in self._rows.read(db, row, video_id, ["video_id"], where).column("_step").to_pylist():
                counts[step] += 1
            made += [{"step": step, "table": row.table, "rows": n} for step, n in counts.items()]
        return made


def _start(row: dict[str, Any]) -> float:
    return float(row["start_s"])


def _captions(
    captions: list[dict[str, Any]], scores: list[dict[str, Any]], clip: dict[str, Any], gone: dict[str, str]
) -> list[dict[str, Any]]:
    """Each caption once, with its scores and why it was dropped; the chosen one first."""
    of: dict[str, dict[str, float]] = defaultdict(dict)
    for score in scores:
        if score["caption_id"] is not None:
            of[score["caption_id"]][score["name"]] = score["value"]
    made: dict[tuple[str, str], dict[str, Any]] = {}
    for one in captions:
        if one["kind"] == "choice":
            continue
        same = made.setdefault((one["teacher"], one["text"]), one | {"scores": {}, "dropped": ""})
        same["scores"] |= of[one["caption_id"]]
        same["dropped"] = same["dropped"] or gone.get(one["caption_id"], "")
        same["chosen"] = one["text"] == clip["caption"]
    return sorted(made.values(), key=lambda one: (not one["chosen"], bool(one["dropped"]), one["teacher"]))


def plain(value: Any) -> Any:
    """A value as JSON holds it; numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_bytes(value: Any) -> bytes:
    """JSON in UTF-8, also of text that is no Unicode."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")
