"""CPU seconds of Panda-70M's splitting beside a plain re-statement of the published three passes, on the same videos.

    python benchmarks/panda70m.py [FILE …]

Without a file, the Sintel trailer of the tests is scaled to 720p first, with key frames at most 2.5 s apart, as films
on the web have them. How much ``smart`` saves depends on that: from a clip's start to the next key frame it encodes.

The published method (Chen et al. 2024, section 3.1 and the authors' code) reads every video three times: a full decode
for PySceneDetect's content detector, a seek with OpenCV for each of two frames per cut, and one ffmpeg call per event
that encodes it anew. Ours decodes once, stitches from stored frames, and gives times, or files cut with ``smart``.
Both look at frames with the same tiny stand-in for an encoder, so that only the handling of video is compared. Needs
the ``ffmpeg`` program for the published side. Each side is a process of its own; user and system time are counted, with
start-up and with the programs that it starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ENCODER = """
def vector(picture):
    import cv2, numpy as np
    small = cv2.resize(picture, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)
"""
PUBLISHED = (
    ENCODER
    + """
import subprocess, sys
from pathlib import Path
import cv2, numpy as np
from scenedetect import ContentDetector, detect
from cliploom.builders.stitching import panda
cv2.setNumThreads(1)
written = 0
for path in sys.argv[2:]:
    scenes = detect(path, ContentDetector(threshold=25, min_scene_len=15), start_in_scene=True)
    film = cv2.VideoCapture(path)
    fps = film.get(cv2.CAP_PROP_FPS)
    edges = [0]
    for scene in scenes:
        end = scene[1].frame_num
        while end - edges[-1] > (5 + 2) * fps:
            edges.append(edges[-1] + int(5 * fps))
        edges.append(end)
    cuts = list(zip(edges, edges[1:]))
    pairs, readable = [], []
    for s, e in cuts:
        two = []
        for place in (int(0.95 * s + 0.05 * (e - 1)), int(0.05 * s + 0.95 * (e - 1))):
            film = cv2.VideoCapture(path)
            film.set(cv2.CAP_PROP_POS_FRAMES, place)
            good, picture = film.read()
            two.append(vector(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)) if good else np.zeros(192, np.float32))
        pairs.append(two)
        readable.append((True, True))
    pairs = np.array(pairs, np.float32)
    why = panda.verify_cuts(pairs, readable, 2.0)
    kept = [i for i, gone in enumerate(why) if gone is None]
    events = panda.stitch([cuts[i] for i in kept], pairs[kept], 0.6)
    verdicts = panda.verify_events(events, pairs[kept], panda.DATASET, fps)
    for i, event in enumerate(v for v in verdicts if isinstance(v, panda.Cut)):
        out = Path(sys.argv[1]) / f"{Path(path).stem}.{i}.mp4"
        times = ["-ss", f"{event.start / fps:.3f}", "-i", path, "-t", f"{(event.end - event.start) / fps:.3f}"]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *times, str(out)], check=True)
        written += 1
print(written)
"""
)
OURS = (
    ENCODER
    + """
import sys
from pathlib import Path
import cv2, numpy as np
from cliploom.builders.clips import Clips, VideoShots
from cliploom.builders.scan import Scan
from cliploom.builders.shots import Shots
from cliploom.builders.stitch import Seen, Stitch
from cliploom.engine.contract.step import Site
from cliploom.schemas import Clip, Embedding, Shot, Video
folder, cut = Path(sys.argv[1]), sys.argv[2]
parts = frozenset(("signals", "frames"))
site = Site(folder, {part: Path(part or "clips") for part in ("", *parts)})
written = 0
with Scan(frames_per_s=4).open(site) as scan, Shots(threshold=25).open(site) as cutting, \\
        Stitch(transition=2.0).open(site) as stitching, Clips(min_s=0, cut=cut).open(site) as making:
    for n, path in enumerate(sys.argv[3:]):
        video = Video(f"v{n}", path, path, "", 0)
        seen = scan([video], parts)[0]
        (shots,) = cutting(seen["signals"])
        vectors = []
        for f in seen["frames"]:
            picture = cv2.imdecode(np.frombuffer(f.jpeg, np.uint8), cv2.IMREAD_COLOR)
            half = vector(picture).astype(np.float16)
            vectors.append(Embedding(f.frame_id, f.video_id, "tiny", half, frame_id=f.frame_id))
        (events,) = stitching([Seen(video, shots, vectors, seen["signals"])])
        (clips,) = making([VideoShots(video, [e for e in events if isinstance(e, Shot)])])
        written += sum(isinstance(c, Clip) for c in clips)
print(written)
"""
)


def main() -> None:
    """Run each once, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        files = sys.argv[1:] or [_film(Path(folder) / "film.mp4")]
        runs = {
            "published: decode, seek, encode": _run(PUBLISHED, _made(folder, "published"), *files),
            "ours, clips as times": _run(OURS, _made(folder, "none"), "none", *files),
            "ours, files with smart": _run(OURS, _made(folder, "smart"), "smart", *files),
        }
    base = next(iter(runs.values()))[0]
    print(f"{'':34}{'clips':>6}{'CPU s':>9}{'times less':>12}")
    for name, (seconds, clips) in runs.items():
        print(f"{name:34}{clips:>6}{seconds:9.2f}{base / seconds:12.1f}")


def _film(path: Path) -> str:
    source = Path(__file__).parents[1] / "tests" / "media" / "sintel_trailer_270p.mp4"
    how = "-vf scale=1280:720 -c:v libx264 -preset veryfast -crf 23 -g 60 -c:a copy"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(source), *how.split(), str(path)], check=True)
    return str(path)


def _made(folder: str, name: str) -> str:
    path = Path(folder) / name
    path.mkdir()
    return str(path)


def _run(program: str, *words: str) -> tuple[float, int]:
    """User and system seconds with all children, and the clips that came out."""
    before = os.times()
    done = subprocess.run([sys.executable, "-c", program, *words], check=True, stdout=subprocess.PIPE, text=True)
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, int(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
