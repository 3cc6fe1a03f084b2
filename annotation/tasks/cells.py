"""Spans as the cells of a grid that begins with the clip: 2 s each in QVHighlights."""

from __future__ import annotations

from collections.abc import Sequence

from ...schemas import ReviewMark


def cut_cells(spans: Sequence[ReviewMark], grid_s: float, start_s: float) -> tuple[ReviewMark, ...]:
    """The cells that any of the spans covers, in order, numbered from 1."""
    if not grid_s:
        return tuple(ReviewMark(str(i), "", None, m.start_s, m.end_s) for i, m in enumerate(spans, 1))
    numbers = sorted({n for span in spans for n in cell_numbers(span, grid_s, start_s)})
    return tuple(
        ReviewMark(str(i), "", None, start_s + n * grid_s, start_s + (n + 1) * grid_s) for i, n in enumerate(numbers, 1)
    )


def cell_numbers(span: ReviewMark, grid_s: float, start_s: float) -> range:
    """The cells of a span, from 0."""
    assert span.start_s is not None and span.end_s is not None
    return range(round((span.start_s - start_s) / grid_s), max(round((span.end_s - start_s) / grid_s), 0))


def join_cells(numbers: Sequence[int], grid_s: float) -> list[tuple[float, float]]:
    """The spans that cells make together, in seconds from the clip's beginning."""
    found: list[tuple[float, float]] = []
    for n in sorted(set(numbers)):
        if found and abs(found[-1][1] - n * grid_s) < grid_s / 2:
            found[-1] = (found[-1][0], (n + 1) * grid_s)
        else:
            found.append((n * grid_s, (n + 1) * grid_s))
    return found
