"""What people say is learned from: picks train the ranker and ratings set a threshold, in real builds."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import toys

import cliploom as cl
from cliploom.annotation.review import ReviewStep
from cliploom.captioners.judge import Judge
from cliploom.captioners.ranker import REPORT_FILE, Ranker
from cliploom.captioners.select import Select
from cliploom.engine.build import run_build
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import Step
from cliploom.engine.execution.runner import RunOptions
from cliploom.filters.threshold import Threshold

WORDS = ("one", "two", "three", "four")
FOUR: Sequence[Step | StepUse] = (
    toys.Numbers(last=19), toys.Pieces(), *(StepUse(toys.Say(word), word) for word in WORDS),
)  # fmt: skip


def build(root: Path, *steps: Step | StepUse) -> cl.BuildFolder | None:
    """None where it waits."""
    outcome = run_build(Recipe("learning", steps, shards=1), root, RunOptions(workers=1))
    return None if outcome.waiting else cl.open_build(root)


def answer(root: Path, fill: Callable[[dict[str, str]], dict[str, str]]) -> int:
    with (root / "review" / "tasks.csv").open(newline="", encoding="utf-8") as file:
        tasks = list(csv.DictReader(file))
    with (root / "review" / "answers_ann.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(tasks[0]))
        writer.writeheader()
        writer.writerows({**task, **fill(task)} for task in tasks)
    return len(tasks)


def liking(text: str) -> float:
    """How much people like a caption, whatever the clip."""
    return float(toys.toy_vector(text)[0])


def test_picks_in_a_review_train_the_ranker_and_the_next_build_selects_by_it(tmp_path: Path) -> None:
    recipe = (
        *FOUR, toys.TextVectors(), toys.ClipVectors(),
        ReviewStep(kind="choose", apply=False, sample=40), Ranker(epochs=400), Select(by="ranker"),
    )  # fmt: skip
    assert build(tmp_path, *recipe) is None
    picked: set[str] = set()

    def fill(task: dict[str, str]) -> dict[str, str]:
        texts = [line.split(". ", 1)[1] for line in task["candidates"].split("\n")]
        picked.add(task["clip_id"])
        if len(picked) % 10 == 0:
            return {"verdict": "reject"}  # all bad: nothing is learned from it
        return {"verdict": "accept", "choice": str(texts.index(max(texts, key=liking)) + 1)}

    assert answer(tmp_path, fill) == 40
    made = build(tmp_path, *recipe)
    assert made is not None
    rows = made.sql("SELECT clip_id, list(text) AS texts FROM captions WHERE kind = 'teacher' GROUP BY 1").to_pylist()
    best = {row["clip_id"]: max(row["texts"], key=liking) for row in rows}
    chosen = made.sql("SELECT clip_id, text FROM captions WHERE kind = 'choice'").to_pylist()
    others = [row for row in chosen if row["clip_id"] not in picked]
    right = sum(row["text"] == best[row["clip_id"]] for row in others)
    assert len(chosen) == 60 and len(others) == 20 and right >= 12  # 5 by chance
    [report] = tmp_path.glob(f"media/**/{REPORT_FILE}")
    told = json.loads(report.read_text())
    assert (told["picked"], told["all_bad"], told["learned_from"] + told["held_out"]) == (40, 4, 36)
    assert told["r_at_1"] > 2 * told["chance"] == 0.5


def test_ratings_set_the_threshold_of_a_score(tmp_path: Path) -> None:
    judge = make_step("captioners.judge", Judge, {"model": "fake"})
    recipe = (
        toys.Numbers(last=4), *FOUR[1:3], judge, ReviewStep(kind="rate"),
        Threshold(score="judge", axis="quality", precision=0.99, confidence=0.5),
    )  # fmt: skip
    assert build(tmp_path, *recipe) is None
    waiting = cl.open_build(tmp_path)
    values = {
        row["caption_id"]: row["value"]
        for row in waiting.sql("SELECT caption_id, value FROM scores WHERE name = 'judge'").to_pylist()
    }
    middle = sorted(values.values())[len(values) // 2]
    answer(tmp_path, lambda task: {"quality": "5" if values[task["task_id"].rpartition("_")[0]] >= middle else "2"})
    made = build(tmp_path, *recipe)
    assert made is not None
    dropped = made.sql("SELECT id, reason FROM verdicts WHERE step = 'filters.threshold'").to_pylist()
    low = made.sql(f"SELECT clip_id FROM scores WHERE name = 'judge' AND value < {middle}").to_pylist()
    assert {row["id"] for row in dropped} == {row["clip_id"] for row in low} and 0 < len(dropped) < 15
