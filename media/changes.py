"""Where one shot gives way to another, from a tiny gray picture of each frame: hard cuts, dissolves, wipes and fades.

Each finding says how sure it is. A flash, a freeze, a shake of the camera are no changes: after them the picture is the
one before. In a dissolve every frame is a mix of the two ends (Zhang, Kankanhalli & Smoliar 1993), in a wipe each place
belongs to one of the ends, and in a fade the contrast collapses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SURE = 0.85
"""From this sureness on nobody else need look; below ``1 - SURE`` there is nothing."""
_SPANS = (6, 8, 10, 12, 16, 20, 26, 32, 40)
_PLAIN = 6.0  # gray levels of spread below which a picture may be that of a fade
_LONGEST = 30  # frames of one half of a fade
_FLASH = 8  # frames that a flash or a return may take
_NOISE = 4.0  # gray levels that make no contrast


class ShotChange(NamedTuple):
    """Frames ``first`` to ``last`` belong to both shots; of a cut both are the new shot's first frame."""

    first: int
    last: int
    kind: str  # cut, dissolve, wipe or fade
    sure: float  # 0 to 1

    @property
    def middle(self) -> int:
        """The frame at which the new shot is taken to begin."""
        return (self.first + self.last + 1) // 2


class Looks:
    """The tiny pictures, ``(N, 9, 16)`` uint8 gray, and what is told from neighbours among them."""

    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self.x: Floats = pictures.reshape(len(pictures), -1).astype(np.float32)
        centred = self.x - self.x.mean(axis=1, keepdims=True)
        self.spread = np.sqrt(np.square(centred).mean(axis=1))
        steps = np.abs(np.diff(self.x, axis=0)).mean(axis=1)
        self.step = np.concatenate((np.zeros(min(1, len(self.x)), np.float32), steps))

    def contrast(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
        """The mean spread of two frames each, and a little more: no picture is without noise."""
        return np.asarray((self.spread[first] + self.spread[second]) / 2 + _NOISE, np.float32)

    def apart(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
        """How far two frames each lie apart, by their contrast; 1 is as far as any two shots."""
        return np.asarray(
            np.abs(self.x[first] - self.x[second]).mean(axis=1) / self.contrast(first, second), np.float32
        )


def find_changes(pictures: NDArray[np.uint8]) -> list[ShotChange]:
    """All changes that may be some, in order; those with less than ``SURE`` are for a second look."""
    if len(pictures) < 2:
        return []
    looks = Looks(pictures)
    gradual = [_fit(looks, one) for one in _separate([*_fades(looks), *_mixes(looks)])]
    inside = np.zeros(len(pictures), np.bool_)
    for change in gradual:
        inside[change.first : change.last + 2] |= change.sure >= 0.5
    cuts = [cut for cut in _cuts(looks) if not inside[cut.first] or cut.sure >= SURE]
    sharp = {cut.first for cut in cuts if cut.sure >= SURE}
    kept = [one for one in gradual if not sharp.intersection(range(one.first - 1, one.last + 3)) or one.kind == "fade"]
    return sorted([*cuts, *kept])


def _cuts(looks: Looks) -> Iterator[ShotChange]:
    count = len(looks.x)
    at = np.arange(1, count)
    apart = looks.apart(at - 1, at)
    steps = np.pad(looks.step, (2, 2))
    near = np.maximum.reduce([steps[:count], steps[1 : count + 1], steps[3 : count + 3], steps[4 : count + 4]])
    ratio = looks.step / (near + 0.5)
    for t in at[(apart > 0.12) & (ratio[1:] > 1.4)].tolist():
        sure = _rise(float(apart[t - 1]), 0.12, 0.45) * _rise(float(ratio[t]), 1.4, 3.0)
        sure *= 0.3 + 0.7 * _rise(float(looks.step[t]) / (_restless(looks, t) + 0.5), 1.2, 2.0)
        if t > 5 and looks.step[t - 5 : t].max() < 0.05 and _alike(looks, t - 1, t) > 0.5:
            sure *= 0.4  # after a picture that stood still, going on looks like a cut
        if not _returns(looks, t, float(apart[t - 1])):
            yield ShotChange(t, t, "cut", sure)


def _restless(looks: Looks, t: int) -> float:
    """The fourth largest step within half a second: pictures that stand and jump by turns are animation, not cuts."""
    around = np.concatenate((looks.step[max(1, t - 12) : t], looks.step[t + 1 : t + 13]))
    return float(np.sort(around)[-4]) if len(around) >= 4 else 0.0


def _alike(looks: Looks, first: int, second: int) -> float:
    """The correlation of two frames: 1 for one picture in whatever light, about 0 for any two."""
    a, b = looks.x[first] - looks.x[first].mean(), looks.x[second] - looks.x[second].mean()
    return float((a * b).mean()) / max(float(looks.spread[first] * looks.spread[second]), 1.0)


def _returns(looks: Looks, t: int, apart: float) -> bool:
    """The picture before ``t`` comes back soon after it, or was there shortly before: a flash, or a shake."""
    reach = np.arange(1, _FLASH)
    later, earlier = t + reach, t - 1 - reach
    later, earlier = later[later < len(looks.x)], earlier[earlier >= 0]
    for here, others, step in ((t - 1, later, 1), (t, earlier, -1)):
        if not len(others):
            continue
        far = looks.apart(np.full(len(others), here), others)
        best = int(np.argmin(far))
        if far[best] < 0.4 * apart and (far[best] < 0.5 or far[best] < 0.15 * apart):
            between = np.arange(here + step, int(others[best]), step)
            if _is_lit(looks, here, between):
                return True
    return False


def _is_lit(looks: Looks, here: int, between: NDArray[np.int64]) -> bool:
    """The frames between are the picture ``here`` in another light, or plain: not another picture."""
    if not len(between):
        return True
    mine = looks.x[here] - looks.x[here].mean()
    others = looks.x[between] - looks.x[between].mean(axis=1, keepdims=True)
    same = (others @ mine) / (len(mine) * np.maximum(looks.spread[between] * looks.spread[here], 1.0))
    lifted = looks.x[between].mean(axis=1) - looks.x[here].mean()
    return bool(np.all((np.abs(lifted) > 12) & ((same > 0.6) | (looks.spread[between] < 6) | (lifted > 60))))


def _fades(looks: Looks) -> Iterator[ShotChange]:
    """Where the contrast collapses between two pictures that have some, and takes some frames to do so."""
    spread, count = looks.spread, len(looks.x)
    low = 0
    while low < count:
        if spread[low] >= _PLAIN:
            low += 1
            continue
        high = low
        while high + 1 < count and spread[high + 1] < _PLAIN:
            high += 1
        yield from _fade(looks, low + int(np.argmin(spread[low : high + 1])), low, high)
        low = high + 1


def _fade(looks: Looks, lowest: int, low: int, high: int) -> Iterator[ShotChange]:
    spread = looks.spread
    first, last = _climb(spread, low, -1), _climb(spread, high, 1)
    least = float(spread[lowest])
    if first == 0 or last == len(spread) - 1 or least > min(4.0, 0.35 * min(spread[first], spread[last])):
        return
    ramps = (low - first) + (last - high)
    if last - first < 5 or ramps < 4 or (high - low > 12 and least > 1.5):  # a dark shot is no darkness between two
        return
    sure = _rise(ramps, 3, 7) * _rise(float(min(spread[first], spread[last])) / (least + 0.5), 2, 4)
    yield ShotChange(first + 1, last - 1, "fade", sure)


def _climb(spread: Floats, at: int, step: int) -> int:
    """As far as the contrast keeps growing, by a fiftieth of what it reaches at least."""
    reach = spread[at : at + _LONGEST + 1] if step > 0 else spread[max(0, at - _LONGEST) : at + 1]
    least = 0.02 * float(reach.max()) + 0.1
    for _ in range(_LONGEST):
        if not 0 <= at + step < len(spread) or spread[at + step] < spread[at] + least:
            break
        at += step
    return at


def _mixes(looks: Looks) -> Iterator[ShotChange]:
    """Dissolves and wipes, of any of the lengths that are tried."""
    for span in _SPANS:
        yield from _mixes_of(looks, span)


def _mixes_of(looks: Looks, span: int) -> Iterator[ShotChange]:
    count, half, rest = len(looks.x), span // 2, max(2, span // 4)
    at = np.arange(half + rest, count - half - rest)
    if not len(at):
        return
    apart = looks.apart(at - half, at + half)
    still = np.maximum(looks.apart(at - half - rest, at - half), looks.apart(at + half, at + half + rest))
    at = at[(apart > 0.45) & (still < 0.5 * apart)]
    if not len(at):
        return
    a, b = looks.x[at - half], looks.x[at + half]
    way = b - a
    length = np.maximum(np.square(way).sum(axis=1), 1.0)
    off_line, off_ends, uneven = (np.zeros(len(at), np.float32) for _ in range(3))
    for share in (0.25, 0.5, 0.75):
        x = looks.x[at - half + round(span * share)]
        real = round(span * share) / span
        gone = ((x - a) * way).sum(axis=1) / length
        uneven = np.maximum(uneven, np.abs(gone - real))
        off_line = np.maximum(off_line, np.sqrt(np.square(x - a - gone[:, None] * way).sum(axis=1) / length))
        ends = np.minimum(np.abs(x - a), np.abs(x - b)).sum(axis=1) / np.maximum(np.abs(way).sum(axis=1), 1.0)
        off_ends = np.maximum(off_ends, ends)
    for kind, off, worst in (("dissolve", off_line, 0.45), ("wipe", off_ends, 0.3)):
        for n in np.flatnonzero((off < worst) & (uneven < 0.35)).tolist():
            first, last = int(at[n]) - half + 1, int(at[n]) + half - 1
            sure = min(
                _fall(float(off[n]), worst * 0.5, worst),
                _fall(float(uneven[n]), 0.12, 0.35),
                _rise(_weakest(looks, first, last, kind), 0.0, 1.0),
            )
            if sure > 0.05:
                yield ShotChange(first, last, kind, sure)


def _weakest(looks: Looks, first: int, last: int, kind: str) -> float:
    """The least that speaks for a transition: its ends lie apart, are still, unlike each other, and it goes one way."""
    before, after, rest = first - 1, last + 1, max(2, (last - first + 2) // 4)
    a, b = looks.x[before], looks.x[after]
    way = float(np.abs(b - a).mean())
    apart = way / (float(looks.spread[before] + looks.spread[after]) / 2 + _NOISE)
    moved = max(float(np.abs(looks.x[before - rest] - a).mean()), float(np.abs(looks.x[after + rest] - b).mean()))
    around = np.concatenate((looks.step[max(1, before - 6) : before + 1], looks.step[after + 2 : after + 8]))
    busy = float(np.median(looks.step[first : after + 1])) / (float(np.median(around)) + 0.3)
    jump = float(looks.step[first : after + 1].max()) / max(way, 1.0)
    marks = [
        _fall(jump, 0.35, 0.6),
        _rise(apart, 0.45, 0.75),
        _fall(moved / max(way, 1.0), 0.25, 0.5),
        _fall(_alike(looks, before, after), 0.75, 0.97),
        _rise(busy, 0.6, 1.3),
    ]
    if kind == "dissolve":
        steps = np.diff(looks.x[before : after + 1], axis=0)
        mean = steps.mean(axis=0)
        norms = np.linalg.norm(steps, axis=1) * float(np.linalg.norm(mean)) + 1e-6
        marks.append(_rise(float(np.median(steps @ mean / norms)), 0.5, 0.85))
    else:
        marks.append(_rise(_swept(looks, before, after), 0.75, 0.9))
    return min(marks)


def _swept(looks: Looks, before: int, after: int) -> float:
    """How well an edge that moves over the picture parts new places from old ones in the middle of a wipe, 0.5 to 1."""
    a, b, x = looks.x[before], looks.x[after], looks.x[(before + after) // 2]
    told = np.abs(b - a) > 10
    new = (np.abs(x - b) < np.abs(x - a))[told]
    if len(new) < 20:
        return 0.5
    best = 0.5
    for order in _EDGES:
        place = order[told]
        for share in (place <= np.quantile(place, new.mean()), place >= np.quantile(place, 1 - new.mean())):
            best = max(best, float((share == new).mean()))
    return best


def _edges() -> list[Floats]:
    """Places of the tiny picture in the order in which an edge passes them: across, down, aslant, from the middle."""
    down, across = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 16), indexing="ij")
    shapes = (across, down, across + down, across - down, np.hypot(across, down), np.abs(across), np.abs(down))
    return [shape.ravel().astype(np.float32) for shape in shapes]


_EDGES = _edges()


def _separate(found: list[ShotChange]) -> list[ShotChange]:
    """Of findings that overlap the surest; a fade counts before what looks like a dissolve to black."""
    kept: list[ShotChange] = []
    for one in sorted(found, key=lambda c: (c.kind != "fade", -round(c.sure, 1), c.first - c.last)):
        if all(one.last < other.first - 2 or one.first > other.last + 2 for other in kept):
            kept.append(one)
    return kept


def _fit(looks: Looks, change: ShotChange) -> ShotChange:
    """The change with the span in which pictures move as they do in it, and not as they do around it."""
    if change.kind != "dissolve":
        return change  # a wipe moves as the picture lets it
    first, last, step = change.first, change.last, looks.step
    around = np.concatenate((step[max(1, first - 20) : max(1, first - 6)], step[last + 8 : last + 22]))
    inside = float(np.median(step[first : last + 2]))
    level = (inside + (float(np.median(around)) if len(around) else 0.0)) / 2
    while first > 1 and step[first - 1] > level and change.first - first < _LONGEST:
        first -= 1
    while first < last and step[first] < level:
        first += 1
    while last + 2 < len(step) and step[last + 2] > level and last - change.last < _LONGEST:
        last += 1
    while last > first and step[last + 1] < level:
        last -= 1
    return change._replace(first=first, last=last)


def _rise(value: float, low: float, high: float) -> float:
    """0 below ``low``, 1 above ``high``."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _fall(value: float, low: float, high: float) -> float:
    return 1 - _rise(value, low, high)
