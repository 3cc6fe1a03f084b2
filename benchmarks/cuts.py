"""Detectors of shot changes beside each other: what they find in films whose changes are known, and what that costs.

    python benchmarks/cuts.py [--shots 30] [--write docs/cuts.md]

The films are made here of the tests' media (``tests/plugins/cut_films.py``), from seeds on which no rule was tuned.
Costs are CPU seconds in one process, over those of a bare decode of the same film, the least of two runs. A change
counts as found if a detector puts a boundary within two frames of it; each boundary counts for one change. ``--write``
puts the table into a page, between its marks.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy loads it
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/plugins"))

import av  # noqa: E402
import numpy as np  # noqa: E402
from cut_films import Change, Match, match, mixed_film, read_takes, write_film  # noqa: E402
from scenedetect import AdaptiveDetector, ContentDetector, detect  # noqa: E402

from cliploom.builders.cuts import RULES, CutFinding, second_look  # noqa: E402
from cliploom.media.changes import find_changes  # noqa: E402
from cliploom.media.pictures import BgrConverter, FrameShrinker  # noqa: E402
from cliploom.media.signals import SignalMeter  # noqa: E402
from cliploom.models.detectors.transnet import ShotNetwork  # noqa: E402
from cliploom.schemas import Signals  # noqa: E402

FILMS = {
    "mixed 1": (31, 0.45, False),
    "mixed 2": (32, 0.45, False),
    "hard cuts": (36, 0.0, False),
    "hard cuts, variable rate": (37, 0.0, True),
}
"""The seed, the share of gradual changes, and whether the frame rate varies."""
BEGIN, END = "<!-- benchmarks/cuts.py -->", "<!-- end -->"


class Result(NamedTuple):
    """What a detector says of a film, what that cost, and the share of frames that the network saw."""

    boundaries: list[int]
    seconds: float
    seen: float = 0.0


class CountingNetwork:
    """The network, and how many frames it has seen."""

    def __init__(self) -> None:
        self._network, self.frames = ShotNetwork(), 0

    def __call__(self, pictures: Any) -> Any:
        self.frames += len(pictures)
        return self._network(pictures)


def signals_of(path: str) -> Signals:
    """The signals that builders.scan stores."""
    meter, shrink = SignalMeter(), FrameShrinker(BgrConverter())
    with av.open(path) as file:
        stream = file.streams.video[0]
        stream.thread_type = "SLICE"
        stream.codec_context.thread_count = 1
        for frame in file.decode(stream):
            meter.add(shrink(frame), frame.time or 0.0)
            end_s = (frame.time or 0.0) + 0.04
    return meter.row("film", end_s, "", np.empty(0))


def bare(path: str) -> list[int]:
    """Decode and find nothing."""
    with av.open(path) as file:
        stream = file.streams.video[0]
        stream.thread_type = "SLICE"
        stream.codec_context.thread_count = 1
        for _ in file.decode(stream):
            pass
    return []


def rules(path: str, network: CountingNetwork | None = None) -> list[int]:
    """What builders.cuts does, its scan included."""
    signals = signals_of(path)
    changes = find_changes(np.frombuffer(signals.looks, np.uint8).reshape(-1, 9, 16))
    found = [CutFinding(change, RULES) for change in changes]
    if network is not None:
        found = second_look(found, signals, path, network)
    return [one.change.middle for one in found if one.change.sure >= 0.5]


def alone(path: str, network: CountingNetwork) -> list[int]:
    """TransNetV2 over the whole film, as its authors run it: windows of 100 frames, 50 of which count."""
    with av.open(path) as file:
        frames = np.stack([f.reformat(48, 27, "rgb24").to_ndarray() for f in file.decode(video=0)])
    count = len(frames)
    padded = np.concatenate([frames[:1].repeat(25, 0), frames, frames[-1:].repeat(25 + -count % 50, 0)])
    likely = np.concatenate([network(padded[at : at + 100]).middle[25:75] for at in range(0, count, 50)])[:count]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], likely > 0.5, [False])).astype(int))).reshape(-1, 2)
    return [int(first + np.argmax(likely[first:last])) + 1 for first, last in edges]


def scene_filter(path: str, threshold: float = 0.3) -> list[int]:
    """FFmpeg's filter ``select='gt(scene,0.3)'``."""
    with av.open(path) as file:
        stream = file.streams.video[0]
        graph = av.filter.Graph()
        source, sink = graph.add_buffer(template=stream), graph.add("buffersink")
        chosen = graph.add("select", f"gt(scene,{threshold})")
        source.link_to(chosen)
        chosen.link_to(sink)
        graph.configure()
        times, found = [], set[int]()
        for frame in file.decode(stream):
            times.append(frame.pts)
            graph.push(frame)
            try:
                while True:
                    out: Any = graph.pull()
                    found.add(out.pts)
            except (av.BlockingIOError, av.EOFError):
                continue
    return [n for n, pts in enumerate(times) if pts in found]


