"""Moments and grades that people gave, as QVHighlights writes them: a line a query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...schemas import Caption, Clip, Review, ReviewMark
from .cells import cell_numbers, join_cells


def highlight_lines(
    clips: Iterable[Clip], captions: Iterable[Caption], reviews: Iterable[Review], grid_s: float = 2.0
) -> Iterator[dict[str, Any]]:
    """A line for each caption that somebody marked moments of, in order of the captions; ``qid`` counts from 1.

    ``vid`` is ``<video>_<start>_<end>`` and times are seconds from the clip's beginning. ``relevant_clip_ids`` are the
    cells of ``grid_s`` that anybody marked, ``relevant_windows`` what they make together, ``saliency_scores`` the
    grades of each cell by the people who graded all of them, in order of their names; left out where there is nobody.
    Answers that do not hold are left out. Source: QVHighlights (Lei et al. 2021), data/README.md of moment_detr.
    """
    by_id = {clip.clip_id: clip for clip in clips}
    held: dict[tuple[str, str], list[Review]] = defaultdict(list)
    for one in reviews:
        if one.verdict == "mark" and one.holds is not False and one.caption_id:
            held[one.kind, one.caption_id].append(one)
    qid = 0
    for caption in captions:
        clip = by_id.get(caption.clip_id)
        if clip is None or ("moments", caption.caption_id) not in held:
            continue
        spans = [mark for one in held["moments", caption.caption_id] for mark in one.marks]
        cells = sorted({n for span in spans for n in cell_numbers(span, grid_s, clip.start_s)})
        if not cells:
            continue
        qid += 1
        length_s = clip.end_s - clip.start_s
        line = {
            "qid": qid, "query": caption.text, "duration": _plain(length_s),
            "vid": f"{clip.video_id}_{clip.start_s:.1f}_{clip.end_s:.1f}", "relevant_clip_ids": cells,
            "relevant_windows": [[_plain(min(t, length_s)) for t in span] for span in join_cells(cells, grid_s)],
        }  # fmt: skip
        grades = _grades(held["saliency", caption.caption_id], grid_s, clip.start_s, cells)
        yield line | ({"saliency_scores": grades} if grades else {})


def _grades(graded: Sequence[Review], grid_s: float, start_s: float, cells: Sequence[int]) -> list[list[float]]:
    """A list a cell, with a grade a person; nothing where nobody graded all cells."""
    people = [_by_cell(one.marks, grid_s, start_s) for one in sorted(graded, key=lambda one: one.person)]
    whole = [found for found in people if all(found.get(cell) is not None for cell in cells)]
    return [[_plain(found[cell]) for found in whole] for cell in cells] if whole else []


def _by_cell(marks: Iterable[ReviewMark], grid_s: float, start_s: float) -> Mapping[int, Any]:
    return {n: mark.value for mark in marks for n in cell_numbers(mark, grid_s, start_s)}


def _plain(number: float) -> float:
    """To the millisecond; a whole number without a point, as the published files have it."""
    found = round(number, 3)
    return int(found) if found == int(found) else found
