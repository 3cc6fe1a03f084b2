"""How long MetaCLIP's matching takes: the plain loop, pyahocorasick where it is installed, and annotation.concepts.

    python benchmarks/metaclip.py CAPTIONS [--words FILE ...] [--entries 500000]

``CAPTIONS`` is a text file with a caption a line, or COCO's captions json; files may be packed with gzip. Entries are
made of the captions' words and pairs and of ``--words`` (WordNet's lemmas, for instance), and filled up with made-up
names of two words. One core; texts of the plain loop are few, the answers of all are compared.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cliploom.annotation.metaclip.matcher import EntryMatcher
from cliploom.annotation.metaclip.metadata import bound_pairs, count_ngrams, merge_sources, numbers
from cliploom.annotation.metaclip.spacing import pattern_of, space_text
from cliploom.models.text.lines import read_lines

PLAIN = 20  # texts of the plain loop


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--words", type=Path, nargs="*", default=[])
    parser.add_argument("--entries", type=int, default=500_000)
    given = parser.parse_args()
    texts = read_captions(given.captions)
    entries = make_entries(texts, given.words, given.entries)
    print(f"{len(texts)} texts of {sum(map(len, texts)) / len(texts):.0f} characters, {len(entries)} entries")
    patterns = [pattern_of(entry) for entry in entries]
    plain, plain_s = timed(lambda: [plain_loop(text, patterns) for text in texts[:PLAIN]], PLAIN)
    report("plain loop", plain_s, plain_s)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        EntryMatcher.cached(entries, "v1", Path(cache))
        built = time.perf_counter() - begun
        begun = time.perf_counter()
        matcher = EntryMatcher.cached(entries, "v1", Path(cache))
        opened = time.perf_counter() - begun
        matcher.match(texts)
        found, ours_s = timed(lambda: matcher.match(texts).lists(len(texts)), len(texts), 5)
        _, arrays_s = timed(lambda: matcher.match(texts), len(texts), 5)
    report("annotation.concepts, as lists", ours_s, plain_s)
    report("annotation.concepts, as arrays", arrays_s, plain_s)
    print(f"  built in {built:.1f} s, opened again in {opened:.2f} s, {matcher.nbytes / 1e6:.0f} MB of shared memory")
    print(f"  {sum(map(len, found)) / len(texts):.1f} entries a text")
    same = found[:PLAIN] == plain
    other = automaton(patterns)
    if other is not None:
        theirs, theirs_s = timed(lambda: [other(text) for text in texts], len(texts), 3)
        report("pyahocorasick", theirs_s, plain_s)
        print(f"  {theirs_s / ours_s:.1f} times our time for lists, {theirs_s / arrays_s:.1f} times that for arrays")
        same = same and [sorted(one) for one in theirs] == found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(f"the same: {same}; {peak:.0f} MB at most, with everything that is compared")
    sys.exit(not same)


def report(name: str, seconds: float, plain: float) -> None:
    """Print a time a text."""
    print(f"{name}: {seconds * 1e6:.2f} us a text, {plain / seconds:.0f} x the plain loop")


def timed(work: Callable[[], Any], texts: int, times: int = 1) -> tuple[Any, float]:
    """What it gives, and the best time a text."""
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        made = work()
        best = min(best, time.perf_counter() - begun)
    return made, best / texts


def plain_loop(text: str, patterns: Sequence[str]) -> list[int]:
    """The published loop."""
    spaced = space_text(text)
    return [number for number, pattern in enumerate(patterns) if pattern in spaced]


def automaton(patterns: Sequence[str]) -> Callable[[str], list[int]] | None:
    """The variant with pyahocorasick; None where it is not installed."""
    try:
        import ahocorasick
    except ImportError:
        return None
    made = ahocorasick.Automaton()
    for number, pattern in enumerate(patterns):
        made.add_word(pattern, (number, pattern))
    made.make_automaton()

    def match(text: str) -> list[int]:
        found = set()
        for _, (number, _) in made.iter(space_text(text)):
            found.add(number)
        return list(found)

    return match


def read_captions(path: Path) -> list[str]:
    """The captions of a file."""
    if ".json" in path.suffixes:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return [" ".join(row["caption"].split()) for row in json.loads(data)["annotations"]]
    return list(read_lines(path))


def make_entries(texts: Sequence[str], words: Sequence[Path], count: int) -> list[str]:
    """``count`` entries."""
    counts = count_ngrams(texts)
    named = [line.strip().replace("_", " ") for path in words for line in read_lines(path)]
    entries = merge_sources([numbers(), named, counts.unigrams, bound_pairs(counts, 6, 3)], count)
    seen, drawn, known = dict.fromkeys(entries), random.Random(0), len(entries)
    while len(seen) < count:
        seen[f"{entries[drawn.randrange(known)].title()} {entries[drawn.randrange(known)]}"] = None
    return list(seen)


if __name__ == "__main__":
    main()
