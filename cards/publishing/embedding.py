"""Whole files as a column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.contract.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_MOST = (1 << 31) - 1  # bytes of an array


def embed_files(files: Sequence[Path | None]) -> pa.StructArray:
    """Files as ``datasets.Video`` stores them, null where there is none; each is read once, to where it stays.

    Raises:
        UserError: they have more bytes than a table can hold in one place, 2 GB.
    """
    import pyarrow as pa

    ends = list(accumulate((file.stat().st_size if file else 0 for file in files), initial=0))
    if ends[-1] > _MOST:
        first = next(file for file in files if file)
        raise UserError(
            f"{first} is too large for a table: {ends[-1]:,} bytes with what is beside it",
            "publish it as a file: `--layout videofolder` or `webdataset`, without `--embed`",
        )
    held = pa.allocate_buffer(ends[-1])
    place = memoryview(held)
    for file, (start, end) in zip(files, pairwise(ends), strict=True):
        if file is not None:
            _read(file, place[start:end])
    missing = pa.array([file is None for file in files], pa.bool_())
    offsets = pa.array(ends, pa.int32()).buffers()[1]
    contents = pa.BinaryArray.from_buffers(pa.binary(), len(files), [None, offsets, held])
    names = pa.array([file.name if file else None for file in files], pa.string())
    return pa.StructArray.from_arrays([contents, names], ["bytes", "path"], mask=missing)


def _read(file: Path, place: memoryview) -> None:
    with file.open("rb", buffering=0) as opened:
        while place:
            done = opened.readinto(place)
            if not done:
                raise OSError(f"{file} became shorter while it was read")
            place = place[done:]
