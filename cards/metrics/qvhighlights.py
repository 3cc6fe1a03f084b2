"""QVHighlights' metrics: moments that a query is true of, and highlights among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...engine.contract.errors import UserError
from ...schemas import Col
from .metric import Metric, read_lines
from .moments import Floats, best_overlap, highlight_precision, pad, window_precision

_THRESHOLDS = np.array([round(0.5 + 0.05 * step, 2) for step in range(10)])
_LENGTHS = {"full": None, "short": (0.0, 10.0), "middle": (10.0, 30.0), "long": (30.0, 150.0)}
_GRADES = {"Fair": 2, "Good": 3, "VeryGood": 4}
_BRIEF = ("MR-full-mAP@0.5", "MR-full-mAP@0.75", "MR-full-R1@0.5", "MR-full-R1@0.7")
_MOST_WINDOWS = 10

Line = TypeVar("Line", bound="QueryLine")


class QueryLine(BaseModel):
    """A line about one query."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    qid: int | str


class GoldLine(QueryLine):
    """What people marked for one query; cells without grades, where nobody graded."""

    duration: float = Field(gt=0, lt=1e6)
    relevant_windows: list[tuple[float, float]] = Field(min_length=1)
    relevant_clip_ids: list[Annotated[int, Field(ge=0)]] = []
    saliency_scores: list[list[float]] | None = None


class PredictionLine(QueryLine):
    """What a model says of one query."""

    pred_relevant_windows: list[tuple[float, float, float]] | None = None
    pred_saliency_scores: list[float] | None = None


class QueryPair(NamedTuple):
    """A query's prediction and its gold."""

    predicted: PredictionLine
    gold: GoldLine


@dataclass(frozen=True)
class QvhighlightsMetric(Metric):
    """Moment retrieval and highlight detection, with the numbers that QVHighlights' own evaluator gives.

    ``MR-full-mAP`` is the mean average precision of the first ten windows over overlaps (IoU) of 0.5, 0.55, … 0.95, and
    ``MR-full-R1@0.5`` how often the first window overlaps a gold window by at least 0.5. ``short``, ``middle`` and
    ``long`` are gold windows of up to 10 s, 30 s and 150 s. ``HL-min-VeryGood-mAP`` ranks the cells by their predicted
    saliency, against the cells that a rater graded 4 (``Good`` 3, ``Fair`` 2), rater by rater; ``Hit1`` is how often
    the best cell is one that any rater graded so. All are per cent with two decimals.

    A prediction without windows counts as wrong; the published evaluator stops there. Highlights are measured where
    the predictions have saliency scores and the gold has grades, moments where the predictions have windows.
    """

    every: Annotated[bool, Col("each threshold of overlap for each length, not only those that papers report")] = False
    shared: Annotated[bool, Col("leave out queries that only one of the files has; false: that is an error")] = False
    cell_s: Annotated[float, Col("length of a cell", unit="s", low=0.1)] = 2.0

    name = "qvhighlights"
    source = "https://github.com/jayleicn/moment_detr/tree/main/standalone_eval"
    predictions = "jsonl: `qid`, `pred_relevant_windows` (start, end, score), `pred_saliency_scores` (one a cell)"
    gold = "jsonl: `qid`, `duration`, `relevant_windows`, `relevant_clip_ids`, `saliency_scores` (a grade a rater)"

    def measure(self, predictions: Path, gold: Path) -> Mapping[str, float]:
        """The moments' numbers, then the highlights'."""
        pairs = self._pairs(predictions, gold)
        windows = _has(predictions, [pair.predicted.pred_relevant_windows for pair in pairs], "pred_relevant_windows")
        scores = _has(predictions, [pair.predicted.pred_saliency_scores for pair in pairs], "pred_saliency_scores")
        graded = _has(gold, [pair.gold.saliency_scores for pair in pairs], "saliency_scores")
        if not windows and not (scores and graded):
            hint = "predictions have windows, or saliency scores for a gold with grades"
            raise UserError(f"there is nothing to compare in {predictions} and {gold}", hint)
        found = dict(_moments(pairs)) if windows else {}
        kept = {name: value for name, value in found.items() if self.every or name in _BRIEF or "@" not in name}
        if scores and graded:
            kept |= self._highlights(pairs, gold)
        return {name: round(100 * value, 2) for name, value in kept.items()}

    def _pairs(self, predictions: Path, gold: Path) -> list[QueryPair]:
        right, told = _by_query(gold, GoldLine), _by_query(predictions, PredictionLine)
        for path, only in ((predictions, right.keys() - told.keys()), (gold, told.keys() - right.keys())):
            if only and not self.shared:
                said = f"{path} lacks {len(only)} queries, such as {min(map(str, only))}"
                raise UserError(said, "`--set shared=true` measures those that both files have")
        found = [QueryPair(line, right[qid]) for qid, line in told.items() if qid in right]
        if not found:
            raise UserError(f"{predictions} and {gold} have no query in common")
        return found

    def _highlights(self, pairs: Sequence[QueryPair], gold: Path) -> dict[str, float]:
        grades = [self._grades(pair.gold, gold) for pair in pairs]
        scores = [np.array(pair.predicted.pred_saliency_scores, float) for pair in pairs]
        made = {}
        for name, least in _GRADES.items():
            right = [one >= least for one in grades]
            precision = [
                np.mean([highlight_precision(column, pad(some, len(one))) for column in one.T])
                for one, some in zip(right, scores, strict=True)
            ]
            hits = [_hit(one, some) for one, some in zip(right, scores, strict=True)]
            made[f"HL-min-{name}-mAP"] = float(np.mean(precision))
            made[f"HL-min-{name}-Hit1"] = float(np.mean(hits))
        return made

    def _grades(self, line: GoldLine, path: Path) -> Floats:
        """The grades of all cells, ``(cells, raters)``; 0 where nobody was asked."""
        given, cells = line.saliency_scores or [], int(line.duration / self.cell_s)
        raters = {len(some) for some in given}
        if len(given) != len(line.relevant_clip_ids) or len(raters) > 1 or raters == {0}:
            said = f"query {line.qid} has not as many grades for each of its {len(line.relevant_clip_ids)} cells"
            raise UserError(f"{path}: {said}")
        if max(line.relevant_clip_ids, default=-1) >= cells:
            raise UserError(f"{path}: query {line.qid} has a cell {max(line.relevant_clip_ids)} of {cells}")
        made = np.zeros((cells, *(raters or {1})))
        if given:
            made[line.relevant_clip_ids] = given
        return made


