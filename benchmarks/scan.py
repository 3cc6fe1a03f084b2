"""CPU seconds of the decode pass beside a bare decode and PySceneDetect, on one file.

    python benchmarks/scan.py [FILE] [--repeat N]

Without a file, a 720p H.264 film of 60 s is made first (needs the ``ffmpeg`` program). Each measurement is a process of
its own; its user and system time are counted, start-up included. All take turns, N times, and of each the
cheapest run counts: whatever else the machine does can only add. Start-up, which a build pays once for all its
videos, has lines of its own; the last lines leave it out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

BARE = """
import sys, av
with av.open(sys.argv[1]) as container:
    streams = [s for s in (container.streams.best("video"), container.streams.best("audio")) if s]
    for stream in streams:
        stream.codec_context.thread_count = 1
    for packet in container.demux(*streams):
        packet.decode()
"""
SCAN = """
import sys, tempfile
from pathlib import Path
from cliploom.builders.scan import Scan
from cliploom.engine.contract.step import Site
from cliploom.schemas import Video
path, parts = sys.argv[1], frozenset(sys.argv[2].split(","))
video = Video(video_id="film", uri=path, path=path, sha256="", size_bytes=0)
with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    with Scan().open(Site(root, {part: root / part for part in parts})) as work:
        answers = work([video], parts)[0]
        assert all(isinstance(rows, list) for rows in answers.values()), answers
"""
STARTS = {
    "(start of ffmpeg)": ["ffmpeg", "-v", "error", "-version"],
    "(start of Python with PyAV)": [sys.executable, "-c", "import av"],
    "(start of the scan)": [sys.executable, "-c", "import av, cv2, numpy, cliploom.builders.scan"],
}
MAKE = (
    "ffmpeg -v error -y -f lavfi -i "
    "testsrc2=size=1280x720:rate=24:duration=60,negate=enable=gt(mod(t\\,10)\\,5),noise=alls=5:allf=t "
    "-f lavfi -i sine=frequency=300:duration=60 "
    "-c:v libx264 -preset veryfast -crf 25 -g 60 -pix_fmt yuv420p -c:a aac -shortest"  # key frames as on the web
)


def main() -> None:
    """Measure everything that can be run here, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="the video; made if not given")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, the cheapest counts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or made(Path(folder) / "made.mp4")
        runs = cheapest(_commands(path), given.repeat)
    seconds = {name: run.seconds for name, run in runs.items()}
    bare = "ffmpeg -f null -" if shutil.which("ffmpeg") else "PyAV, bare decode"
    print(f"{'':40}{'CPU s':>8}{'ratio':>8}")
    for name, cpu_s in seconds.items():
        print(f"{name:40}{cpu_s:8.2f}{cpu_s / seconds[bare]:8.2f}")
    scan_s = seconds["scan, all three tables"] - seconds["(start of the scan)"]
    for name, start in (
        ("ffmpeg -f null -", "(start of ffmpeg)"),
        ("PyAV, bare decode", "(start of Python with PyAV)"),
    ):
        if name in seconds:
            rest_s = seconds[name] - seconds[start]
            print(f"without start: scan to {name:17}{scan_s:8.2f}{scan_s / rest_s:8.2f}")


class Run(NamedTuple):
    """One run of a command: its user and system seconds, its children's included, and its last line."""

    seconds: float
    told: str


def cheapest(commands: dict[str, list[str]], repeat: int) -> dict[str, Run]:
    """The cheapest run of each command; they take turns."""
    found: dict[str, Run] = {}
    for _ in range(repeat):
        for name, command in commands.items():
            run = _run(command)
            found[name] = min(run, found.get(name, run))
    return found


def made(path: Path) -> str:
    """A film with a cut every five seconds, and sound."""
    if not shutil.which("ffmpeg"):
        sys.exit("name a video: to make one, the ffmpeg program is needed")
    subprocess.run([*MAKE.split(), str(path)], check=True)
    return str(path)


def _commands(path: str) -> dict[str, list[str]]:
    python = [sys.executable, "-c"]
    commands = {
        "ffmpeg -f null -": ["ffmpeg", "-v", "error", "-i", path, "-f", "null", "-"],
        "PyAV, bare decode": [*python, BARE, path],
        "scan, all three tables": [*python, SCAN, path, "signals,frames,sound"],
        "scan, signals only": [*python, SCAN, path, "signals"],
        "PySceneDetect detect-content": [
            *[sys.executable, "-m", "scenedetect", "--quiet", "--input", path],
            "detect-content",
        ],
        **STARTS,
    }
    return {name: c for name, c in commands.items() if c[0] != "ffmpeg" or shutil.which("ffmpeg")}


def _run(command: list[str]) -> Run:
    # The runner starts its workers so too: a pool of threads costs each process a tenth of a second.
    surroundings = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    before = os.times()
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=surroundings).stdout
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds, told.strip().rpartition("\n")[2])


if __name__ == "__main__":
    main()
