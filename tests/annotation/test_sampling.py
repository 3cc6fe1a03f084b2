"""Which tasks a review asks, in what order, and how many people each."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cliploom.annotation.review import ReviewStep
from cliploom.annotation.tasks.task import ReviewTask, read_task_file
from cliploom.captioners.clip_score import ClipScore
from cliploom.engine.contract.errors import UserError, Waiting
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Caption, Clip, Embedding, Review, Row, Score, Tags, Video, to_arrow

CLIPS = [Clip(f"v{i % 4}_{i}", f"v{i % 4}", float(i), i + (9.0 if i % 4 == 3 else 2.0), shots=[]) for i in range(16)]
VIDEOS = [Video(f"v{i}", f"v{i}", f"v{i}.mp4", "0", 1, license="cc0" if i else "other") for i in range(4)]
TEXTS = ("A dog runs through snow.", "A dog runs.", "Nobody is there at all.")


def caption(clip: Clip, k: int, text: str = "", **fields: Any) -> Caption:
    said = text or TEXTS[k]
    return Caption(
        f"{clip.clip_id}_t{k}", clip.video_id, clip.clip_id, f"t{k}", "teacher", said, [], "m", "1", **fields
    )


CAPTIONS = [caption(clip, k) for clip in CLIPS for k in range(2)]
Tables = dict[type[Row], Sequence[Row]]


def score(of: Caption, value: float, name: str = "fit") -> Score:
    return Score(f"{of.caption_id}_{name}", of.video_id, of.clip_id, of.caption_id, name, value, "m")


def ask(root: Path, tables: Tables | None = None, **options: Any) -> list[ReviewTask]:
    """The tasks, in their order."""
    step = make_step("annotation.review", ReviewStep, {"kind": "choose", "apply": False, **options})
    held: Tables = {
        Clip: CLIPS, Caption: CAPTIONS, Video: VIDEOS, Tags: [], Review: [], Score: [], Embedding: [], **(tables or {})
    }  # fmt: skip
    with duckdb.connect() as db:
        for row, rows in held.items():
            made = to_arrow(row, rows)
            if row is Embedding:
                vectors = [np.asarray(one.vector, np.float32).tolist() for one in rows]  # type: ignore[attr-defined]
                made = made.set_column(
                    made.schema.get_field_index("vector"), "vector", pa.array(vectors, pa.list_(pa.float32()))
                )
            db.register(row.table, made)
        with pytest.raises(Waiting):
            list(step.rows(db, StepContext(root, {"": Path("m")})))
    return list(read_task_file(root / step.sheet))


def clips(tasks: Sequence[ReviewTask]) -> list[str]:
    return [task.clip_id for task in tasks]


def test_where_captions_differ_most_by_their_words(tmp_path: Path) -> None:
    far = {CLIPS[5].clip_id, CLIPS[11].clip_id}
    said = [caption(clip, k, TEXTS[2] if k and clip.clip_id in far else "") for clip in CLIPS for k in range(2)]
    alone = [caption(CLIPS[0], 0)]
    asked = ask(
        tmp_path, {Caption: [*alone, *(one for one in said if one.clip_id != CLIPS[0].clip_id)]}, order="disagreement"
    )
    assert set(clips(asked)[:2]) == far and clips(asked)[-1] == CLIPS[0].clip_id and len(asked) == 16
    assert clips(ask(tmp_path, {Caption: said}, order="disagreement", sample=2)) == clips(asked)[:2]


def test_where_captions_differ_most_by_their_vectors(tmp_path: Path) -> None:
    def vector(angle: float) -> Any:
        return np.array([np.cos(angle), np.sin(angle)], np.float16)

    angles = {one.clip_id: 1.5 * i / 16 for i, one in enumerate(reversed(CLIPS))}
    made = [
        Embedding(
            f"{c.caption_id}_m", c.video_id, "m", vector(k * angles[c.clip_id]), c.clip_id, caption_id=c.caption_id
        )
        for c, k in zip(CAPTIONS, (0, 1) * 16, strict=True)
    ]
    asked = ask(tmp_path, {Embedding: made}, order="disagreement")
    assert clips(asked) == [clip.clip_id for clip in CLIPS]
    chosen = [caption(clip, 0) for clip in CLIPS]  # the vectors of those that were not chosen are there still
    assert clips(ask(tmp_path, {Embedding: made, Caption: chosen}, kind="judge", order="disagreement")) == clips(asked)


def test_low_margins_come_first(tmp_path: Path) -> None:
    scores = [
        score(one, value)
        for i, clip in enumerate(CLIPS)
        for one, value in zip([c for c in CAPTIONS if c.clip_id == clip.clip_id], (0.9, 0.9 - i / 100), strict=True)
    ]
    asked = ask(tmp_path, {Score: scores[:-1]}, order="margin", score="fit")
    assert clips(asked)[:15] == [clip.clip_id for clip in CLIPS[:15]]  # the last has one score alone


def test_low_scores_come_first_also_those_of_what_a_caption_was_chosen_from(tmp_path: Path) -> None:
    scores = [score(one, i / 100) for i, one in enumerate(CAPTIONS)]
    asked = ask(tmp_path, {Score: scores}, kind="judge", order="score", score="fit")
    assert [task.key for task in asked] == [one.caption_id for one in CAPTIONS]
    chosen = [
        Caption(f"{c.clip_id}_choice", c.video_id, c.clip_id, "t0", "choice", "x", [c.caption_id], "m", "1")
        for c in reversed(CAPTIONS[1::2])
    ]
    asked = ask(tmp_path, {Score: scores, Caption: chosen}, kind="judge", order="score", score="fit")
    assert clips(asked) == [clip.clip_id for clip in CLIPS]
    assert clips(ask(tmp_path, {Score: scores}, order="score", score="fit")) == clips(asked)  # the best of each clip


def test_strata_have_as_many_tasks_each(tmp_path: Path) -> None:
    license_of = {video.video_id: video.license for video in VIDEOS}

    def counted(**options: Any) -> Counter[str | None]:
        return Counter(license_of[task.video_id] for task in ask(tmp_path, None, **options))

    assert counted(sample=8, strata="license") == {"cc0": 4, "other": 4}
    assert counted(sample=10, strata="license") == {"cc0": 6, "other": 4}  # there are no more of the others
    lengths = Counter(t.end_s - t.start_s for t in ask(tmp_path, sample=6, strata="seconds > 5"))
    assert lengths == {2.0: 3, 9.0: 3}
    teachers = [t.candidates[0].caption_id[-2:] for t in ask(tmp_path, kind="judge", sample=8, strata="teacher")]
    assert Counter(teachers) == {"t0": 4, "t1": 4}
    scores = [score(one, float(i < 4)) for i, one in enumerate(CAPTIONS)]
    some = ask(tmp_path, {Score: scores}, kind="judge", sample=6, strata="fit > 0.5", order="score", score="fit")
    assert [t.key for t in some if t.key in {c.caption_id for c in CAPTIONS[:4]}] == [
        c.caption_id for c in CAPTIONS[:3]
    ]


def test_only_what_is_new_since_a_release_is_asked(tmp_path: Path) -> None:
    old = tmp_path / "v1" / "data"
    old.mkdir(parents=True)
    rows = [{"clip_id": one.clip_id, "caption": one.text} for one in CAPTIONS if one.teacher == "t0"]
    rows[0]["caption"] = "Another text, in that release."
    pq.write_table(pa.Table.from_pylist(rows[:10]), old / "train.parquet")
    pq.write_table(pa.table({"clip_id": [rows[10]["clip_id"]]}), old / "more.parquet")
    chosen = [one for one in CAPTIONS if one.teacher == "t0"]
    asked = ask(tmp_path, {Caption: chosen}, kind="judge", since=str(tmp_path / "v1"))
    assert set(clips(asked)) == {CLIPS[0].clip_id, *(clip.clip_id for clip in CLIPS[11:])}
    assert set(clips(ask(tmp_path, since=str(tmp_path / "v1")))) == {clip.clip_id for clip in CLIPS[11:]}
    step = make_step("annotation.review", ReviewStep, {"since": str(tmp_path / "v1")})
    before = step.external_digest(StepContext(tmp_path / "b", {}))
    pq.write_table(pa.table({"clip_id": ["x"]}), old / "more.parquet")
    assert before != step.external_digest(StepContext(tmp_path / "b", {}))
    with pytest.raises(UserError, match="holds no dataset"):
        ask(tmp_path, since=str(tmp_path / "none"))


def test_a_share_of_the_tasks_is_for_several_people(tmp_path: Path) -> None:
    asked = ask(tmp_path, people=3, overlap=0.2, page=False)
    assert [task.people for task in asked] == [3] * 4 + [1] * 12
    assert [task.people for task in ask(tmp_path, people=2)] == [2] * 16
    with (tmp_path / "review" / "tasks.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    ask(tmp_path, people=3, overlap=0.2)
    assert "The first 4 lines are for 3 people each" in (tmp_path / "review" / "README.md").read_text()
    for person, count in (("ann", 16), ("bo", 4), ("cy", 3)):
        with (tmp_path / "review" / f"answers_{person}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows({**line, "verdict": "accept", "choice": "1"} for line in lines[:count])
    step = make_step("annotation.review", ReviewStep, {"kind": "choose", "people": 3, "overlap": 0.2})
    assert step.people == 3
    with pytest.raises(Waiting, match=r"^1 of 16 reviews"):
        run(tmp_path, step)


def run(root: Path, step: ReviewStep) -> list[Row]:
    with duckdb.connect() as db:
        held: Tables = {Clip: CLIPS, Caption: CAPTIONS, Video: VIDEOS, Tags: [], Review: [], Score: []}
        for row, rows in held.items():
            db.register(row.table, to_arrow(row, rows))
        return [row for row in step.rows(db, StepContext(root, {"": Path("m")})) if isinstance(row, Row)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"order": "score"}, "order is score, and no score is named"),
        ({"score": "clip_score"}, "order is random, and score is clip_score"),
        ({"order": "margin", "score": "clip_scor"}, "did you mean clip_score"),
        ({"strata": "licence"}, r"annotation.review.strata: there is no column or score licence; did you mean license"),
        ({"strata": "count(*)"}, "annotation.review.strata"),
        ({"strata": "read_text('/etc/passwd')"}, "annotation.review.strata"),
        ({"strata": "(select 1)"}, "it holds a subquery"),
        ({"strata": "seconds +"}, "annotation.review.strata"),
    ],
)
def test_what_cannot_be_meant_is_said_before_the_build(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make_step("annotation.review", ReviewStep, options).check([ClipScore()])


def test_scores_and_columns_of_the_recipe_may_be_named() -> None:
    for options in ({"order": "margin", "score": "clip_score"}, {"strata": "clip_score > 0.3 and license = 'cc0'"}):
        make_step("annotation.review", ReviewStep, options).check([ClipScore()])
