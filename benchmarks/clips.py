"""CPU seconds of cutting clips beside PySceneDetect's ``detect-content split-video``, on one file.

    python benchmarks/clips.py [FILE] [--repeat N]

Both detect the same cuts and write every shot as an mp4 file with sound; pictures that must be encoded are
so with x264 at crf 22. Needs the ``ffmpeg`` program, which PySceneDetect splits with; cliploom does not use it.
Without a file, a 720p H.264 film of 60 s is made first.
Each measurement is a process of its own; its user and system time and that of the programs it starts are
counted, start-up included. All take turns, N times, and of each the cheapest run counts: whatever else the
machine does can only add. A recipe that only cuts scans for signals only; one that also looks at frames and
listens has the full scan: the last lines have both.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from scan import cheapest, made

SCAN = """
import pickle, sys
from pathlib import Path
from cliploom.builders.scan import Scan
from cliploom.builders.shots import Shots
from cliploom.engine.contract.step import Site
from cliploom.schemas import Video
path, folder = sys.argv[1], Path(sys.argv[2])
video = Video("film", path, path, "", 0)
parts = frozenset(sys.argv[3].split(","))
site = Site(folder, {part: folder / part for part in ("", "signals", "frames", "sound")})
with Scan().open(site) as work:
    answers = work([video], parts)[0]
    assert all(isinstance(rows, list) for rows in answers.values()), answers
with Shots(min_shot_s=0.6).open(site) as work:
    (shots,) = work(answers["signals"])
(folder / "shots").write_bytes(pickle.dumps((video, shots)))
"""
CLIPS = """
import pickle, sys
from pathlib import Path
from cliploom.builders.clips import Clips, VideoShots
from cliploom.engine.contract.step import Site
folder = Path(sys.argv[1])
video, shots = pickle.loads((folder / "shots").read_bytes())
step = Clips(cut=sys.argv[2], crf=22, short="keep", long="keep", **({"preset": sys.argv[3]} if sys.argv[3:] else {}))
with step.open(Site(folder, {"": folder / "clips"})) as work:
    (clips,) = work([VideoShots(video, shots)])
assert isinstance(clips, list) and all(clip.file for clip in clips), clips
made = {how: sum(clip.cut == how for clip in clips) for how in ("copy", "smart", "encode")}
size = sum((folder / clip.file).stat().st_size for clip in clips)
print(", ".join(f"{count} {how}" for how, count in made.items() if count) + f", {size / 1e6:.1f} MB")
"""


def main() -> None:
    """Measure everything, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="the video; made if not given")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, the cheapest counts")
    given = parser.parse_args()
    if not shutil.which("ffmpeg"):
        sys.exit("PySceneDetect splits with the ffmpeg program, which is not installed")
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or made(Path(folder) / "made.mp4")
        runs = cheapest(_commands(path, Path(folder)), given.repeat)
    whole = runs["split-video"].seconds
    print(f"{'':44}{'CPU s':>8}{'of split-video':>16}")
    for name, (seconds, told) in runs.items():
        print(f"{name:44}{seconds:8.2f}{seconds / whole:16.2f}  {told}")
    for scan in ("scan (signals) + shots", "scan (all) + shots"):
        for how in ("copy", "smart", "encode"):
            seconds = runs[scan].seconds + runs[f"clips, cut: {how}"].seconds
            print(f"{scan + ' + ' + how:44}{seconds:8.2f}{seconds / whole:16.2f}")
            seconds -= runs["(start of scan + shots)"].seconds + runs["(start of clips)"].seconds
            rest = whole - runs["(start of PySceneDetect)"].seconds
            print(f"{'    without start':44}{seconds:8.2f}{seconds / rest:16.2f}")


def _commands(path: str, folder: Path) -> dict[str, list[str]]:
    python, other = [sys.executable, "-c"], [sys.executable, "-m", "scenedetect", "--quiet", "--input", path]
    target = str(folder)
    return {
        "detect-content": [*other, "detect-content"],
        "split-video": [*other, "--output", str(folder / "split"), "detect-content", "split-video", "--quiet"],
        "scan (all) + shots": [*python, SCAN, path, target, "signals,frames,sound"],
        "scan (signals) + shots": [*python, SCAN, path, target, "signals"],
        "clips, cut: copy": [*python, CLIPS, target, "copy"],
        "clips, cut: smart": [*python, CLIPS, target, "smart"],
        "clips, cut: encode": [*python, CLIPS, target, "encode"],
        "clips, cut: encode, preset: veryfast": [*python, CLIPS, target, "encode", "veryfast"],
        "(start of PySceneDetect)": [sys.executable, "-m", "scenedetect", "version"],
        "(start of scan + shots)": [*python, "import av, cv2, numpy, cliploom.builders.scan, cliploom.builders.shots"],
        "(start of clips)": [*python, "import av, numpy, cliploom.builders.clips"],
    }


if __name__ == "__main__":
    main()
