"""The tasks of a review, from the tables that reach it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, NamedTuple

from ...schemas import ReviewMark
from ..forms.form import Questions
from .cells import cut_cells
from .priority import rank_tasks
from .sampling import TaskSample
from .task import CandidateCaption, ReviewTask

if TYPE_CHECKING:
    import duckdb


class _Query(NamedTuple):
    """SQL for what a kind of task is about: ``key, clip_id, texts, from_s, to_s, marks``."""

    sql: str
    start_s: str = "coalesce(from_s, start_s)"
    end_s: str = "coalesce(to_s, end_s)"


_WHOLE = "kind <> 'differential' AND start_s IS NULL"
_TEXTS = "list([caption_id, text] ORDER BY md5($seed || caption_id), caption_id)"
_NONE = '[]::STRUCT(name VARCHAR, "text" VARCHAR, start_s DOUBLE, end_s DOUBLE)[]'
_EACH = f"""
    SELECT caption_id AS key, clip_id, [[caption_id, text]] AS texts, start_s AS from_s, end_s AS to_s, {_NONE} AS marks
    FROM captions"""
_QUERY = f"""
    SELECT caption_id AS key, clip_id, [[caption_id, text]] AS texts, NULL AS from_s, NULL AS to_s, {_NONE} AS marks
    FROM captions WHERE {_WHOLE}"""
_CLIP = (
    "SELECT clip_id AS key, clip_id, []::VARCHAR[][] AS texts, NULL AS from_s, NULL AS to_s, {marks} AS marks {rest}"
)
_PARTS = "FROM captions WHERE start_s IS NOT NULL AND end_s > start_s GROUP BY clip_id"
_SPAN = "list({{name: {name}, text: text, start_s: start_s, end_s: end_s}} ORDER BY start_s, end_s, caption_id)"
_EVENT = _SPAN.format(name="'event'")

_QUERIES = {
    "judge": _Query(_EACH),
    "edit": _Query(_EACH),
    "rate": _Query(_EACH),
    "choose": _Query(f"""
        SELECT clip_id AS key, clip_id, {_TEXTS} AS texts, min(start_s) AS from_s, max(end_s) AS to_s, {_NONE} AS marks
        FROM captions WHERE {_WHOLE} GROUP BY clip_id"""),
    "moments": _Query(_QUERY),
    "saliency": _Query("""
        SELECT caption_id AS key, clip_id, [[caption_id, any_value(c.text)]] AS texts, NULL AS from_s, NULL AS to_s,
            list({name: m.name, text: '', start_s: m.start_s, end_s: m.end_s} ORDER BY m.start_s, m.end_s) AS marks
        FROM captions c JOIN (
            SELECT caption_id, unnest(marks) AS m FROM reviews WHERE kind = 'moments' AND verdict = 'mark'
        ) USING (caption_id) GROUP BY caption_id, clip_id"""),
    "spans": _Query(_CLIP.format(marks=_SPAN.format(name="''"), rest=_PARTS)),
    "events": _Query(_CLIP.format(
        marks=f"coalesce(marks, {_NONE})",
        rest=f"FROM clips LEFT JOIN (SELECT clip_id, {_EVENT} AS marks {_PARTS}) USING (clip_id)",
    )),
    "tags": _Query(f"""
        SELECT caption_id AS key, c.clip_id, [[caption_id, text]] AS texts, NULL AS from_s, NULL AS to_s,
            coalesce(list_transform(list_concat(objects, attributes), lambda tag:
                {{name: tag, text: '', start_s: NULL::DOUBLE, end_s: NULL::DOUBLE}}), {_NONE}) AS marks
        FROM captions c LEFT JOIN tags USING (caption_id) WHERE {_WHOLE}"""),
    "cuts": _Query(_CLIP.format(
        marks="list_transform(shots[2:], lambda s: {name: 'cut', text: '', start_s: s.start_s, end_s: NULL::DOUBLE})",
        rest="FROM clips",
    )),
    "boxes": _Query(_CLIP.format(marks=_NONE, rest="FROM clips")),
    "slots": _Query(_CLIP.format(marks=_NONE, rest="FROM clips")),
}  # fmt: skip


def sample_tasks(db: duckdb.DuckDBPyConnection, questions: Questions, how: TaskSample) -> list[ReviewTask]:
    """The tasks that are wanted, in their order."""
    rank_tasks(db, how)
    limit = "" if how.sample is None else f"LIMIT {how.sample:d}"
    query = f"{_tasks(questions.kind)} JOIN _ranked USING (key) ORDER BY place {limit}"
    return [_task(questions, row) for row in db.execute(query).fetchall()]


def tasks_named(db: duckdb.DuckDBPyConnection, questions: Questions, ids: Iterable[str]) -> list[ReviewTask]:
    """The tasks with these ids that can still be asked, in or out of the sample."""
    wanted = set(ids)
    if not wanted:
        return []
    query = f"{_tasks(questions.kind)} WHERE list_contains($keys, key) ORDER BY key"
    rows = db.execute(query, {"keys": sorted({i.rpartition("_")[0] for i in wanted})}).fetchall()
    return [task for row in rows if (task := _task(questions, row)).task_id in wanted]


def ask_all(db: duckdb.DuckDBPyConnection, questions: Questions, seed: int) -> None:
    """Make the table ``_asked`` of all tasks that there could be: the others are taken from it."""
    values = {"seed": f"{seed}:"} if "$seed" in _QUERIES[questions.kind].sql else {}
    db.execute(f"CREATE OR REPLACE TEMP TABLE _asked AS {_QUERIES[questions.kind].sql}", values)


def _tasks(kind: str) -> str:
    asked = _QUERIES[kind]
    return f"""
        SELECT key, clip_id, video_id, coalesce(nullif(title, ''), video_id), {asked.start_s}, {asked.end_s},
            coalesce(clips.file, path, ''), CASE WHEN clips.file IS NULL THEN 0 ELSE clips.start_s END, texts, marks
        FROM _asked JOIN clips USING (clip_id) LEFT JOIN videos USING (video_id)
    """


def _task(questions: Questions, row: Sequence[Any]) -> ReviewTask:
    key, clip_id, video_id, video, start_s, end_s, file, from_s, texts, given = row
    marks = tuple(ReviewMark(**mark) for mark in given)
    if questions.kind == "spans":
        marks = tuple(ReviewMark(str(i), m.text, None, m.start_s, m.end_s) for i, m in enumerate(marks, 1))
    elif questions.kind == "tags":
        marks = tuple({mark.name.casefold(): mark for mark in reversed(marks)}.values())[::-1]
    elif questions.kind == "saliency":
        marks = cut_cells(marks, questions.grid_s, start_s)
    digest = _digest(texts) if questions.kind in ("judge", "choose") else _digest([questions.kind, texts, marks])
    pairs = tuple(CandidateCaption(*text) for text in texts)
    return ReviewTask(
        f"{key}_{digest}", clip_id, video_id, video, start_s, end_s, file, pairs, marks, from_s
    )  # fmt: skip


def _digest(shown: Sequence[Any]) -> str:
    plain = [[list(astuple(item)) if isinstance(item, ReviewMark) else item for item in part] for part in shown]
    said = repr(plain).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(said, digest_size=4).hexdigest()
