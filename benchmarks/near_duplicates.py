"""How long near-duplicates take: pairs of 64-bit hashes, and of vectors.

    python benchmarks/near_duplicates.py [--hashes 1000000] [--vectors 200000] [--dim 512] [--flat]

Everything is made up: a tenth of the hashes differ in one bit from others, a fifth of the vectors are near copies of
others (as in benchmarks/diverse.py). Both are compared exactly, each pair once, on all cores there are.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
from diverse import made_up

from cliploom.filters.clusters.components import Components
from cliploom.filters.diversity.cosine import cosine_pairs
from cliploom.filters.hashes.neighbours import near_pairs_within


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--vectors", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--flat", action="store_true")
    given = parser.parse_args()
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64 - 1, given.hashes, dtype=np.uint64, endpoint=True)
    copies = given.hashes // 10
    bits = np.uint64(1) << random.integers(0, 64, copies).astype(np.uint64)
    hashes[:copies] = hashes[random.integers(copies, given.hashes, copies)] ^ bits
    begun, used = time.perf_counter(), time.process_time()
    pairs = near_pairs_within(hashes, 8)
    report(f"{given.hashes} hashes, 8 bits: {len(pairs.query)} pairs", begun, used)
    vectors = made_up(given.vectors, given.dim, given.flat)
    begun, used = time.perf_counter(), time.process_time()
    groups = Components(given.vectors)
    for found in cosine_pairs(vectors, 0.9):
        groups.join(found.one, found.other)
    stay = len(np.unique(groups.labels()))
    report(f"{given.vectors} x {given.dim} vectors, cosine 0.9: {stay} groups", begun, used)


def report(what: str, begun: float, used: float) -> None:
    """Print times and memory."""
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(f"{what}, {wall:.1f} s ({cpu:.1f} s of CPU), {peak:.0f} MB at most")


if __name__ == "__main__":
    main()
