"""The ids of all tasks that were ever asked in a folder, so that an answer to one that is gone is no slip."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...engine.storage.files import write_text

_FILE = "asked.txt"


def remember_tasks(folder: Path, ids: Iterable[str]) -> set[str]:
    """Add the ids of tasks, and say all; the file is not touched where nothing is new."""
    known = read_task_ids(folder)
    everything = known | set(ids)
    if everything != known or not (folder / _FILE).exists():
        write_text(folder / _FILE, "".join(f"{task_id}\n" for task_id in sorted(everything)))
    return everything


def read_task_ids(folder: Path) -> set[str]:
    """The ids of all tasks that were ever asked here."""
    try:
        return set((folder / _FILE).read_text(encoding="utf-8").split("\n")) - {""}
    except FileNotFoundError:
        return set()
