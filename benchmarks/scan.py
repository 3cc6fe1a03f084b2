"""CPU seconds of the decode pass beside a bare decode and PySceneDetect, on one file.

    python benchmarks/scan.py [FILE] [--repeat N]

Without a file, a 720p H.264 film of 20 s is made first (needs the ``ffmpeg`` program). Each measurement is a process of
its own; its user and system time are counted, start-up included. Of N runs the cheapest counts: whatever
else the machine does can only add.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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
from cliploom.engine.step import Site
from cliploom.schemas import Video
path, parts = sys.argv[1], frozenset(sys.argv[2].split(","))
video = Video(video_id="film", uri=path, path=path, sha256="", size_bytes=0)
with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    with Scan().open(Site(root, {part: root / part for part in parts})) as work:
        answers = work([video], parts)[0]
        assert all(isinstance(rows, list) for rows in answers.values()), answers
"""
IMPORTS = "import av, cv2, numpy, cliploom.builders.scan"
MAKE = (
    "ffmpeg -v error -y -f lavfi -i testsrc2=size=1280x720:rate=24:duration=20,noise=alls=12:allf=t "
    "-f lavfi -i sine=frequency=300:duration=20 -c:v libx264 -preset fast -crf 25 -pix_fmt yuv420p -c:a aac -shortest"
)


def main() -> None:
    """Measure everything that can be run here, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="the video; made if not given")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, the cheapest counts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or _made(Path(folder) / "made.mp4")
        runs = {name: _cheapest(command, given.repeat) for name, command in _commands(path).items()}
    base = runs.get("ffmpeg -f null -") or runs["PyAV, bare decode"]
    print(f"{'':32}{'CPU s':>8}{'ratio':>8}")
    for name, seconds in runs.items():
        print(f"{name:32}{seconds:8.2f}{seconds / base:8.2f}")


def _commands(path: str) -> dict[str, list[str]]:
    python = [sys.executable, "-c"]
    commands = {
        "PyAV, bare decode": [*python, BARE, path],
        "scan, all three tables": [*python, SCAN, path, "signals,frames,sound"],
        "scan, signals only": [*python, SCAN, path, "signals"],
        "(importing the packages)": [*python, IMPORTS],
        "PySceneDetect detect-content": [
            *[sys.executable, "-m", "scenedetect", "--quiet", "--input", path],
            "detect-content",
        ],
    }
    if shutil.which("ffmpeg"):
        return {"ffmpeg -f null -": ["ffmpeg", "-v", "error", "-i", path, "-f", "null", "-"]} | commands
    return commands


def _cheapest(command: list[str], repeat: int) -> float:
    return min(_cpu_s(command) for _ in range(repeat))


def _cpu_s(command: list[str]) -> float:
    """User and system seconds of one run, its own children included."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _made(path: Path) -> str:
    if not shutil.which("ffmpeg"):
        sys.exit("name a video: to make one, the ffmpeg program is needed")
    subprocess.run([*MAKE.split(), str(path)], check=True)
    return str(path)


if __name__ == "__main__":
    main()
