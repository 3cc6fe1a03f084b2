"""Small tables that this process has just written or read, so that the next step need not read them again.

They are found by the names of their files, which are hashes of their content.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

MOST_BYTES_EACH = 64 << 10
_MOST_TABLES = 256


class _Recent(NamedTuple):
    table: pa.Table
    size_bytes: int  # of the file


_tables: OrderedDict[str, _Recent] = OrderedDict()
_lock = threading.Lock()


def keep_table(name: str, table: pa.Table, size_bytes: int) -> None:
    """Keep a table if it is small; ``name`` is that of its file, of this size."""
    if table.nbytes <= MOST_BYTES_EACH:
        with _lock:
            _tables[name] = _Recent(table, size_bytes)
            while len(_tables) > _MOST_TABLES:
                _tables.popitem(last=False)


def recent_table(file: Path) -> pa.Table | None:
    """What is in a file, if it is at hand and the file is as it was."""
    found = _tables.get(file_name(file))
    if found is not None:
        with suppress(OSError):
            if file.stat().st_size == found.size_bytes:
                return found.table
    return None


def file_name(file: Path) -> str:
    """The name that a file of a table has, or will have once it is complete."""
    return file.name.partition(".parquet")[0]
