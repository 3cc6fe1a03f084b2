"""Keeping memory that will be wanted again at once."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>
_LARGEST = 32 * 1024 * 1024  # glibc takes no more: a 4K picture of 24 bits fits
_KEPT = 256 * 1024 * 1024


def keep_freed_memory() -> None:
    """Have glibc keep what is freed, up to 256 MiB, for this process; elsewhere nothing happens.

    Every frame allocates and frees a picture of some megabytes. By default glibc gives each back to the
    kernel and faults it in again, which at 1080p costs a third of the whole decode pass.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
