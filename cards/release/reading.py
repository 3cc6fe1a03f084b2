"""A dataset folder, read back by its card: which Parquet files hold which split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ...engine.contract.errors import UserError
from ...engine.execution.build_folder import LOCK, read_lock
from ...engine.storage.sql import connect, parquet_table, quote_literal

if TYPE_CHECKING:
    import duckdb

CARD = "README.md"


class DatasetFolder(NamedTuple):
    """A dataset folder of cliploom, as it was written or as the Hub gives it back."""

    root: Path
    front: dict[str, Any]  # the YAML of its card
    body: str  # the Markdown below
    splits: dict[str, list[Path]]  # Parquet files of the default config, in the card's order
    build: Path | None  # the build folder that it lies in

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.front.get("pretty_name") or self.root.name)


def open_dataset(folder: Path) -> DatasetFolder:
    """Open a dataset folder, or the one in a build folder.

    Raises:
        UserError: there is none, or its card does not say where its tables are.
    """
    build: Path | None = None
    if not (folder / CARD).is_file() and (folder / LOCK).is_file():
        build, folder = folder, folder / _out(folder)
    elif (folder.parent / LOCK).is_file():
        build = folder.parent
    card = folder / CARD
    if not card.is_file():
        raise UserError(f"{folder} holds no dataset", "the step cards.dataset writes one into its build folder")
    front, body = split_card(card.read_text(encoding="utf-8", errors="replace"), card)
    splits = _splits(folder, front)
    if not any(splits.values()):
        raise UserError(f"{card} names no Parquet file that is there", "cliploom writes and reads datasets as Parquet")
    return DatasetFolder(folder, front, body, splits, build)


def split_card(text: str, card: Path) -> tuple[dict[str, Any], str]:
    """The YAML at the head of a card, and the Markdown below it; ``UserError`` for a card without."""
    head, mark, body = text.removeprefix("---\n").partition("\n---\n")
    try:
        front = yaml.safe_load(head) if mark and text.startswith("---\n") else None
    except yaml.YAMLError:
        front = None
    if not isinstance(front, dict):
        raise UserError(f"{card} has no YAML at its head that says what the folder holds")
    return front, body


def open_tables(dataset: DatasetFolder) -> duckdb.DuckDBPyConnection:
    """A database with the view ``published``: every row of the default config, with its split in ``_split``.

    ``_order`` counts the splits as the card lists them; ``_folder`` is what the names of files in a row start at.
    """
    db = connect()
    add_published(db, dataset.root, dataset.splits)
    return db


def add_published(db: duckdb.DuckDBPyConnection, root: Path, splits: Mapping[str, list[Path]]) -> None:
    """Make the view ``published`` over the Parquet files of a folder, by split."""
    parts = [
        f"SELECT *, {quote_literal(split)} AS _split, {number} AS _order,"
        f" {quote_literal(files[0].parent.relative_to(root).as_posix())} AS _folder"
        f" FROM {parquet_table(files, ', union_by_name=true')}"
        for number, (split, files) in enumerate(splits.items())
        if files
    ]
    db.execute(f"CREATE VIEW published AS {' UNION ALL BY NAME '.join(parts)}")


def columns_of(db: duckdb.DuckDBPyConnection, view: str = "published") -> dict[str, str]:
    """The columns of a view, with DuckDB's names of their types; without those that begin with ``_``."""
    return {name: kind for name, kind, *_ in db.execute(f"DESCRIBE {view}").fetchall() if not name.startswith("_")}


def _out(build: Path) -> str:
    """The folder that the build's last dataset step writes."""
    lock: Mapping[str, Any] = read_lock(build) or {}
    steps = [step for step in lock.get("steps", ()) if step.get("step") == "cards.dataset"]
    if not steps:
        raise UserError(f"{build} is a build without a dataset", "add the step cards.dataset to its recipe")
    return str((steps[-1].get("options") or {}).get("out") or "dataset")


def _splits(folder: Path, front: Mapping[str, Any]) -> dict[str, list[Path]]:
    configs = [one for one in front.get("configs") or () if isinstance(one, Mapping)]
    chosen = next((one for one in configs if one.get("default")), configs[0] if configs else {})
    listed = chosen.get("data_files")
    listed = [{"split": "train", "path": listed}] if isinstance(listed, str) else listed or []
    found: dict[str, list[Path]] = {}
    for entry in listed:
        if isinstance(entry, Mapping):
            paths = entry.get("path")
            for path in [paths] if isinstance(paths, str) else paths or ():
                found.setdefault(str(entry.get("split", "train")), []).extend(_files(folder, str(path)))
    return found


def _files(folder: Path, pattern: str) -> list[Path]:
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        return []
    every = f"{pattern}/*" if pattern.endswith("**") else pattern  # before Python 3.13 it finds folders alone
    return sorted(file for file in folder.glob(every) if file.suffix == ".parquet" and file.is_file())
