"""64-bit hashes of whole columns at once, the same on every machine and in every version of every library."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Hashes = np.ndarray[Any, np.dtype[np.uint64]]

_GOLDEN, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_NULL = np.uint64(0x6E756C6C)


def mix(values: Hashes) -> Hashes:
    """Each value's bits spread over all 64, one to one.

    The finalizer of SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))


def combine(columns: Sequence[Hashes]) -> Hashes:
    """One hash a row of several; their order matters."""
    made = mix(columns[0])
    for column in columns[1:]:
        made = mix(made * _FIRST ^ mix(column))
    return made


def hash_share(text: str) -> float:
    """A number from 0 to 1 that is always the same for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64


def hash_text(text: str) -> np.uint64:
    """The hash of one word, for what is the same in all rows."""
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()))


def hash_column(column: pa.ChunkedArray | pa.Array) -> Hashes:
    """A hash of each value of a column, of whatever type."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_string(array.type) or pa.types.is_binary(array.type):
        made = _hash_bytes(array)
    elif pa.types.is_boolean(array.type) or pa.types.is_integer(array.type):
        made = mix(pc.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False).view(np.uint64))
    elif pa.types.is_floating(array.type):
        values = pc.fill_null(array.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        made = mix((values + 0.0).view(np.uint64))  # 0.0 for -0.0
    else:
        return np.array([hash_text(repr(value)) for value in array.to_pylist()], np.uint64)
    if array.null_count:
        made = np.where(array.is_null().to_numpy(zero_copy_only=False), _NULL, made)
    return made


def _hash_bytes(array: pa.Array) -> Hashes:
    """A sum over each text's words of eight bytes, each mixed with its place in the text."""
    _, ends, data = array.buffers()
    offsets = np.frombuffer(ends, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    sizes = np.diff(offsets)
    if not len(array) or not sizes.any():
        return mix(sizes.astype(np.uint64))
    content = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    counts = (sizes + 7) // 8
    firsts = np.cumsum(counts) - counts  # of each text, in words
    padded = np.zeros(int(counts.sum()) * 8, np.uint8)
    if (sizes == sizes[0]).all():
        padded.reshape(len(array), -1)[:, : sizes[0]] = content.reshape(len(array), -1)
    else:
        padded[np.arange(len(content)) + np.repeat(firsts * 8 - (offsets[:-1] - offsets[0]), sizes)] = content
    places = np.arange(len(padded) // 8) - np.repeat(firsts, counts)
    words = mix(padded.view("<u8") + mix(places.astype(np.uint64)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(words, dtype=np.uint64)])
    made: Hashes = mix(sums[firsts + counts] - sums[firsts] + sizes.astype(np.uint64))
    return made


def as_digests(hashes: Hashes) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Hashes as tables hold them."""
    return hashes.view(np.int64)