def _by_query(path: Path, line: type[Line]) -> dict[int | str, Line]:
    made: dict[int | str, Line] = {}
    for one in read_lines(path, line):
        if made.setdefault(one.qid, one) is not one:
            raise UserError(f"{path} has the query {one.qid} twice")
    return made


def _has(path: Path, values: Sequence[object], name: str) -> bool:
    """Do all lines have it? ``UserError`` where only some do."""
    there = sum(value is not None for value in values)
    if 0 < there < len(values):
        raise UserError(f"{path}: {len(values) - there} of {len(values)} lines have no {name}")
    return there > 0


def _moments(pairs: Sequence[QueryPair]) -> Iterator[tuple[str, float]]:
    for name, lengths in _LENGTHS.items():
        kept = [
            (pair.predicted.pred_relevant_windows or [], windows)
            for pair in pairs
            if (windows := [w for w in pair.gold.relevant_windows if lengths is None or _is_within(w, lengths)])
        ]
        if not kept:
            continue
        precision = np.mean([_precision(windows, gold) for windows, gold in kept], axis=0)
        overlaps = np.array([_first_overlap(windows, gold) for windows, gold in kept])
        yield f"MR-{name}-mAP", float(precision.mean())
        for threshold, value in zip(_THRESHOLDS, precision, strict=True):
            yield f"MR-{name}-mAP@{threshold:g}", float(value)
        for threshold in _THRESHOLDS:
            yield f"MR-{name}-R1@{threshold:g}", float(np.mean(overlaps >= threshold))


def _is_within(window: tuple[float, float], lengths: tuple[float, float]) -> bool:
    return lengths[0] < window[1] - window[0] <= lengths[1]


def _precision(windows: Sequence[tuple[float, float, float]], gold: Sequence[tuple[float, float]]) -> Floats:
    made = np.array(windows[:_MOST_WINDOWS], float).reshape(-1, 3)
    return window_precision(made[:, :2], made[:, 2], np.array(gold, float), _THRESHOLDS)


def _first_overlap(windows: Sequence[tuple[float, float, float]], gold: Sequence[tuple[float, float]]) -> float:
    return best_overlap(np.array(windows[0][:2], float), np.array(gold, float)) if windows else 0.0


def _hit(right: NDArray[np.bool_], scores: Floats) -> bool:
    """Is the best cell right for any rater?"""
    best = int(np.argmax(scores)) if len(scores) else len(right)
    return best < len(right) and bool(right[best].any())
