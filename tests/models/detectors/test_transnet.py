"""TransNetV2's parts, with weights of chance; tests/real compares it with its authors' own on the real ones."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from cliploom.models.detectors.transnet import build, histograms, similarities

Floats = NDArray[np.float32]


def chance_weights() -> dict[str, Floats]:
    """Weights of the right shapes."""
    rng, made = np.random.default_rng(0), dict[str, Floats]()
    channels = 3
    for stack in range(3):
        each = 16 * 2**stack
        for block in range(2):
            name = f"SDDCNN.{stack}.DDCNN.{block}"
            for dilation in (1, 2, 4, 8):
                shapes = (2 * each, channels, 1, 3, 3), (each, 2 * each, 3, 1, 1)
                for nth, shape in enumerate(shapes):
                    made[f"{name}.Conv3D_{dilation}.layers.{nth}.weight"] = _chance(rng, shape)
            for part in ("weight", "bias", "running_mean"):
                made[f"{name}.bn.{part}"] = _chance(rng, (4 * each,))
            made[f"{name}.bn.running_var"] = rng.uniform(0.5, 1.0, 4 * each).astype(np.float32)
            channels = 4 * each
    return made


def _chance(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return (rng.normal(size=shape) * 0.2).astype(np.float32)


def convolved(x: Floats, space: Floats, time: Floats, dilation: int) -> Floats:
    """A 3x3 convolution of each frame of ``(C, T, H, W)``, then one over three frames, both padded with zeros."""
    count, height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    flat = sum(
        np.einsum("oc,cthw->othw", space[:, :, 0, i, j], padded[:, :, i : i + height, j : j + width])
        for i in range(3) for j in range(3)
    )  # fmt: skip
    long = np.pad(flat, ((0, 0), (dilation, dilation), (0, 0), (0, 0)))
    parts = [np.einsum("oc,cthw->othw", time[:, :, k, 0, 0], long[:, k * dilation :][:, :count]) for k in range(3)]
    return np.asarray(sum(parts), np.float32)


def reference(x: Floats, weights: dict[str, Floats]) -> list[Floats]:
    """The outputs of the three stacks, ``(C, T, H, W)``, one operation after the other."""
    found = []
    for stack in range(3):
        first = None
        for block in range(2):
            name = f"SDDCNN.{stack}.DDCNN.{block}"
            parts = []
            for dilation in (1, 2, 4, 8):
                space, time = (weights[f"{name}.Conv3D_{dilation}.layers.{n}.weight"] for n in (0, 1))
                parts.append(convolved(x, space, time, dilation))
            norm = {part: weights[f"{name}.bn.{part}"][:, None, None, None] for part in ("weight", "bias")}
            mean, var = (weights[f"{name}.bn.running_{part}"][:, None, None, None] for part in ("mean", "var"))
            x = np.maximum((np.concatenate(parts) - mean) / np.sqrt(var + 1e-3) * norm["weight"] + norm["bias"], 0)
            first = x if first is None else first
        assert first is not None
        x = x + first
        channels, count, height, width = x.shape
        x = x[:, :, : height // 2 * 2, : width // 2 * 2].reshape(channels, count, height // 2, 2, width // 2, 2)
        x = x.mean(axis=(3, 5))
        found.append(x)
    return found


def test_the_graph_is_the_network() -> None:
    weights = chance_weights()
    frames = np.random.default_rng(1).uniform(size=(1, 3, 9, 27, 48)).astype(np.float32)
    session = onnxruntime.InferenceSession(build(weights), providers=["CPUExecutionProvider"])
    *means, last = session.run(None, {"frames": frames})
    expected = reference(frames[0], weights)
    assert last[0].shape == expected[-1].shape == (256, 9, 3, 6)
    scale = float(np.abs(expected[-1]).max())
    assert np.allclose(last[0] / scale, expected[-1] / scale, atol=1e-4)
    for mean, stack in zip(means, expected, strict=True):
        assert np.allclose(mean[0, :, :, 0, 0], stack.mean(axis=(2, 3)), rtol=1e-3, atol=1e-3 * scale)


def test_histograms_count_all_pixels() -> None:
    pictures = np.zeros((2, 27, 48, 3), np.uint8)
    pictures[1, :, :24] = (255, 31, 32)
    counts = histograms(pictures)
    assert counts.shape == (2, 512) and counts.sum(axis=1).tolist() == [27 * 48] * 2
    assert counts[0, 0] == 27 * 48 and counts[1, 7 * 64 + 0 * 8 + 1] == 27 * 24


def test_similarities_are_of_neighbours() -> None:
    unit = np.eye(60, dtype=np.float32)
    near = similarities(unit)
    assert near.shape == (60, 101)
    assert near[:, 50].tolist() == [1] * 60 and near.sum() == 60
    ones = similarities(np.ones((3, 1), np.float32))
    assert ones[0].nonzero()[0].tolist() == [50, 51, 52] and ones[2].nonzero()[0].tolist() == [48, 49, 50]
