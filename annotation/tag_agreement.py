"""How far two readings of a caption's tags agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from ..engine.contract.step import BatchFunction, Split, StepContext, each_row
from ..schemas import Caption, Score, Tags


class TagAgreementInput(NamedTuple):
    """A caption, and every reading of its tags."""

    caption: Caption
    tags: list[Tags]


@dataclass(frozen=True)
class TagAgreement(Split[TagAgreementInput, Score]):
    """Measure how far several readings of one caption's tags agree, as F1: 1 where they are the same, 0 where none is.

    Scores: ``tags_objects_f1``, ``tags_attributes_f1`` and ``tags_pairs_f1`` of each caption with two readings or more
    (of several the mean over all pairs). Two readings that both find nothing agree. ``filters.keep`` may keep captions
    by them; the report shows how they spread.
    """

    cost = "row"
    measures = ("tags_objects_f1", "tags_attributes_f1", "tags_pairs_f1")

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[TagAgreementInput, Score]]:
        """Yield the batch function."""
        yield each_row(_scores)


def _scores(row: TagAgreementInput) -> Sequence[Score]:
    readings = sorted(row.tags, key=lambda tags: tags.tags_id)
    if len(readings) < 2:
        return []
    models = " / ".join(tags.model for tags in readings)
    values = zip(*(_agreements(one, other) for one, other in combinations(readings, 2)), strict=True)
    caption = row.caption
    return [
        Score(f"{caption.caption_id}_{n}", caption.video_id, caption.clip_id, caption.caption_id, n, fmean(v), models)
        for n, v in zip(TagAgreement.measures, values, strict=True)
    ]


def _agreements(one: Tags, other: Tags) -> tuple[float, float, float]:
    kinds = ((one.objects, other.objects), (one.attributes, other.attributes), (one.pairs, other.pairs))
    objects, attributes, pairs = (agreement(set(a), set(b)) for a, b in kinds)
    return objects, attributes, pairs


def agreement(one: set[object], other: set[object]) -> float:
    """F1 of two sets: twice what both have, of all that they have together."""
    total = len(one) + len(other)
    return 2 * len(one & other) / total if total else 1.0
