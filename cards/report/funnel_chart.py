"""The funnel as a drawing: one thread a row (or a fixed share of them), those that leave bend off the loom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

from .funnel import Level, Loss

_CELL = range(3, 9)  # between two threads of the cloth, px
_ROWS = 8
_SINGULAR = {"videos": "video", "shots": "shot", "clips": "clip"}


class Geometry(NamedTuple):
    """Sizes of the drawing, in px."""

    width: int
    ribbon: int  # width of the threads at most
    threads: int  # at most
    text_x: int
    head: int = 46  # from a level's line to its first loss
    line: int = 22  # between two losses
    fan: int = 64  # where rows of one kind become rows of another
    chars: int = 44  # of a label


WIDE = Geometry(1072, 520, 104, 680)
NARROW = Geometry(350, 104, 40, 140, chars=26)


class Share(NamedTuple):
    """One split of the dataset."""

    name: str
    rows: int


@dataclass
class _Pen:
    geometry: Geometry
    y: float = 18.0
    parts: list[str] = field(default_factory=list)

    def path(self, kind: str, d: str) -> None:
        self.parts.append(f'<path class="{kind}" d="{d}"/>')

    def text(self, kind: str, x: float, y: float, text: str) -> None:
        cut = text if len(text) <= self.geometry.chars else text[: self.geometry.chars - 1] + "…"
        full = f"<title>{escape(text)}</title>" if cut != text else ""
        self.parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{full}{escape(cut)}</text>')


def draw_threads(line: Sequence[Level], splits: Sequence[Share], geometry: Geometry, label: str) -> str:
    """The SVG. ``label`` says in words what it shows."""
    pen, before = _Pen(geometry), list[float]()
    per_thread = 1.0
    for index, level in enumerate(line):
        if level.made or not index:
            most = max(_until_made(line, index))
            per_thread = max(most / geometry.threads, 1.0)
            places = _places(round(most / per_thread), geometry)
        after = places[: _threads(level.rows, per_thread)]
        if level.made:
            _fan(pen, before, after)
        _level(pen, level, before if not level.made else after, after)
        before = after
    if splits and before:
        _cloth(pen, before, splits)
    height = pen.y + 10
    drawn = "".join(pen.parts)
    return (
        f'<svg viewBox="0 0 {geometry.width} {height:.0f}" width="{geometry.width}" height="{height:.0f}" role="img"'
        f' aria-label="{escape(label)}">{drawn}</svg>'
    )


def _until_made(line: Sequence[Level], start: int) -> Iterator[int]:
    yield max(line[start].rows, 1)
    for level in line[start + 1 :]:
        if level.made:
            return
        yield max(level.rows + sum(loss.rows for loss in level.losses if not loss.failed), 1)


def _threads(count: int, per_thread: float) -> int:
    return max(round(count / per_thread), 1) if count else 0


def _places(number: int, geometry: Geometry) -> list[float]:
    pitch = geometry.ribbon / number
    return [(i + 0.5) * pitch for i in range(number)]


def _fan(pen: _Pen, before: Sequence[float], after: Sequence[float]) -> None:
    """Each new thread comes out of the old one that stands for its source."""
    if not before or not after:
        return
    top, bottom = pen.y, pen.y + pen.geometry.fan
    middle, most = (top + bottom) / 2, max(len(before), len(after))
    for i in range(most):
        start, x = before[i * len(before) // most], after[i * len(after) // most]
        pen.path("t", f"M{start:.1f} {top:.1f}C{start:.1f} {middle:.1f} {x:.1f} {middle:.1f} {x:.1f} {bottom:.1f}")
    pen.y = bottom


def _level(pen: _Pen, level: Level, before: Sequence[float], after: Sequence[float]) -> None:
    geometry, y = pen.geometry, pen.y
    start_x, end_x = min([*before, *after, 4.0]), max([*before, *after, 0.0])
    pen.path("bar", f"M{start_x - 4:.1f} {y:.1f}H{end_x + 4:.1f}")
    pen.path("lead", f"M{end_x + 10:.1f} {y:.1f}H{geometry.text_x - 12}")
    unit = _SINGULAR.get(level.unit, level.unit) if level.rows == 1 else level.unit
    pen.text("n", geometry.text_x, y + 5, f"{level.rows:,} {unit}")
    name = f"{level.name} (waits)" if level.waiting else level.name
    pen.text("s", geometry.text_x, y + 23, name)
    height = geometry.head + geometry.line * len(level.losses) + (12 if level.losses else 0)
    for x in after:
        pen.path("t", f"M{x:.1f} {y:.1f}V{y + height:.1f}")
    dropped = [loss for loss in level.losses if not loss.failed]
    leaving = _deal(before[len(after) :], before, dropped)
    for row, loss in enumerate(level.losses):
        loss_y = y + geometry.head + geometry.line * row - 2
        kind = "f" if loss.failed else "d"
        starts = [end_x] if loss.failed else leaving[dropped.index(loss)]
        for x in starts:
            _bend(pen, kind, x, y, loss_y)
        said = f"{loss.rows:,} failed: {loss.reason}" if loss.failed else f"{loss.rows:,} {loss.reason}"
        pen.text(kind, geometry.text_x, loss_y + 4, said)
    pen.y = y + height


def _bend(pen: _Pen, kind: str, x: float, y: float, end_y: float) -> None:
    end_x = pen.geometry.text_x - 10
    pen.path(kind, f"M{x:.1f} {y:.1f}C{x:.1f} {end_y:.1f} {(x + end_x) / 2:.1f} {end_y:.1f} {end_x} {end_y:.1f}")


def _deal(gone: Sequence[float], all_: Sequence[float], losses: Sequence[Loss]) -> list[list[float]]:
    """The threads that end, dealt to the losses by their counts; from the right, so that none cross."""
    rest, dealt = list(reversed(gone)), list[list[float]]()
    total = sum(loss.rows for loss in losses)
    for loss in losses:
        share = round(len(gone) * loss.rows / total) if total else 0
        mine, rest = rest[: max(share, 1)], rest[max(share, 1) :]
        dealt.append(mine or list(all_[-1:]))  # less than a thread: one all the same
    if dealt and rest:
        dealt[-1] = dealt[-1] + rest
    return dealt


def _cloth(pen: _Pen, before: Sequence[float], splits: Sequence[Share]) -> None:
    """The threads that are left, drawn together and woven: a piece of cloth a split."""
    geometry, total = pen.geometry, sum(s.rows for s in splits)
    cell = min(max(geometry.ribbon * 0.4 / len(before), _CELL.start), _CELL.stop)
    top, bottom = pen.y + geometry.fan, pen.y + geometry.fan + _ROWS * cell
    gap = 3 * cell
    left = max((before[0] + before[-1] - len(before) * cell - gap * (len(splits) - 1)) / 2, 2.0)
    first = done = 0
    for number, split in enumerate(splits):
        done += split.rows
        last = len(before) if number == len(splits) - 1 else round(len(before) * done / total)
        mine = before[first:last] or before[-1:]  # a split that is less than a thread is one all the same
        first = last
        places = [left + (i + 0.5) * cell for i in range(len(mine))]
        for start, x in zip(mine, places, strict=True):
            middle = (pen.y + top) / 2
            pen.path("t", f"M{start:.1f} {pen.y:.1f}C{start:.1f} {middle:.1f} {x:.1f} {middle:.1f} {x:.1f} {top:.1f}")
        _weave(pen, places, top, cell)
        left = places[-1] + cell / 2 + gap
    y = (top + bottom) / 2
    pen.path("lead", f"M{left - gap + 8:.1f} {y:.1f}H{geometry.text_x - 12}")
    pen.text("n", geometry.text_x, y + 5, "dataset")
    pen.text("s", geometry.text_x, y + 23, ", ".join(f"{s.name} {s.rows:,}" for s in splits))
    pen.y = bottom + 2 * cell


def _weave(pen: _Pen, places: Sequence[float], top: float, cell: float) -> None:
    """Plain weave: in each row the weft lies over every second thread, and over the others in the next row."""
    thick = f'stroke-width="{cell * 0.6:.2f}"'
    rows = [top + (row + 0.5) * cell for row in range(_ROWS)]
    left, right, bottom = places[0] - cell / 2, places[-1] + cell / 2, top + _ROWS * cell
    under = "".join(f"M{left:.1f} {y:.1f}H{right:.1f}" for y in rows)
    warp = "".join(f"M{x:.1f} {top:.1f}V{bottom + cell:.1f}" for x in places)
    over = "".join(
        f"M{x - cell / 2:.1f} {y:.1f}h{cell:.1f}"
        for row, y in enumerate(rows)
        for x in places[row % 2 :: 2]
    )  # fmt: skip
    pen.parts += [f'<path class="{kind}" {thick} d="{d}"/>' for kind, d in (("w", under), ("c", warp), ("w", over))]
