"""How long aligning 100,000 captions takes, beside the published loop over the same arrays; both must say the same.

    python benchmarks/alignment.py [--captions 100000] [--dims 256 256]

The arrays are float16, as embeddings are stored: a vector a second of videos of 390 s (the mean of HowTo100M), and
captions of two encoders, one every 5 s. The loop is that of HowToCaption's align_and_filter.py, written anew from its
description: windows once a video, and then for each caption the slice of windows, a product for each encoder, their
sum, and its largest. It is timed as it is, and once more with its arrays in float32 from the start, in its favour.
Windows that mirror each other at the start of a video tie, so a few captions have the other one of two equals. Ours
uses as many cores as there are: on a busy machine look at the processor time.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy loads it: the products are small
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cliploom.captioners.alignment.windows import (
    SearchRange,
    best_windows,
    mirrored_rows,
    published_search_range,
)

LENGTH_S, SEARCH_S, VIDEO_S, EVERY_S = 8, 10, 390, 5
Array = NDArray[Any]


def made_up(captions: int, dims: list[int]) -> tuple[list[Array], list[Array], Array, Array]:
    """Texts and seconds by encoder, and each caption's video and second."""
    random = np.random.default_rng(0)
    each = VIDEO_S // EVERY_S
    videos = -(-captions // each)
    times = np.tile(np.arange(each) * EVERY_S, videos)[:captions]
    of = np.repeat(np.arange(videos), each)[:captions]
    return [_unit(random, captions, d) for d in dims], [_unit(random, videos * VIDEO_S, d) for d in dims], of, times


def _unit(random: np.random.Generator, count: int, dim: int) -> Array:
    vectors = random.standard_normal((count, dim), np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def published(texts: list[Array], seconds: list[Array], of: Array, times: Array) -> tuple[list[int], list[float]]:
    """The loop: the best window of each caption, and its similarity."""
    best, similarity = [], []
    windows: list[Array] = []
    half, last = LENGTH_S // 2, -1
    for i in range(len(times)):
        if of[i] != last:
            last = of[i]
            windows = []
            for encoder in seconds:
                video = encoder[last * VIDEO_S : (last + 1) * VIDEO_S]
                padded = np.pad(video, ((half, half), (0, 0)), mode="reflect")
                windows.append(np.stack([padded[k : k + LENGTH_S].mean(axis=0) for k in range(VIDEO_S + 1)]))
        start = int(times[i])
        middle = (start + start + LENGTH_S) // 2
        low, high = max(0, middle - SEARCH_S), middle + SEARCH_S + 1
        total = sum(windows[m][low:high] @ texts[m][i] for m in range(len(texts)))
        at = int(np.argmax(total))
        best.append(low + at)
        similarity.append(float(total[at]))
    return best, similarity


def vectorised(texts: list[Array], seconds: list[Array], of: Array, times: Array) -> tuple[Array, Array]:
    """Ours, over all videos at once."""
    one = mirrored_rows(VIDEO_S, LENGTH_S)
    rows = (np.arange(len(seconds[0]) // VIDEO_S)[:, None] * VIDEO_S + one).ravel()
    low, high = published_search_range(times, VIDEO_S + 1, LENGTH_S, SEARCH_S)
    first = of * len(one)
    found = best_windows(texts, seconds, SearchRange(first + low, first + high), LENGTH_S, rows)
    return found.window - first, found.similarity


def main() -> None:
    """Time, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=100_000)
    parser.add_argument("--dims", type=int, nargs="+", default=[256, 256])
    given = parser.parse_args()
    arrays = made_up(given.captions, given.dims)
    singles = ([a.astype(np.float32) for a in arrays[0]], [a.astype(np.float32) for a in arrays[1]], *arrays[2:])
    ours = min((_timed(vectorised, arrays) for _ in range(3)), key=lambda t: t.wall_s)
    print(f"vectorised: {ours.wall_s:.3f} s ({ours.cpu_s:.3f} s of processors) for {given.captions} captions")
    for name, data in (("float16, as stored", arrays), ("float32", singles)):
        loop = _timed(published, data)
        same = float(np.mean(np.asarray(loop.made[0]) == ours.made[0]))
        gap = float(np.abs(np.asarray(loop.made[1]) - ours.made[1]).max())
        ratio = f"{loop.wall_s / ours.wall_s:.0f}x ({loop.cpu_s / ours.cpu_s:.0f}x by processor time)"
        print(f"published loop, {name}: {loop.wall_s:.2f} s, {ratio}; {same:.4%} the same window, gap {gap:.1e}")


class _Timing(NamedTuple):
    """What was made, and how long it took."""

    wall_s: float
    cpu_s: float
    made: Any


def _timed(function: Any, arrays: Any) -> _Timing:
    begun, worked = time.perf_counter(), time.process_time()
    made = function(*arrays)
    return _Timing(time.perf_counter() - begun, time.process_time() - worked, made)


if __name__ == "__main__":
    main()
