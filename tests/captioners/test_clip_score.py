"""How near captions are to their clip."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cliploom.captioners.clip_score import ClipScore, ClipScoreInput
from cliploom.captioners.label_embeddings import LabelEmbeddings
from cliploom.captioners.text_embeddings import TextEmbeddings
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.contract.step import StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Caption, Clip, Embedding, Evidence, Label, Score, problem

SITE = StepContext(Path("."), {})
DOGS = [Label("golden retriever", 0.6), Label("Labrador_retriever", 0.2), Label("tennis ball", 0.1)]
CARS = [Label("convertible", 0.5), Label("pickup, pickup truck", 0.3), Label("car_wheel", 0.1)]


def vector(of: str, *values: float, model: str = "net (1)", caption: bool = False) -> Embedding:
    unit = (np.array(values) / np.linalg.norm(values)).astype(np.float16)
    return Embedding(of, "v", model, unit, "c", caption_id=of if caption else None)


def scores(step: ClipScore, embeddings: list[Embedding]) -> list[Score]:
    with step.open(SITE) as work:
        [answer] = work([ClipScoreInput(Clip("c", "v", 0, 5, []), embeddings)])
    assert isinstance(answer, list)
    made = [row for row in answer if isinstance(row, Score)]
    assert [problem(row) for row in made] == [None] * len(answer)
    return made


def test_the_best_or_the_mean_of_several_vectors_counts() -> None:
    rows = [vector("a", 1, 0), vector("b", 0, 1), vector("t", 1, 0, caption=True), vector("u", -1, 0, caption=True)]
    best = scores(ClipScore(), rows)
    assert [(s.score_id, s.name, s.caption_id, s.value) for s in best] == [
        ("t_clip_score", "clip_score", "t", 1.0),
        ("u_clip_score", "clip_score", "u", 0.0),
    ]
    assert {(s.clip_id, s.video_id, s.model) for s in best} == {("c", "v", "net (1)")}
    assert [s.value for s in scores(ClipScore(pool="mean"), rows)] == [0.5, -0.5]


def test_the_cosine_is_that_of_exact_lengths() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        a, b = random.normal(size=(2, 384))
        [found] = scores(ClipScore(), [vector("a", *a), vector("t", *b, caption=True)])
        assert found.value == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=2e-4)


def test_it_is_named_after_the_encoder_or_as_is_said() -> None:
    rows = [vector("a", 1, 0, model="conse (x==1)"), vector("t", 1, 0, model="conse (x==1)", caption=True)]
    assert [s.name for s in scores(ClipScore(), rows)] == ["conse"]
    [named] = scores(ClipScore(name="likeness"), rows)
    assert (named.name, named.score_id) == ("likeness", "t_likeness")
    assert ClipScore(name="likeness").measures == ("likeness",)
    assert set(ClipScore().measures) == {"conse", "clip_score"}


def test_only_vectors_of_one_encoder_are_compared() -> None:
    other = vector("t", 1, 0, 0, model="other (1)", caption=True)
    assert scores(ClipScore(), [vector("a", 1, 0), other]) == []
    assert scores(ClipScore(), [other]) == []
    assert scores(ClipScore(), []) == []


def test_two_encoders_of_one_name_are_refused() -> None:
    clips = [vector("a", 1, 0), vector("b", 1, 0, 0, model="other (1)")]
    texts = [vector("t", 1, 0, caption=True), vector("t", 1, 0, 0, model="other (1)", caption=True)]
    with ClipScore().open(SITE) as work:
        [answer] = work([ClipScoreInput(Clip("c", "v", 0, 5, []), [*clips, *texts])])
    assert isinstance(answer, RowError)
    assert answer.kind == "two_encoders"
    assert "net (1) and of other (1)" in str(answer)


@pytest.mark.models
def test_what_fits_scores_higher() -> None:
    texts = ["A dog plays with a ball on the grass.", "A red car drives down a road."]
    values = np.zeros((2, 2))
    for at, labels in enumerate((DOGS, CARS)):
        evidence = Evidence("c", "v", "c", [], labels, [], 90.0, 1.0, [], [], ["labels 1"])
        captions = [Caption(f"c_{i}", "v", "c", "t", "teacher", text, [], "m", "1") for i, text in enumerate(texts)]
        with LabelEmbeddings().open(SITE) as see, TextEmbeddings().open(SITE) as read:
            answers = [*see([evidence]), *read(captions)]
        rows = [row for answer in answers if isinstance(answer, list) for row in answer]
        found = scores(ClipScore(), [row for row in rows if isinstance(row, Embedding)])
        assert [s.name for s in found] == ["conse", "conse"]
        values[at] = [s.value for s in found]
    assert values[0, 0] > values[0, 1] + 0.05
    assert values[1, 1] > values[1, 0] + 0.05


RECIPE = """
name: scored
steps:
  - builders.folder: {path: PATH}
  - builders.scan: {frames_per_s: 2}
  - builders.shots
  - builders.clips: {min_s: 0.5}
  - captioners.frame_embeddings
  - captioners.clip_embeddings: {pool: per_frame}
  - captioners.teacher: {teachers: [title, fake]}
  - captioners.text_embeddings
  - captioners.clip_score
  - filters.keep: {where: "conse > -1"}
"""


@pytest.mark.models
def test_the_steps_find_each_others_rows_in_a_build(media: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "tears of steel.webm").symlink_to(media / "tears_of_steel_2s.webm")
    recipe = read_recipe(RECIPE.replace("PATH", json.dumps(str(tmp_path / "in"))), "scored.yaml")
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    build = Build.read(tmp_path / "b")
    assert not [stage for stage in build.funnel() if stage.failed]
    with build.connect() as db:
        said = db.execute(
            "SELECT count(*), count(frame_id), count(caption_id) FROM embeddings WHERE clip_id IS NOT NULL"
        ).fetchone()
        clips, captions, found = db.execute(
            "SELECT (SELECT count(*) FROM clips), (SELECT count(*) FROM captions), count(*) FROM scores "
            "WHERE name = 'conse' AND caption_id IN (SELECT caption_id FROM captions)"
        ).fetchone() or (0, 0, 0)
    assert said is not None
    assert clips >= 1
    assert captions == found == said[2] > 0
    assert said[1] == said[0] - said[2] > 0
