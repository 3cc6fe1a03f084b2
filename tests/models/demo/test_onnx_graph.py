"""The ONNX files that are written here are understood by others."""

from __future__ import annotations

import cv2
import numpy as np
import onnxruntime

from cliploom.models.demo.onnx_graph import Graph


def test_two_runtimes_compute_what_was_written() -> None:
    random = np.random.default_rng(0)
    kernel, bias = random.normal(size=(4, 3, 1, 1)).astype(np.float32), random.normal(size=4).astype(np.float32)
    graph = Graph("small")
    out = graph.node("Conv", ["x", graph.constant(kernel), graph.constant(bias)], kernel_shape=(1, 1), strides=(1, 1))
    out = graph.node("LeakyRelu", [out], alpha=0.25)
    out = graph.node("Flatten", [graph.node("GlobalAveragePool", [out])], axis=1)
    model = graph.model({"x": ("n", 3, 5, 5)}, {out: ("n", 4)})

    given = random.normal(size=(2, 3, 5, 5)).astype(np.float32)
    mixed = np.einsum("oi,nihw->nohw", kernel[:, :, 0, 0], given) + bias[:, None, None]
    wanted = np.where(mixed < 0, mixed * 0.25, mixed).mean(axis=(2, 3))

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"x": given})[0], wanted, atol=1e-5)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
    net.setInput(given)
    np.testing.assert_allclose(net.forward(), wanted, atol=1e-5)
