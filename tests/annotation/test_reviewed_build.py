"""What a review does to the steps after it, in real builds."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import toys

from cliploom.annotation.review import ReviewStep
from cliploom.annotation.tags import TagsStep
from cliploom.captioners.clip_score import ClipScore
from cliploom.captioners.judge import Judge
from cliploom.captioners.select import Select
from cliploom.captioners.text_embeddings import TextEmbeddings
from cliploom.cards.dataset import Dataset
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import Step
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.planning.plan import make_plan
from cliploom.filters.keep import Keep

BEFORE: Sequence[Step | StepUse] = (
    toys.Numbers(last=2), toys.Pieces(), StepUse(toys.Say("one"), "one"), StepUse(toys.Say("two"), "two"),
)  # fmt: skip
MEASURED: Sequence[Step | StepUse] = (
    *BEFORE,
    make_step("captioners.judge", Judge, {"model": "fake"}),
    Select(by="judge"),
)


def build(root: Path, *steps: Step | StepUse) -> dict[str, dict[str, Any]]:
    """The published rows by clip; none where the build waits."""
    outcome = run_build(Recipe("reviewed", steps, shards=1), root, RunOptions(workers=1))
    if outcome.waiting:
        return {}
    [file] = (root / "dataset" / "data").iterdir()
    return {row["clip_id"]: row for row in pq.read_table(file).to_pylist()}


def answer(root: Path, fill: Callable[[dict[str, str], int], dict[str, str]], person: str = "ann") -> None:
    with (root / "review" / "tasks.csv").open(newline="", encoding="utf-8") as file:
        tasks = list(csv.DictReader(file))
    with (root / "review" / f"answers_{person}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(tasks[0]))
        writer.writeheader()
        writer.writerows({**task, **fill(task, at)} for at, task in enumerate(tasks))


def test_verdicts_and_edits_take_effect_by_default(tmp_path: Path) -> None:
    recipe = (*MEASURED, ReviewStep(), Keep(where="judge >= 0"), Dataset())
    assert build(tmp_path, *recipe) == {}
    said: dict[str, str] = {}

    def fill(task: dict[str, str], at: int) -> dict[str, str]:
        verdict = said[task["clip_id"]] = ("reject", "edit", "accept", "cannot_tell")[at % 4]
        return {"verdict": verdict.replace("_", " "), "text": f"Mended {task['clip_id']}." if verdict == "edit" else ""}

    answer(tmp_path, fill)
    rows = build(tmp_path, *recipe)
    assert set(rows) == {clip for clip, verdict in said.items() if verdict != "reject"} and len(said) == 9
    for clip, row in rows.items():
        mended = row["caption"] == f"Mended {clip}."
        assert mended == (said[clip] == "edit") and (row["teacher"] == "review") == mended
        assert row["score_judge"] is not None  # measured as any other; else `keep` would have dropped it
        assert (row["review"], row["reviewers"]) == (said[clip], 1)
    assert "22.2 % of the answers about captions corrected one." in (tmp_path / "dataset" / "README.md").read_text()
    stages = {stage.name: stage for stage in Build.read(tmp_path).funnel()}
    asked, edited = stages["annotation.review"], stages["annotation.review.edits"]
    assert (asked.came, asked.done, asked.dropped, asked.rows) == (9, 6, 3, 9)
    assert (edited.came, edited.done, edited.dropped, edited.rows) == (6, 4, 2, 2)


def test_a_choice_is_not_chosen_anew_by_a_score(tmp_path: Path) -> None:
    judge = make_step("captioners.judge", Judge, {"model": "fake"})
    recipe = (*BEFORE, ReviewStep(kind="choose", sample=6), judge, Select(by="judge"), Dataset())
    assert build(tmp_path, *recipe) == {}
    wanted: dict[str, str] = {}

    def fill(task: dict[str, str], at: int) -> dict[str, str]:
        texts = [line.split(". ", 1)[1] for line in task["candidates"].split("\n")]
        wanted[task["clip_id"]] = min(texts) if at % 2 else max(texts)
        choice = str(texts.index(wanted[task["clip_id"]]) + 1)
        if at < 4:
            return {"verdict": "accept", "choice": choice}
        wanted[task["clip_id"]] = f"Better {at}."
        return {"verdict": "edit", "choice": choice if at == 4 else "", "text": f"Better {at}."}

    answer(tmp_path, fill)
    rows = build(tmp_path, *recipe)
    assert len(rows) == 9 and {clip: rows[clip]["caption"] for clip in wanted} == wanted
    assert all(rows[clip]["review"] == ("edit" if "Better" in text else "accept") for clip, text in wanted.items())


def test_without_apply_a_review_is_the_rows_of_its_answers_and_no_more() -> None:
    planned = [node.name for node in make_plan(Recipe("x", [*BEFORE, ReviewStep(apply=False), Dataset()]))]
    assert planned[-2:] == ["annotation.review", "cards.dataset"]


def names(steps: Sequence[Step | StepUse], node: str) -> dict[str, list[str]]:
    """What a step of the plan reads, by table."""
    found = next(n for n in make_plan(Recipe("x", [*BEFORE, *steps])) if n.name == node)
    return {t.row.table: [u.name for u in found.inputs if u.row is t.row] for t in found.inputs if t.row}


SCORED = (TextEmbeddings(), ClipScore())


def test_what_measured_captions_measures_their_corrections() -> None:
    nodes = [node.name for node in make_plan(Recipe("x", [*BEFORE, *SCORED, TagsStep(), ReviewStep(), Dataset()]))]
    again = [name.removeprefix("annotation.review.") for name in nodes if name.startswith("annotation.review.")]
    assert again == ["edits", "captioners.text_embeddings", "captioners.clip_score", "annotation.tags"]
    copied = names([*SCORED, ReviewStep(), Dataset()], "annotation.review.captioners.clip_score")
    assert copied["embeddings"] == ["annotation.review.captioners.text_embeddings"]
    second: list[Step | StepUse] = [*SCORED, ReviewStep(), StepUse(ReviewStep(sheet="more"), "more"), Dataset()]
    copied = names(second, "more.captioners.text_embeddings")
    assert copied["captions"] == ["more.edits"]
    planned = [node.name for node in make_plan(Recipe("x", [*BEFORE, *second]))]
    assert len(planned) == len(set(planned)) and "more.annotation.review.captioners.text_embeddings" not in planned


@pytest.mark.parametrize(
    ("source", "captions"),
    [
        ((), ["captioners.select", "annotation.review.edits"]),
        (("captioners.select",), ["captioners.select", "annotation.review.edits"]),
        (("one",), ["one", "annotation.review.edits"]),  # what the selected captions were made of
    ],
)
def test_naming_a_step_before_the_review_takes_its_corrections_along(
    source: tuple[str, ...], captions: list[str]
) -> None:
    assert (
        names([*MEASURED[4:], ReviewStep(), StepUse(Dataset(), reads_from=source)], "cards.dataset")["captions"]
        == captions
    )


def test_edits_read_the_answers_of_their_own_review() -> None:
    two: list[Step | StepUse] = [ReviewStep(), StepUse(ReviewStep(sheet="more"), "more", ("two",)), Dataset()]
    assert names(two, "more.edits") == {"captions": ["two", "annotation.review.edits"], "reviews": ["more"]}
