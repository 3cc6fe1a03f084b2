"""The figures of a card: SVG files that look the same on every page, light or dark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from ..report.funnel import Level
from ..report.funnel_chart import WIDE, Share, draw_threads
from ..report.histogram import Spread, draw_histogram
from .statistics import Measure, Statistics, ValueCount

FOLDER = "card-figures"  # no split is named so: a hyphen is in it
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_INK, _SOFT, _FAINT, _RULE = "#15171a", "#575d66", "#686f79", "#dfe2e6"
_ALL, _ACCENT, _WEFT = "#d3d7dd", "#2f46c4", "#9aa7ee"
_STYLE = f"""
path{{fill:none}} text{{font:13px {_FONT};fill:{_SOFT}}}
.t{{stroke:{_ACCENT};stroke-width:1.25;opacity:.85}} .d{{stroke:{_FAINT};stroke-width:1.25}}
.f{{stroke:{_INK};stroke-width:1.25;stroke-dasharray:2 3}} .c{{stroke:{_ACCENT}}} .w{{stroke:{_WEFT}}}
.bar{{stroke:{_INK}}} .lead{{stroke:{_RULE}}} text.d,text.f,text.n,text.s{{stroke:none}}
text.n{{font-size:18px;font-weight:600;fill:{_INK}}} text.s{{font:12px ui-monospace,Consolas,monospace}}
.all{{fill:{_ALL}}} .kept{{fill:{_ACCENT}}} .axis{{stroke:{_INK}}} .median{{stroke:{_INK};stroke-dasharray:2 2}}
.tick,.mark{{font-size:11px}} .mark{{fill:{_INK}}} .title{{font-size:13px;font-weight:600;fill:{_INK}}}
"""
_BAR_ROWS, _WIDTH = 10, 320


class Figure(NamedTuple):
    """One figure: its file, and what it shows in words."""

    path: str  # in the dataset folder
    alt: str


def draw_figures(folder: Path, line: Sequence[Level], splits: Sequence[Share], numbers: Statistics) -> list[Figure]:
    """Write the figures below a dataset folder: the funnel first, where there is one."""
    (folder / FOLDER).mkdir(exist_ok=True)
    drawn: list[Figure] = []
    if line:
        words = "; ".join(f"{level.name}: {level.rows:,} {level.unit}" for level in line)
        drawn.append(_write(folder, "funnel", draw_threads(line, splits, WIDE, words), words))
    for measure in numbers.measures:
        drawn.append(_write(folder, measure.title, *_histogram(measure)))
    for title, counts in numbers.counts.items():
        drawn.append(_write(folder, title, draw_bars(title, counts), _in_words(title, counts)))
    return drawn


def _histogram(measure: Measure) -> tuple[str, str]:
    unit = f" {measure.unit}" if measure.unit else ""
    low, high, middle = (f"{value:,.3g}{unit}" for value in (measure.low, measure.high, measure.median))
    said = f"{measure.title}: from {low} to {high}, median {middle}"
    values = measure.values.tolist()
    drawn = draw_histogram(Spread(measure.title, measure.unit, values, values, measure.whole))
    return _with_title(drawn, f"{measure.title}{f', {measure.unit}' if measure.unit else ''}", 124), said


def draw_bars(title: str, counts: Sequence[ValueCount]) -> str:
    """The most frequent values as bars, the longest first."""
    shown, most = counts[:_BAR_ROWS], max(count.rows for count in counts)
    parts = []
    for number, count in enumerate(shown):
        y = 4 + 22 * number
        length = max(count.rows / most * 150, 1.5)
        parts.append(f'<path class="kept" d="M124 {y}h{length:.1f}v13h-{length:.1f}z"/>')
        parts.append(
            f'<text class="tick" x="118" y="{y + 11}" text-anchor="end">{escape(shorten(count.value, 18))}</text>'
        )
        parts.append(f'<text class="tick" x="{128 + length:.1f}" y="{y + 11}">{count.rows:,}</text>')
    height = 22 * len(shown) + 6
    return _with_title(f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{"".join(parts)}</svg>', title, height)


def _with_title(svg: str, title: str, height: int) -> str:
    """The same with a line above that says what is shown."""
    inner = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height + 26}" width="{_WIDTH}" height="{height + 26}" role="img">'
        f'<text class="title" x="2" y="14">{escape(title)}</text><g transform="translate(6 26)">{inner}</g></svg>'
    )


def _write(folder: Path, title: str, svg: str, alt: str) -> Figure:
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "figure"
    path, number = f"{FOLDER}/{name}.svg", 2
    while (folder / path).exists():
        path, number = f"{FOLDER}/{name}-{number}.svg", number + 1
    (folder / path).write_text(standalone(svg, alt), encoding="utf-8")
    return Figure(path, alt)


def standalone(svg: str, alt: str) -> str:
    """An SVG of a page as a file of its own: with its styles, on paper that is white everywhere."""
    head, rest = svg.split(">", 1)
    head = re.sub(r' aria-label="[^"]*"', "", head).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    label = f"<title>{escape(alt)}</title>"
    return f'{head}>{label}<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{rest}\n'


def _in_words(title: str, counts: Sequence[ValueCount]) -> str:
    return f"{title}: {', '.join(f'{shorten(count.value)} {count.rows:,}' for count in counts[:_BAR_ROWS])}"


def shorten(text: str, longest: int = 100) -> str:
    """A text from a source, which may be of any length, as a label."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
