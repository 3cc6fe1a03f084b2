"""PyTorch's weight files, read without PyTorch and without running anything that they say.

Since 2020 such a file is a zip with a pickle of the weights, which names storages by key, and a file of raw data
for each storage (``torch.serialization``, ``_save``). Before, it was four pickles (magic number, format version,
the writer's machine, and the weights), a pickle of the keys, then each storage's length and raw data
(``_legacy_save``).
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C
_BROKEN: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, AttributeError, IndexError,
    NotImplementedError,
)  # fmt: skip
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class Storage(NamedTuple):
    """A run of numbers that tensors are views of."""

    dtype: np.dtype[Any]
    key: str


class Tensor(NamedTuple):
    """A view of a storage; ``offset`` and ``strides`` count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The float tensors of a file by name; counters and other integers are left out.

    Raises:
        UserError: the file is of another kind, asks for anything but tensors, or is cut short.
    """
    try:
        with path.open("rb") as file:
            return _read_zip(file) if zipfile.is_zipfile(file) else _read(file)
    except _BROKEN as error:
        raise UserError(f"{path.name} is no weight file of PyTorch: {error}") from error


def _read_zip(file: IO[bytes]) -> dict[str, NDArray[np.float32]]:
    with zipfile.ZipFile(file) as archive:
        (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = index.removesuffix(".pkl")
        order = f"{folder.removesuffix('data')}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise ValueError("its numbers begin with the large digits")
        found: Mapping[str, Tensor] = _Plain(io.BytesIO(archive.read(index))).load()
        return _floats(found, lambda storage: archive.read(f"{folder}/{storage.key}"))


def _read(file: IO[bytes]) -> dict[str, NDArray[np.float32]]:
    file.seek(0)
    magic, _, machine = (_Plain(file).load() for _ in range(3))
    if magic != _MAGIC or not machine["little_endian"]:
        raise ValueError("its first bytes are others")
    found: Mapping[str, Tensor] = _Plain(file).load()
    types = {tensor.storage.key: tensor.storage.dtype for tensor in found.values()}
    data = {key: _storage(file, types[key]) for key in _Plain(file).load()}
    return _floats(found, lambda storage: data[storage.key])


def _floats(found: Mapping[str, Tensor], data: Callable[[Storage], bytes]) -> dict[str, NDArray[np.float32]]:
    return {
        name: np.ascontiguousarray(_view(tensor, data(tensor.storage)))
        for name, tensor in found.items()
        if tensor.storage.dtype.kind == "f"
    }


def _storage(file: IO[bytes], dtype: np.dtype[Any]) -> bytes:
    size = int.from_bytes(file.read(8), "little") * dtype.itemsize
    data = file.read(size)
    if len(data) != size:
        raise ValueError("it is cut short")
    return data


def _view(tensor: Tensor, data: bytes) -> NDArray[Any]:
    size = tensor.storage.dtype.itemsize
    strides = tuple(stride * size for stride in tensor.strides)
    return np.ndarray(tensor.shape, tensor.storage.dtype, data, tensor.offset * size, strides)  # checks its bounds


class _Plain(pickle.Unpickler):
    """Knows ordered dicts, tensors and storages. Any other name ends the reading."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: Tensor(storage, offset, shape, strides)
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> Storage:
        """``("storage", type, key, device, length, None)``."""
        return Storage(pid[1], pid[2])
