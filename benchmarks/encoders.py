"""Frames a second of ``captioners.frame_embeddings`` beside a plain loop around the same model.

    python benchmarks/encoders.py [VIDEO] [--frames N] [--repeat N]

The plain loop decodes the JPEGs of one batch after the other and hands them to the model; the step does the same and
makes rows. The ratio should be 0.9 or more. They take turns, and the quickest run of each counts. open_clip is measured
where it is installed, as a ViT-B-32 with made-up weights.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a build's workers

import av  # after what NumPy reads when it is loaded
import cv2
import numpy as np

from cliploom.captioners.frame_embeddings import FrameEmbeddings
from cliploom.engine.contract.step import StepContext
from cliploom.models.detectors.imagenet import ImageClassifier, Picture
from cliploom.schemas import Frame

VIDEO = Path(__file__).parents[1] / "tests" / "media" / "sintel_trailer_270p.mp4"
MODEL = "ViT-B-32"
Loop = Callable[[Sequence[Frame]], object]


def main() -> None:
    """Measure what is installed, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path, default=VIDEO)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, the quickest counts")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    frames = _frames(given.video, given.frames)
    print(f"{'frames/s':16}{'plain loop':>12}{'step':>8}{'ratio':>8}")
    net = ImageClassifier()
    _compare("conse", FrameEmbeddings(), lambda some: net.posteriors(_pictures(some)), frames, given.repeat)
    features = FrameEmbeddings(encoder="efficientnet")
    _compare("efficientnet", features, lambda some: net.features(_pictures(some)), frames, given.repeat)
    try:
        import torch
    except ModuleNotFoundError:
        print("open_clip       is not installed")
    else:
        if not hasattr(torch.ops.torchvision, "nms"):  # torchvision for CUDA beside PyTorch without it
            declared = torch.library.Library("torchvision", "DEF")
            declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            declared.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        with tempfile.TemporaryDirectory() as folder:
            step, loop = _open_clip(Path(folder) / "random.pt")
            _compare("open_clip", step, loop, frames[: max(32, given.frames // 3)], given.repeat)


def _compare(name: str, step: FrameEmbeddings, loop: Loop, frames: Sequence[Frame], repeat: int) -> None:
    with tempfile.TemporaryDirectory() as folder, step.open(StepContext(Path(folder), {"": Path("x")})) as work:
        calls: dict[str, Loop] = {"loop": loop, "step": lambda some: work(list(some))}
        sizes = {"loop": step.per_batch, "step": step.rows_per_call()}
        best = dict.fromkeys(calls, float("inf"))
        for turn in range(repeat + 1):
            for which, call in calls.items():
                start = time.perf_counter()
                for at in range(0, len(frames), sizes[which]):
                    call(frames[at : at + sizes[which]])
                if turn:  # the first warms up
                    best[which] = min(best[which], time.perf_counter() - start)
    plain, ours = (len(frames) / best[which] for which in ("loop", "step"))
    print(f"{name:16}{plain:12.1f}{ours:8.1f}{ours / plain:8.2f}", flush=True)


def _open_clip(path: Path) -> tuple[FrameEmbeddings, Loop]:
    import open_clip
    import torch
    from PIL import Image

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.save(open_clip.create_model(MODEL, pretrained=None).state_dict(), path)
    model, _, prepare = open_clip.create_model_and_transforms(MODEL, pretrained=str(path), device=device)
    model.eval()

    def loop(frames: Sequence[Frame]) -> object:
        with torch.inference_mode():
            batch = torch.stack([prepare(Image.fromarray(p)) for p in _pictures(frames)]).to(device)
            return model.encode_image(batch, normalize=True).cpu().numpy()

    return FrameEmbeddings(encoder="open_clip", model=MODEL, pretrained=str(path)), loop


def _pictures(frames: Sequence[Frame]) -> list[Picture]:
    decoded: list[Any] = [cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR) for frame in frames]
    return [np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8) for picture in decoded]


def _frames(video: Path, count: int) -> list[Frame]:
    made: list[Frame] = []
    with av.open(str(video)) as container:
        for i, picture in enumerate(container.decode(video=0)):
            if i % 6 == 0:
                jpeg = cv2.imencode(".jpg", picture.to_ndarray(format="bgr24"))[1].tobytes()
                size = (picture.width, picture.height)
                made.append(Frame(f"v_{i:09d}", "v", i / 24, jpeg, *size, "0" * 16, 1.0, 90.0))
            if len(made) == count:
                break
    return made


if __name__ == "__main__":
    main()
