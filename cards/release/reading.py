"""A dataset folder, read back by its card: which Parquet files hold which split."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ...engine.contract.errors import UserError
from ...engine.execution.build_folder import LOCK, dataset_folder, read_lock
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
    subsets: Mapping[str, Mapping[str, list[Path]]] = {}  # files by split, of the configs that hold parts of those

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.front.get("pretty_name") or self.root.name)


def open_dataset(folder: Path, tables: Mapping[str, list[Path]] | None = None) -> DatasetFolder:
    """Open a dataset folder, or the one in a build folder; ``tables`` stand in for those that its card names.

    Raises:
        UserError: there is none, or its card does not say where its tables are.
    """
    folder, build = locate_dataset(folder)
    card = folder / CARD
    front, body = split_card(card.read_text(encoding="utf-8", errors="replace"), card)
    splits = dict(tables) if tables else _splits(folder, front)
    if not any(splits.values()):
        raise UserError(f"{card} names no Parquet file that is there", "cliploom writes and reads datasets as Parquet")
    return DatasetFolder(folder, front, body, splits, build, _subsets(folder, front, splits))


class DatasetPlace(NamedTuple):
    """Where a dataset folder is, and the build folder that it lies in."""

    root: Path
    build: Path | None


def locate_dataset(folder: Path) -> DatasetPlace:
    """A dataset folder, or the one of a build folder, whatever its files are; ``UserError`` where there is none."""
    build: Path | None = None
    if not (folder / CARD).is_file() and (folder / LOCK).is_file():
        build, folder = folder, _folder_of(folder)
    elif (folder.parent / LOCK).is_file():
        build = folder.parent
    if not (folder / CARD).is_file():
        raise UserError(f"{folder} holds no dataset", "the step cards.dataset writes one into its build folder")
    return DatasetPlace(folder, build)


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
        f" {quote_literal(folder.relative_to(root).as_posix())} AS _folder"
        f" FROM {parquet_table(list(inside), ', union_by_name=true')}"
        for number, (split, files) in enumerate(splits.items())
        for folder, inside in groupby(files, key=lambda file: file.parent)
    ]
    db.execute(f"CREATE VIEW published AS {' UNION ALL BY NAME '.join(parts)}")


def columns_of(db: duckdb.DuckDBPyConnection, view: str = "published") -> dict[str, str]:
    """The columns of a view, with DuckDB's names of their types; without those that begin with ``_``."""
    return {name: kind for name, kind, *_ in db.execute(f"DESCRIBE {view}").fetchall() if not name.startswith("_")}


def _folder_of(build: Path) -> Path:
    folder = dataset_folder(build, read_lock(build) or {})
    if folder is None:
        raise UserError(f"{build} is a build without a dataset", "add the step cards.dataset to its recipe")
    return folder


def _splits(folder: Path, front: Mapping[str, Any]) -> dict[str, list[Path]]:
    return config_files(folder, default_config(front))


def _subsets(
    folder: Path, front: Mapping[str, Any], splits: Mapping[str, list[Path]]
) -> dict[str, dict[str, list[Path]]]:
    """The other configs whose files are all of the default one, from the smallest on, as the card lists them."""
    whole = {file for files in splits.values() for file in files}
    found = {
        str(one.get("config_name")): config_files(folder, one) for one in _configs(front) if not one.get("default")
    }
    return {
        name: tables
        for name, tables in found.items()
        if any(tables.values()) and {file for files in tables.values() for file in files} <= whole
    }


def _configs(front: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in front.get("configs") or () if isinstance(one, Mapping)]


def default_config(front: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration of a card that is loaded without a name."""
    configs = _configs(front)
    return next((one for one in configs if one.get("default")), configs[0] if configs else {})


def config_files(folder: Path, config: Mapping[str, Any], suffix: str = ".parquet") -> dict[str, list[Path]]:
    """The Parquet files, or others, of a configuration of a card, by split, in its order."""
    listed = config.get("data_files")
    listed = [{"split": "train", "path": listed}] if isinstance(listed, str) else listed or []
    found: dict[str, list[Path]] = {}
    for entry in listed:
        if isinstance(entry, Mapping):
            paths = entry.get("path")
            for path in [paths] if isinstance(paths, str) else paths or ():
                found.setdefault(str(entry.get("split", "train")), []).extend(_files(folder, str(path), suffix))
    return found


def _files(folder: Path, pattern: str, suffix: str) -> list[Path]:
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        return []
    every = f"{pattern}/*" if pattern.endswith("**") else pattern  # before Python 3.13 it finds folders alone
    return sorted(file for file in folder.glob(every) if file.suffix == suffix and file.is_file())
