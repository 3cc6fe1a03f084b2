"""How long filters.diverse takes to judge many captions, and whether it says what a plain loop says.

    python benchmarks/diverse.py [--count 100000] [--dim 384] [--threshold 0.85]

One core. The vectors are made up: their principal axes weigh as those of sentence vectors do (the i-th as 1 / i), and
a fifth of them are near copies of others. ``--flat`` makes vectors without any structure, the worst case of the bounds.
The plain loop, which compares each with the whole pool in float64, runs on the first 10 000 of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy loads it
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import resource
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cliploom.filters.diversity.greedy import brute, greedy

CHECKED = 10_000


def made_up(count: int, dim: int, flat: bool, seed: int = 0) -> NDArray[Any]:
    """``(count, dim)`` float16 vectors of length 1."""
    random = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(random.normal(size=(dim, dim)))
    turned = (axes if flat else axes / np.sqrt(1 + np.arange(dim))[:, None]).astype(np.float32)
    vectors = np.empty((count, dim), np.float16)
    for low in range(0, count, CHECKED):
        fresh = random.standard_normal((min(CHECKED, count - low), dim), np.float32) @ turned
        fresh /= np.linalg.norm(fresh, axis=1, keepdims=True)
        copies = np.flatnonzero(random.random(len(fresh)) < 0.2)
        noise = random.choice([0.005, 0.02, 0.04], (len(copies), 1)).astype(np.float32)
        originals = fresh[random.integers(0, len(fresh), len(copies))]
        fresh[copies] = originals + noise * random.standard_normal((len(copies), dim), np.float32)
        vectors[low : low + len(fresh)] = fresh / np.linalg.norm(fresh, axis=1, keepdims=True)
    return vectors


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--threshold", type=float, default=0.85)
    parser.add_argument("--flat", action="store_true")
    given = parser.parse_args()
    vectors = made_up(given.count, given.dim, given.flat)
    few = vectors[:CHECKED]
    begun = time.perf_counter()
    plain = brute(few, given.threshold)
    between = time.perf_counter()
    same = bool((greedy(few, given.threshold) == plain).all())
    quick = time.perf_counter()
    print(f"{len(few)}: {quick - between:.1f} s, the plain loop {between - begun:.1f} s, the same: {same}")
    begun, used = time.perf_counter(), time.process_time()
    like = greedy(vectors, given.threshold)
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(f"{len(vectors)}: {wall:.1f} s ({cpu:.1f} s of CPU), {int((like < 0).sum())} stay, {peak:.0f} MB at most")
    sys.exit(not same)


if __name__ == "__main__":
    main()