def scenes(path: str, detector: Any) -> list[int]:
    """PySceneDetect with its defaults."""
    with av.open(path) as file:
        times = np.array([frame.time or 0.0 for frame in file.decode(video=0)])
    starts = [scene[0].seconds for scene in detect(path, detector)][1:]
    return [int(np.abs(times - start).argmin()) for start in starts]


def measure(run: Callable[[], list[int]], network: CountingNetwork, frames: int) -> Result:
    """The cheaper of two runs."""
    results = []
    for _ in range(2):
        network.frames, begun = 0, time.process_time()
        found = run()
        results.append(Result(found, time.process_time() - begun, network.frames / frames))
    return min(results, key=lambda result: result.seconds)


def detectors(path: str, network: CountingNetwork) -> dict[str, Callable[[], list[int]]]:
    """By name."""
    return {
        "bare decode": lambda: bare(path),
        "`builders.cuts`": lambda: rules(path),
        "`builders.cuts`, `model: transnetv2`": lambda: rules(path, network),
        "TransNetV2 alone (ONNX)": lambda: alone(path, network),
        "PySceneDetect content": lambda: scenes(path, ContentDetector()),
        "PySceneDetect adaptive": lambda: scenes(path, AdaptiveDetector()),
        "FFmpeg scene filter, 0.3": lambda: scene_filter(path),
    }


def row(name: str, film: str, result: Result, changes: list[Change], bare_s: float) -> str:
    """A line of the table."""
    every, hard = match(result.boundaries, changes), _hard(result.boundaries, changes)
    precision = every.found / max(1, every.found + every.false)
    recall = every.found / max(1, every.found + every.missed)
    seen = f"{result.seen:.0%}" if result.seen else ""
    cost = result.seconds / bare_s
    return (
        f"| {film} | {name} | {precision:.2f} | {recall:.2f} | {every.f1:.3f} | {hard.f1:.3f} | {cost:.1f} | {seen} |"
    )


def _hard(boundaries: list[int], changes: list[Change]) -> Match:
    """The same for hard cuts alone: boundaries near gradual changes are left out."""
    gradual = [c for c in changes if c.kind != "cut"]
    near = {b for b in boundaries for c in gradual if c.first - 12 <= b <= c.last + 12}
    cuts = [c for c in changes if c.kind == "cut"]
    return match([b for b in boundaries if b not in near or any(abs(b - c.first) <= 2 for c in cuts)], cuts)


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=30, help="shots of each film")
    parser.add_argument("--write", help="the page whose table is replaced")
    given = parser.parse_args()
    takes, network = read_takes(ROOT / "tests/media"), CountingNetwork()
    lines = ["| film | detector | precision | recall | F1 | F1 of hard cuts | CPU x decode | network saw |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (seed, gradual, variable) in FILMS.items():
            film, path = mixed_film(takes, seed, given.shots, gradual), Path(folder) / "film.mp4"
            write_film(film, path, seed, variable)
            bare_s = 0.0
            for detector, run in detectors(str(path), network).items():
                result = measure(run, network, len(film.pictures))
                if detector == "bare decode":
                    bare_s = result.seconds
                    continue
                lines.append(row(detector, name, result, film.changes, bare_s))
                print(lines[-1], flush=True)
    load = f"Load of the machine at the end: {os.getloadavg()[1]:.1f} on {os.cpu_count()} processors."
    table = "\n".join([*lines, "", load])
    if given.write:
        page = Path(given.write)
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
