"""What trainers read: indices by file, and targets as arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def multi_hot(labels: Sequence[Sequence[int]], size: int) -> Floats:
    """``(N, size)`` float32: 1 where a caption has the tag."""
    targets = np.zeros((len(labels), size), np.float32)
    for row, numbers in enumerate(labels):
        targets[row, list(numbers)] = 1.0
    return targets


def l1_normal(labels: Sequence[Sequence[int]], size: int) -> Floats:
    """``multi_hot`` divided by the number of tags; all zeros where there are none (TagAlign's loss is 0 there)."""
    targets = multi_hot(labels, size)
    return np.asarray(targets / np.maximum(targets.sum(axis=1, keepdims=True), 1.0), np.float32)


def write_indices(path: Path, labels: Mapping[str, Sequence[int]]) -> None:
    """``{file: [number, …]}`` as JSON, a file a line: the form of TagAlign's ``CC12M_url_object_index.json``."""
    lines = (f"{json.dumps(file, ensure_ascii=False)}: {json.dumps(list(n))}" for file, n in sorted(labels.items()))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def write_sparse(path: Path, ids: Sequence[str], labels: Sequence[Sequence[int]], size: int) -> None:
    """An ``.npz``: the tags of ``ids[i]`` are ``indices[starts[i]:starts[i + 1]]`` of ``size`` (as in scipy's CSR)."""
    starts = np.concatenate([[0], np.cumsum([len(numbers) for numbers in labels])]).astype(np.int64)
    indices = np.array([number for numbers in labels for number in numbers], np.int32)
    with path.open("wb") as file:
        np.savez(file, ids=np.array(ids, np.str_), starts=starts, indices=indices, size=np.int64(size))


def write_tensor(path: Path, name: str, tensor: Floats) -> None:
    """One float32 tensor as ``.safetensors`` or ``.npy``, by the file's name."""
    if path.suffix == ".npy":
        np.save(path, tensor)
        return
    data = np.ascontiguousarray(tensor, "<f4").tobytes()
    about = {name: {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [0, len(data)]}}
    header = json.dumps(about).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
