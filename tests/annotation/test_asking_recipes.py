"""The recipes that ask people: their tasks are made, answered as people would, and read back."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from importlib.resources import files
from json import dumps, loads
from pathlib import Path
from typing import Any

import pytest

import cliploom as cl
from cliploom.cards.metrics.qvhighlights import QvhighlightsMetric
from cliploom.cli.main import main
from cliploom.cli.recipes import PACKAGE, recipe_text
from cliploom.engine.build import run_build
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.execution.runner import RunOptions

MEDIA = dumps(str(files(PACKAGE) / "media"))
SLIDING = ["captioners.sliding.model=fake", "builders.clips.min_s=5", "builders.keyframes.min_s=5"]
Fill = Callable[[dict[str, str]], dict[str, str]]


def build(name: str, root: Path, *settings: str) -> tuple[Any, dict[str, str]]:
    given = [f"builders.folder.path={MEDIA}", *settings]
    recipe = read_recipe(recipe_text(name), f"{name}.yaml", given)
    outcome = run_build(recipe, root, RunOptions(workers=1, limit=1))
    return cl.open_build(root), outcome.waiting


def answer(root: Path, sheet: str, fill: Fill, *people: str) -> int:
    with (root / sheet / "tasks.csv").open(newline="", encoding="utf-8") as file:
        tasks = list(csv.DictReader(file))
    for person in people:
        with (root / sheet / f"answers_{person}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(tasks[0]))
            writer.writeheader()
            writer.writerows({**task, **fill(task)} for task in tasks)
    return len(tasks)


def part(task: dict[str, str]) -> dict[str, str]:
    """A tenth of each given span, from its beginning."""
    spans = []
    for line in task["given"].splitlines():
        number, times, *_ = line.replace(":", "").split()
        start, end = map(float, times.split("-"))
        spans.append(f"{number} {start}-{start + (end - start) / 10:.2f}")
    return {"spans": "; ".join(spans)}


def test_qvhighlights_asks_twice_and_is_written_as_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = ("moments.page=false", "saliency.page=false")
    _, waiting = build("qvhighlights", tmp_path, *quiet)
    assert set(waiting) == {"moments"}
    asked = answer(tmp_path, "moments", lambda task: {"spans": "0-2; 4-8"}, "ann")
    _, waiting = build("qvhighlights", tmp_path, *quiet)
    assert set(waiting) == {"saliency"}
    answer(tmp_path, "saliency", lambda task: {"grades": "4 3 0"}, "bo", "cy", "di")
    found, waiting = build("qvhighlights", tmp_path, *quiet)
    assert not waiting
    query = "SELECT person, unnest(marks) AS m FROM reviews WHERE kind = 'saliency'"
    rows = found.sql(
        f"SELECT m.start_s AS s, list(m.value ORDER BY person) AS grades FROM ({query}) GROUP BY s ORDER BY s"
    )
    assert asked == 1 and rows.to_pylist() == [
        {"s": 0.0, "grades": [4.0] * 3}, {"s": 4.0, "grades": [3.0] * 3}, {"s": 6.0, "grades": [0.0] * 3},
    ]  # fmt: skip
    out = tmp_path / "gold.jsonl"
    monkeypatch.setattr(sys, "argv", ["cliploom", "review", "export", str(tmp_path), str(out)])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out == f"1 query in {out}\n"
    [line] = map(loads, out.read_text().splitlines())
    [clip] = found.table("clips").to_pylist()
    assert (line["qid"], line["duration"]) == (1, round(clip["end_s"] - clip["start_s"], 3))
    assert line["relevant_windows"] == [[0, 2], [4, 8]] and line["relevant_clip_ids"] == [0, 2, 3]
    assert line["saliency_scores"] == [[4, 4, 4], [3, 3, 3], [0, 0, 0]]
    guess = {"qid": 1, "pred_relevant_windows": [[0, 2, 0.9], [4, 8, 0.8]], "pred_saliency_scores": [4, 0, 3, 0]}
    (tmp_path / "guess.jsonl").write_text(dumps(guess) + "\n")
    score = QvhighlightsMetric().measure(tmp_path / "guess.jsonl", out)
    assert score["MR-full-mAP"] == 100.0


SLOTS = {"caption": "A.", "visual": "\n".join("abcd"), "audio": "x", "caption_zh": "猫。"}
SLOTS |= {"visual_zh": "\n".join("一二三四"), "audio_zh": "风"}
CASES: list[tuple[str, list[str], Fill, int]] = [
    ("videophy", [], lambda task: {"sa": "5", "pc": "2", "gravity": "0", "solidity": "cannot tell"}, 4),
    ("favdbench", [], lambda task: dict(SLOTS), 12),
    ("videoxum", SLIDING, part, 0),
]


@pytest.mark.parametrize(("name", "settings", "fill", "marks"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_answers_are_read_back(name: str, settings: list[str], fill: Fill, marks: int, tmp_path: Path) -> None:
    settings = [*settings, "annotation.review.page=false", "annotation.review.people=2"]
    _, waiting = build(name, tmp_path, *settings)
    assert set(waiting) == {"annotation.review"}
    asked = answer(tmp_path, "review", fill, "ann", "bo")
    found, waiting = build(name, tmp_path, *settings)
    assert not waiting and asked
    rows = found.table("reviews").to_pylist()
    assert len(rows) == 2 * asked and {row["verdict"] for row in rows} == {"mark"}
    assert all(len(row["marks"]) == marks if marks else row["marks"] for row in rows)
    assert found.sql("SELECT count(*) AS n FROM dataset").to_pylist()[0]["n"] >= 1
