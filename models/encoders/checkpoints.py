"""Checkpoints on this machine: what is one, and its digest, which is computed once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from ..weights import make_cached

_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")


def is_file(pretrained: str) -> bool:
    """Is it the path of a checkpoint, and no tag?"""
    return os.sep in pretrained or pretrained.endswith(_SUFFIXES)


def sha256_of(file: str) -> str:
    """The SHA-256 of a file, remembered beside its path, size and modification time."""
    path = Path(file).expanduser().resolve()
    stat = path.stat()
    key = hashlib.sha256(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}".encode()).hexdigest()[:32]

    def write(out: BinaryIO) -> None:
        with path.open("rb") as checkpoint:
            out.write(hashlib.file_digest(checkpoint, "sha256").hexdigest().encode())

    return make_cached(f"digests/{key}", key, write).read_text()
