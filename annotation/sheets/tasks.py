"""What people are asked: tasks from the tables of a build, whatever carries them to people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import duckdb

JUDGE = "judge"  # one task a caption: is it right?
CHOOSE = "choose"  # one task a clip: which of its captions is best?


class CandidateCaption(NamedTuple):
    """One caption that is judged or may be chosen."""

    caption_id: str
    text: str


class ReviewTask(NamedTuple):
    """One question about one clip. The id holds a digest of the texts: other texts are another question."""

    task_id: str
    clip_id: str
    video_id: str
    video: str  # its title, or its id
    start_s: float
    end_s: float
    file: str  # of the clip, relative to the build folder; of the video where the clip has none
    candidates: tuple[CandidateCaption, ...]  # one to judge; in an order that tells nothing of the teacher


def sampled_tasks(db: duckdb.DuckDBPyConnection, kind: str, sample: int | None, seed: int) -> list[ReviewTask]:
    """The tasks of a sample, all of them for None: those whose clips have the smallest hashes.

    More data moves few tasks out of a sample, and none for another reason.
    """
    limit = "" if sample is None else f"LIMIT {sample:d}"
    query = f"{_tasks(kind)} ORDER BY md5(? || clip_id), key {limit}"
    return [_task(*row) for row in db.execute(query, [f"{seed}:", f"{seed}:"]).fetchall()]


def tasks_named(db: duckdb.DuckDBPyConnection, kind: str, seed: int, ids: Iterable[str]) -> list[ReviewTask]:
    """The tasks with these ids that can still be asked, in or out of the sample."""
    wanted = set(ids)
    query = f"{_tasks(kind)} WHERE list_contains(?, key) ORDER BY key"
    found = db.execute(query, [f"{seed}:", sorted({i.rpartition("_")[0] for i in wanted})]).fetchall()
    return [task for row in found if (task := _task(*row)).task_id in wanted]


def _tasks(kind: str) -> str:
    key, rivals = ("caption_id", "true") if kind == JUDGE else ("clip_id", "kind <> 'differential' AND start_s IS NULL")
    return f"""
        WITH asked AS (
            SELECT {key} AS key, clip_id, list([caption_id, text] ORDER BY md5(? || caption_id), caption_id) AS texts,
                min(start_s) AS from_s, max(end_s) AS to_s
            FROM captions WHERE {rivals} GROUP BY key, clip_id
        )
        SELECT key, clip_id, video_id, coalesce(nullif(title, ''), video_id), coalesce(from_s, start_s),
            coalesce(to_s, end_s), coalesce(clips.file, path, ''), texts
        FROM asked JOIN clips USING (clip_id) LEFT JOIN videos USING (video_id)
    """


def _task(key: str, clip_id: str, video_id: str, *rest: Any) -> ReviewTask:
    video, start_s, end_s, file, texts = rest
    return ReviewTask(
        f"{key}_{_digest(texts)}",
        clip_id,
        video_id,
        video,
        start_s,
        end_s,
        file,
        tuple(CandidateCaption(*t) for t in texts),
    )


def _digest(texts: Sequence[Sequence[str]]) -> str:
    said = repr([list(pair) for pair in texts]).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(said, digest_size=4).hexdigest()
