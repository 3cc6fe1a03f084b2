"""What people marked in clips: moments that a query is true of, and how good each of their cells is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...engine.build import Build
from ...engine.contract.errors import UserError
from ..release.reading import DatasetFolder

_ANSWERS = """
SELECT r.clip_id, r.caption_id, any_value(c.text), r.kind, r.person, any_value(r.marks)
FROM reviews r JOIN captions c USING (caption_id)
WHERE r.kind IN ('moments', 'saliency') AND r.verdict = 'mark' AND r.gold IS NULL AND coalesce(r.holds, true)
GROUP BY ALL ORDER BY r.clip_id, r.caption_id, r.kind, r.person
"""


class Moment(NamedTuple):
    """A part of a source video, in seconds."""

    start_s: float
    end_s: float


class GradedCell(NamedTuple):
    """A part of a clip, and the grades that people gave it, by their names' order."""

    span: Moment
    grades: list[float]


class MarkedQuery(NamedTuple):
    """A caption, the moments of the source video that it is true of, and their cells where people graded them."""

    text: str
    moments: list[Moment]  # those that overlap are one
    cells: list[GradedCell]


def read_marked(dataset: DatasetFolder) -> dict[str, list[MarkedQuery]]:
    """What people marked, by clip.

    Raises:
        UserError: the dataset does not lie in its build, or nobody marked a moment there.
    """
    hint = "annotation.review with `kind: moments`, and then `kind: saliency`, asks people"
    if dataset.build is None:
        raise UserError(f"what people marked is in the build of {dataset.name}, and that is not here", hint)
    found: dict[tuple[str, str, str], dict[str, list[Sequence[dict[str, float]]]]] = {}
    with Build.read(dataset.build).connect() as db:
        for clip, caption, text, kind, _, marks in db.execute(_ANSWERS).fetchall():
            kinds = found.setdefault((clip, caption, text), {"moments": [], "saliency": []})
            kinds[kind].append(marks)
    queries: dict[str, list[MarkedQuery]] = {}
    for (clip, _, text), kinds in found.items():
        moments = _join([Moment(m["start_s"], m["end_s"]) for marks in kinds["moments"] for m in marks])
        if moments:
            queries.setdefault(clip, []).append(MarkedQuery(text, moments, _cells(kinds["saliency"])))
    if not queries:
        raise UserError(f"nobody marked moments in the build of {dataset.name}", hint)
    return queries


def _join(moments: list[Moment]) -> list[Moment]:
    joined: list[Moment] = []
    for moment in sorted(moments):
        if joined and moment.start_s <= joined[-1].end_s:
            joined[-1] = Moment(joined[-1].start_s, max(joined[-1].end_s, moment.end_s))
        else:
            joined.append(moment)
    return joined


def _cells(answers: Sequence[Sequence[dict[str, float]]]) -> list[GradedCell]:
    found: dict[Moment, list[float]] = {}
    for marks in answers:
        for mark in marks:
            if mark["value"] is not None:
                found.setdefault(Moment(mark["start_s"], mark["end_s"]), []).append(mark["value"])
    return [GradedCell(span, grades) for span, grades in sorted(found.items())]
