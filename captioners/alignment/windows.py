"""Which seconds of a video a caption fits best: the windows that are searched, and the best of each.

As HowToCaption (Shvetsova et al. 2023, arXiv:2310.04900, and their align_and_filter.py): one vector a second, windows
of 8 s whose vector is the mean of their seconds', searched 10 s to both sides of where the caption says it is;
similarities of several encoders add up. Everything works on whole arrays of captions, of one video or of many.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .halves import widen

LENGTH_S = 8
SEARCH_S = 10

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

_TILE = 32  # captions whose first windows lie so near are multiplied at once
_ROWS = 1 << 10  # rows that are made float32 at once
_CELLS = 1 << 22  # numbers of the largest table of products, 16 MiB


class SearchRange(NamedTuple):
    """For each caption the windows that are searched, ``[low, high)``; none where ``high <= low``. Both ``(K,)``."""

    low: Integers
    high: Integers


class BestWindows(NamedTuple):
    """For each caption the number of its best window, -1 for none, and the similarity, NaN for none. Both ``(K,)``."""

    window: Integers
    similarity: Floats


class CaptionSpans(NamedTuple):
    """For each caption the span that it fits best, in seconds, and how well. NaN where no window was searched."""

    start_s: Doubles
    end_s: Doubles
    similarity: Floats


def mirrored_rows(seconds: int, length: int = LENGTH_S) -> Integers:
    """``(seconds + 2 * (length // 2),)``: which second stands in each row where a video is mirrored at both ends.

    Its first and last seconds stand once. Mirrored more than once where the video is shorter than half a window.
    """
    return np.pad(np.arange(seconds, dtype=np.int64), length // 2, mode="reflect") if seconds else np.empty(0, np.int64)


def search_range(times_s: ArrayLike, windows: ArrayLike, length: int = LENGTH_S, search: int = SEARCH_S) -> SearchRange:
    """The windows that begin at most ``search`` seconds before or after each caption.

    Window ``i`` is seconds ``[i, i + length)`` of the video. ``times_s`` ``(K,)`` are the captions' starts, rounded
    down; ``windows`` is the number of windows that lie in the video, or in each caption's, ``(K,)``. A caption near the
    end, where no window begins, has the last window. One that lies more than ``search`` past the end of the video or
    before its start has none, nor has one whose time is no number.
    """
    given = np.asarray(times_s, np.float64)
    times = np.floor(np.where(np.isfinite(given), given, 0)).astype(np.int64)
    count = np.broadcast_to(np.asarray(windows, np.int64), times.shape)
    known = np.isfinite(given) & (times >= -search) & (times < count + length - 1 + search) & (count > 0)
    low = np.clip(times - search, 0, np.maximum(count - 1, 0))
    high = np.maximum(np.minimum(times + search + 1, count), low + 1)
    return SearchRange(np.where(known, low, 0), np.where(known, high, 0))


def published_search_range(
    times_s: ArrayLike, windows: ArrayLike, length: int = LENGTH_S, search: int = SEARCH_S
) -> SearchRange:
    """The windows whose middle is at most ``search`` seconds from the middle of the caption.

    Window ``i`` is seconds ``[i - length/2, i + length/2)``, of which a video of N seconds has N + 1. The caption's
    middle is ``floor((start + start + length) / 2)``, and its start whole seconds: of 8 s and 10 s these are windows
    ``[max(0, s - 6), s + 15)``, as far as there are any.
    """
    given = np.asarray(times_s, np.float64)
    known = np.isfinite(given)
    middle = np.floor(np.where(known, given, 0) + length / 2).astype(np.int64)
    low = np.maximum(middle - search, 0)
    high = np.minimum(middle + search + 1, np.asarray(windows, np.int64))
    return SearchRange(low, np.where(known, high, 0))


def best_windows(
    texts: Sequence[NDArray[Any]],
    seconds: Sequence[NDArray[Any]],
    search: SearchRange,
    length: int = LENGTH_S,
    rows: Integers | None = None,
) -> BestWindows:
    """For each caption the first of the windows that it is most like: the sum over encoders of text times window.

    ``texts[m]`` ``(K, D_m)`` and ``seconds[m]`` ``(N, D_m)`` are the vectors of encoder ``m``; the vector of window
    ``i`` is the mean of ``length`` rows from ``i`` on, not brought to length 1. ``rows`` says which second stands in
    each row, otherwise it is its own. Rows may be those of many videos below each other, with ``search`` counted
    through.
    Windows whose product is NaN count as none; those must not be searched that reach past the last row.
    """
    low, high = (np.asarray(edge, np.int64) for edge in search)
    index, similarity = np.full(len(low), -1, np.int64), np.full(len(low), np.nan, np.float32)
    order = np.argsort(low, kind="stable")
    order = order[high[order] > low[order]]
    work = _Search(texts, seconds, low, high, length, rows)
    parts = list(_parts(order, low[order], int((high - low).max(initial=0)) + _TILE + length))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for some, (best, value) in zip(parts, pool.map(work.best, parts), strict=True):
            index[some], similarity[some] = best, value
    return BestWindows(index, similarity)


def align_captions(
    texts: Sequence[NDArray[Any]],
    seconds: Sequence[NDArray[Any]],
    times_s: ArrayLike,
    duration_s: float,
    length: int = LENGTH_S,
    search: int = SEARCH_S,
) -> CaptionSpans:
    """Where in one video its captions belong.

    ``texts[m]`` ``(K, D_m)`` and ``seconds[m]`` ``(N, D_m)`` are the vectors of encoder ``m``, ``times_s`` ``(K,)``
    when the captions say they are. All spans are ``length`` long and inside ``[0, duration_s]``; a shorter video is
    one span.
    """
    span = min(length, len(seconds[0]))
    windows = len(seconds[0]) - span + 1 if span else 0
    found = best_windows(texts, seconds, search_range(times_s, windows, span, search), span)
    start_s = np.clip(found.window.astype(np.float64), 0.0, max(0.0, duration_s - length))
    return _spans(found, start_s, np.minimum(start_s + length, duration_s))


def align_published(
    texts: Sequence[NDArray[Any]],
    seconds: Sequence[NDArray[Any]],
    times_s: ArrayLike,
    length: int = LENGTH_S,
    search: int = SEARCH_S,
) -> CaptionSpans:
    """As the published code aligns captions, without its fault: a caption that lies past the video's end has no span,
    and those after it keep their own texts.

    A span is ``[max(0, i - length/2), i + length/2]`` around its best window ``i``: shorter than ``length`` near the
    start, and past the end of the video near its end.
    """
    half, rows = length // 2, mirrored_rows(len(seconds[0]), length)
    windows = len(rows) - 2 * half + 1 if len(rows) else 0
    search_in = published_search_range(times_s, windows, length, search)
    found = best_windows(texts, seconds, search_in, 2 * half, rows)
    return _spans(
        found, np.maximum(found.window - half, 0).astype(np.float64), (found.window + half).astype(np.float64)
    )


def seconds_of_frames(times_s: ArrayLike, vectors: NDArray[Any], count: int) -> NDArray[Any]:
    """``(N, D)`` vectors of frames at ``(N,)`` ascending times to ``(count, D)``: for second ``i`` the nearest frame's.

    Of two that are equally near it is the earlier. Without frames the result has no rows.
    """
    times = np.asarray(times_s, np.float64)
    if not len(times):
        return vectors[:0]
    wanted = np.arange(count, dtype=np.float64)
    after = np.clip(np.searchsorted(times, wanted), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(wanted - times[before] <= times[after] - wanted, before, after)
    return vectors[nearest]


def _spans(found: BestWindows, start_s: Doubles, end_s: Doubles) -> CaptionSpans:
    none = found.window < 0
    return CaptionSpans(np.where(none, np.nan, start_s), np.where(none, np.nan, end_s), found.similarity)


class _Search(NamedTuple):
    """What is searched, as ``best_windows`` is given it."""

    texts: Sequence[NDArray[Any]]
    seconds: Sequence[NDArray[Any]]
    low: Integers
    high: Integers
    length: int
    rows: Integers | None

    def best(self, some: Integers) -> tuple[Integers, Floats]:
        """The best windows of captions that are in order of their first window."""
        low, high = self.low[some], self.high[some]
        most = int((high - low).max())
        sums = _moving_sums(self._products(some, low, high, most), self.length)
        sums[np.arange(most) >= (high - low)[:, None]] = -np.inf
        np.copyto(sums, -np.inf, where=np.isnan(sums))
        best = sums.argmax(axis=1)
        value = np.take_along_axis(sums, best[:, None], axis=1)[:, 0] / np.float32(self.length)
        known = value > -np.inf
        return np.where(known, low + best, -1), np.where(known, value, np.float32(np.nan))

    def _products(self, some: Integers, low: Integers, high: Integers, most: int) -> Floats:
        """Each text with the rows of its windows, ``(K, most + length - 1)``."""
        first, last = int(low[0]), int(high.max()) + self.length - 1
        words = _beside(self.texts, some)
        rows = _beside(self.seconds, slice(first, last) if self.rows is None else self.rows[first:last])
        width = most + self.length - 1
        products = np.zeros((len(some), width + _TILE), np.float32)
        edges = np.flatnonzero(np.diff(low // _TILE, prepend=-1))
        starts, tops = low[edges], np.maximum.reduceat(high, edges) + self.length - 1
        ends = np.append(edges[1:], len(some))
        groups = zip(edges.tolist(), ends.tolist(), (starts - first).tolist(), (tops - first).tolist(), strict=True)
        for begin, end, top, bottom in groups:
            products[begin:end, : bottom - top] = words[begin:end] @ rows[top:bottom].T
        shift = low - np.repeat(starts, ends - edges) + np.arange(len(some)) * products.shape[1]
        return products.ravel().take(shift[:, None] + np.arange(width))


def _parts(order: Integers, low: Integers, width: int) -> Iterator[Integers]:
    """Captions in order, in parts of which neither the rows nor the products are too many."""
    most = max(1, _CELLS // width)
    edges = [*np.flatnonzero(np.diff(low // _ROWS, prepend=-1)).tolist(), len(order)]
    for begin, end in itertools.pairwise(edges):
        yield from (order[at : min(at + most, end)] for at in range(begin, end, most))


def _beside(encoders: Sequence[NDArray[Any]], which: slice | Integers) -> Floats:
    """Some vectors of several encoders beside each other: their product is the sum of the encoders'."""
    picked = [e[which] if isinstance(which, slice) else e.take(which, axis=0) for e in encoders]  # quicker than [...]
    return widen(picked[0] if len(picked) == 1 else np.hstack(picked))


def _moving_sums(values: Floats, length: int) -> Floats:
    """``(K, W)`` to ``(K, W - length + 1)``: sums of ``length`` neighbours, by sums of twice as many each time."""
    count = values.shape[1] - length + 1
    total = np.zeros((len(values), count), np.float32)
    have, at = values, 0
    size = 1
    while True:
        if length & size:
            total += have[:, at : at + count]
            at += size
        size *= 2
        if size > length:
            return total
        have = have[:, : have.shape[1] - size // 2] + have[:, size // 2 :]
