"""Metrics: the numbers of the published evaluators, and what is said of files that do not belong together."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cliploom.cards.metrics.qvhighlights import QvhighlightsMetric
from cliploom.cli.main import main
from cliploom.engine.contract.errors import UserError

Lines = list[dict[str, Any]]

# What QVHighlights' own evaluator (moment_detr, standalone_eval/eval.py at b7e553a, with scikit-learn 1.9) says of the
# lines below. On the sample that its authors ship all 90 numbers are the same too; that is under a licence of its own.
PUBLISHED = """
full mAP: 41.7 56.14 47.8 45.28 44.66 41.75 41.25 40.69 36.08 35.03 28.33
full R1: 45 38.33 38.33 38.33 33.33 33.33 31.67 28.33 25 21.67
short mAP: 28.81 47.39 35.22 32.41 31.52 26.39 25.72 25.15 21.43 21.43 21.43
short R1: 31.11 22.22 22.22 22.22 15.56 15.56 13.33 11.11 11.11 11.11
middle mAP: 30.67 37.72 35.99 33.9 33.9 33.9 33.9 33.9 28.49 24.94 10.04
middle R1: 25 25 25 25 25 25 25 20.83 12.5 8.33
long mAP: 57.11 57.89 57.89 57.89 57.89 57.89 57.89 57.89 57.89 57.89 50.11
long R1: 46.67 46.67 46.67 46.67 46.67 46.67 46.67 46.67 46.67 40
Fair HL: 19.41 13.33
Good HL: 8.34 8.33
VeryGood HL: 6.03 1.67
"""
"""For each length mAP and mAP@0.5, @0.55, … @0.95, then R1@0.5 … 0.95; for each least grade mAP and Hit1."""
THRESHOLDS = [f"{0.5 + 0.05 * step:g}" for step in range(10)]


def published() -> dict[str, float]:
    found: dict[str, float] = {}
    for line in PUBLISHED.split("\n")[1:-1]:
        which, kind, *rest = line.replace(":", "").split()
        values = [float(value) for value in rest]
        if kind == "HL":
            names = [f"HL-min-{which}-mAP", f"HL-min-{which}-Hit1"]
        else:
            whole = [f"MR-{which}-mAP"] if kind == "mAP" else []
            names = [*whole, *(f"MR-{which}-{kind}@{threshold}" for threshold in THRESHOLDS)]
        found |= dict(zip(names, values, strict=True))
    return found


def lines(queries: int = 60) -> tuple[Lines, Lines]:
    """Predictions and gold with all that is awkward: equal scores and overlaps, windows twice, too few or too many
    scores, windows of any order, cells that nobody graded, grades that are all or none good.
    """
    dice, told, gold = Random(7), [], []
    for qid in range(queries):
        cells = dice.choice([20, 63, 75])
        windows: list[tuple[int, int]] = []
        for _ in range(dice.choice([1, 1, 2, 4])):
            start = dice.randrange(cells - 1)
            windows.append((2 * start, 2 * min(cells, start + dice.choice([1, 3, 9, 30]))))
        marked = sorted({cell for s, e in windows for cell in range(s // 2, e // 2)})
        level = dice.choice([0, 2, 4, None])
        grades = [[dice.randrange(5) if level is None else level for _ in range(3)] for _ in marked]
        gold.append({
            "qid": qid, "query": "?", "duration": 2 * cells, "vid": "v", "relevant_windows": windows,
            "relevant_clip_ids": marked, "saliency_scores": grades,
        })  # fmt: skip
        guesses: list[list[float]] = []
        for _ in range(dice.choice([1, 3, 10, 14])):
            if dice.random() < 0.6:  # near a gold window, or that window itself
                first, last = dice.choice(windows)
                span = [first + dice.choice([0, 0, 1, -2]), last + dice.choice([0, 0, 1.5, -1])]
            else:
                first = 2 * dice.randrange(cells)
                span = [first, first + dice.choice([0, 2, 20])]
            guesses.append([*span, dice.choice([0.9, 0.5, 0.5, dice.random()])])
        count = cells + dice.choice([0, 0, -5, 7])
        scores = [round(dice.uniform(-1, 1), dice.choice([1, 4])) for _ in range(count)]
        told.append({
            "qid": qid, "query": "?", "vid": "v", "pred_relevant_windows": guesses, "pred_saliency_scores": scores
        })  # fmt: skip
    return told, gold


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def measure(root: Path, told: Lines, gold: Lines, **options: bool) -> dict[str, float]:
    return dict(QvhighlightsMetric(**options).measure(write(root / "p.jsonl", told), write(root / "g.jsonl", gold)))


def test_every_number_is_that_of_the_published_evaluator(tmp_path: Path) -> None:
    told, gold = lines()
    found = measure(tmp_path, told, gold, every=True)
    assert found == published() and len(found) == 90
    brief = measure(tmp_path, told, gold)
    assert list(brief) == [
        "MR-full-mAP", "MR-full-mAP@0.5", "MR-full-mAP@0.75", "MR-full-R1@0.5", "MR-full-R1@0.7", "MR-short-mAP",
        "MR-middle-mAP", "MR-long-mAP", "HL-min-Fair-mAP", "HL-min-Fair-Hit1", "HL-min-Good-mAP", "HL-min-Good-Hit1",
        "HL-min-VeryGood-mAP", "HL-min-VeryGood-Hit1",
    ]  # fmt: skip
    assert brief.items() <= found.items()


def test_what_is_there_is_measured(tmp_path: Path) -> None:
    told, gold = lines(12)
    for line in gold:
        del line["saliency_scores"]
    assert all(name.startswith("MR-") for name in measure(tmp_path, told, gold))
    with pytest.raises(UserError, match="there is nothing to compare"):
        measure(tmp_path, [{"qid": line["qid"], "pred_saliency_scores": [1.0]} for line in told], gold)
    _, gold = lines(12)
    for line in told:
        del line["pred_relevant_windows"]
    assert all(name.startswith("HL-") for name in measure(tmp_path, told, gold))


def test_a_prediction_without_windows_is_wrong(tmp_path: Path) -> None:
    gold: Lines = [{"qid": qid, "duration": 20, "relevant_windows": [[0, 4]]} for qid in ("a", "b")]
    told: Lines = [{"qid": "a", "pred_relevant_windows": [[0, 4, 1]]}, {"qid": "b", "pred_relevant_windows": []}]
    found = measure(tmp_path, told, gold)
    assert found["MR-full-mAP"] == found["MR-full-R1@0.7"] == 50 and "MR-middle-mAP" not in found


def test_queries_of_one_file_alone_are_an_error_or_left_out(tmp_path: Path) -> None:
    told, gold = lines(8)
    with pytest.raises(UserError, match="p.jsonl lacks 3 queries, such as 5"):
        measure(tmp_path, told[:5], gold)
    with pytest.raises(UserError, match="g.jsonl lacks 1 queries, such as 0"):
        measure(tmp_path, told, gold[1:])
    assert measure(tmp_path, told[:5], gold, shared=True) == measure(tmp_path, told[:5], gold[:5])
    with pytest.raises(UserError, match="no query in common"):
        measure(tmp_path, told[:1], gold[1:], shared=True)


GOLD = {"qid": 1, "duration": 10, "relevant_windows": [[0, 4]], "relevant_clip_ids": [0], "saliency_scores": [[1]]}
SAID = {"qid": 1, "pred_relevant_windows": [[0, 4, 1]], "pred_saliency_scores": [1]}


@pytest.mark.parametrize(
    ("told", "gold", "said"),
    [
        ("{", GOLD, r"p.jsonl:1 is not JSON"),
        ("", GOLD, "p.jsonl is empty"),
        ("[1]", GOLD, "p.jsonl:1: Input should be"),
        ({**SAID, "pred_relevant_windows": [[0, 4]]}, GOLD, r"p.jsonl:1: pred_relevant_windows.0.2: Field required"),
        (json.dumps(SAID).replace("[1]", "[NaN]"), GOLD, "pred_saliency_scores.0: Input should be a finite number"),
        (f"{json.dumps(SAID)}\n\n{json.dumps(SAID)}", GOLD, "p.jsonl has the query 1 twice"),
        (SAID, {**GOLD, "relevant_windows": []}, "g.jsonl:1: relevant_windows"),
        (SAID, {**GOLD, "relevant_clip_ids": [0, 1]}, "query 1 has not as many grades for each of its 2 cells"),
        (SAID, {**GOLD, "relevant_clip_ids": [5]}, "query 1 has a cell 5 of 5"),
        (f'{json.dumps(SAID)}\n{{"qid": 2}}', GOLD, "p.jsonl: 1 of 2 lines have no pred_relevant_windows"),
    ],
)
def test_a_wrong_file_is_one_line(told: str | dict[str, Any], gold: dict[str, Any], said: str, tmp_path: Path) -> None:
    predictions = tmp_path / "p.jsonl"
    predictions.write_text(told if isinstance(told, str) else json.dumps(told))
    right = [gold, {**gold, "qid": 2}] if "2}" in str(told) else [gold]
    with pytest.raises(UserError, match=said):
        QvhighlightsMetric().measure(predictions, write(tmp_path / "g.jsonl", right))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told, gold = lines(5)
    files = write(tmp_path / "p.jsonl", told), write(tmp_path / "g.jsonl", gold)

    def run(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["cliploom", "score", *map(str, words)])
        try:
            main()
        except SystemExit as stopped:
            assert stopped.code in (0, 2)
        said = capsys.readouterr()
        return said.out + said.err

    shown = run(*files, "--metric", "qvhighlights")
    assert shown.startswith("qvhighlights") and "HL-min-Good-Hit1" in shown
    found = json.loads(run(*files, "--metric", "qvhighlights", "--set", "every=true", "--json"))
    assert found == measure(tmp_path, told, gold, every=True)
    assert run("--list").split()[:3] == ["metric", "what", "qvhighlights"]
    assert "did you mean qvhighlights?" in run(*files, "--metric", "qvhighlight")
    assert "name two files and a metric" in run(*files[:1], "--metric", "qvhighlights")
    assert "no option evry" in run(*files, "--metric", "qvhighlights", "--set", "evry=true")
