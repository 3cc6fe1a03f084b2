"""A neural network written as an ONNX file: the few messages of its protocol buffer that a plain chain of layers needs.

The numbers are those of ``onnx.proto`` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_FLOAT, _IR_VERSION, _OPSET = 1, 7, 13
_AS_FLOAT, _AS_INT, _AS_INTS = 1, 2, 7  # AttributeProto.AttributeType

Attribute = int | float | Sequence[int]


class Graph:
    """Nodes and constants in the order in which they are added, from one input to one output."""

    def __init__(self, name: str) -> None:
        self._name, self._nodes, self._constants, self._count = name, b"", b"", 0

    def constant(self, value: NDArray[np.float32]) -> str:
        """Add an array; the name that nodes read it by."""
        name = self._next("c")
        dims = b"".join(_number(1, size) for size in value.shape)
        raw = np.ascontiguousarray(value, "<f4").tobytes()
        self._constants += _bytes(5, dims + _number(2, _FLOAT) + _bytes(8, name.encode()) + _bytes(9, raw))
        return name

    def node(self, operator: str, inputs: Sequence[str], **attributes: Attribute) -> str:
        """Add an operator of ONNX's default set; the name of its output."""
        name = self._next("n")
        read = b"".join(_bytes(1, i.encode()) for i in inputs)
        options = b"".join(_bytes(5, _attribute(key, value)) for key, value in attributes.items())
        out = _bytes(2, name.encode()) + _bytes(3, name.encode()) + _bytes(4, operator.encode())
        self._nodes += _bytes(1, read + out + options)
        return name

    def model(self, inputs: Mapping[str, Sequence[int | str]], outputs: Mapping[str, Sequence[int | str]]) -> bytes:
        """The file. A side of an input or output that is a word may have any length."""
        ends = b"".join(_bytes(11, _value(*item)) for item in inputs.items())
        ends += b"".join(_bytes(12, _value(*item)) for item in outputs.items())
        graph = self._nodes + _bytes(2, self._name.encode()) + self._constants + ends
        return _number(1, _IR_VERSION) + _bytes(7, graph) + _bytes(8, _number(2, _OPSET))

    def _next(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        said, kind = _varint(2 << 3 | 5) + np.float32(value).tobytes(), _AS_FLOAT
    elif isinstance(value, int):
        said, kind = _number(3, value), _AS_INT
    else:
        said, kind = b"".join(_number(8, item) for item in value), _AS_INTS
    return _bytes(1, name.encode()) + said + _number(20, kind)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sides = b"".join(
        _bytes(1, _number(1, side) if isinstance(side, int) else _bytes(2, side.encode())) for side in shape
    )
    tensor = _number(1, _FLOAT) + _bytes(2, sides)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))
