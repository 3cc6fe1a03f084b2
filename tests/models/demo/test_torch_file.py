"""Old PyTorch files give their arrays and nothing else; what asks for more is refused unread."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.models.demo.torch_file import read_tensors

MACHINE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
TENSOR = (
    b"\x80\x02ccollections\nOrderedDict\n)R(X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n"
    b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x007X\x03\x00\x00\x00cpuK\x06NtQ"
    b"K\x00(K\x03K\x02t(K\x01K\x03t\x89NtRu."
)  # an ordered dict with the tensor "w", 3 x 2, transposed in memory, of the six floats of storage "7"


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/should-not-be",)


def write(path: Path, weights: bytes, data: bytes = b"") -> Path:
    start = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, MACHINE)]
    path.write_bytes(b"".join([*start, weights, pickle.dumps(["7"], 2), data]))
    return path


def test_a_transposed_tensor_is_read(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype="<f4")
    found = read_tensors(write(tmp_path / "w.pth", TENSOR, (6).to_bytes(8, "little") + numbers.tobytes()))
    assert list(found) == ["w"]
    np.testing.assert_array_equal(found["w"], numbers.reshape(2, 3).T)
    assert found["w"].flags.c_contiguous


@pytest.mark.parametrize(
    "weights, data, said",
    [
        (pickle.dumps(OrderedDict(w=Evil()), 2), b"", "asks for (posix|nt).system"),
        (pickle.dumps(OrderedDict(w=Path("x")), 2), b"", "asks for pathlib"),
        (TENSOR, (6).to_bytes(8, "little") + bytes(20), "cut short"),
        (TENSOR, (2).to_bytes(8, "little") + bytes(8), "too small|buffer"),
        (TENSOR[:40], b"", "no weight file"),
        (pickle.dumps([1, 2], 2), b"", "no weight file"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, weights: bytes, data: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_tensors(write(tmp_path / "w.pth", weights, data))


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, data in (("zip", b"PK\x03\x04 and more"), ("text", b"hello"), ("empty", b"")):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(UserError, match="no weight file"):
            read_tensors(path)


@pytest.mark.parametrize(("order", "size"), [(b"little", 24), (b"big", 24), (b"little", 20)])
def test_files_of_the_newer_kind_are_zips(tmp_path: Path, order: bytes, size: int) -> None:
    numbers = np.arange(6, dtype="<f4")
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w") as file:
        for name, data in (("data.pkl", TENSOR), ("byteorder", order), ("data/7", numbers.tobytes()[:size])):
            file.writestr(f"archive/{name}", data)
    if (order, size) == (b"little", 24):
        np.testing.assert_array_equal(read_tensors(path)["w"], numbers.reshape(2, 3).T)
    else:
        with pytest.raises(UserError, match="no weight file"):
            read_tensors(path)
