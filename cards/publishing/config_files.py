"""One configuration of a release: its files, its columns, its splits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ...engine.contract.errors import UserError
from ..release.subsets import Subset

T = TypeVar("T")


class SplitSize(NamedTuple):
    """What one split of a table holds."""

    name: str
    examples: int
    num_bytes: int


@dataclass(frozen=True)
class ConfigFiles:
    """One configuration of a release, as its card names it."""

    name: str
    data_files: dict[str, list[str]]  # patterns by split, in the order of the rows
    features: list[dict[str, Any]]  # as the card writes them
    splits: list[SplitSize]
    file_bytes: int
    drop_labels: bool = False


def describe_tables(
    name: str,
    root: Path,
    patterns: Mapping[str, Sequence[str]],
    features: list[dict[str, Any]],
    drop_labels: bool = False,
) -> ConfigFiles:
    """A configuration that is written, with the sizes of what is there."""
    import pyarrow.parquet as pq

    sizes, file_bytes = [], 0
    found = {split: list(some) for split, some in patterns.items() if some}
    for split, some in found.items():
        files = [file for pattern in some for file in root.glob(pattern.replace("/**", "/**/*")) if file.is_file()]
        read = [pq.read_metadata(file) for file in files if file.suffix == ".parquet"]
        held = sum(one.row_group(i).total_byte_size for one in read for i in range(one.num_row_groups))
        sizes.append(SplitSize(split, sum(one.num_rows for one in read), held))
        file_bytes += sum(file.stat().st_size for file in files)
    return ConfigFiles(name, found, features, sizes, file_bytes, drop_labels)


def describe_patterns(
    name: str,
    root: Path,
    patterns: Mapping[str, Mapping[str, str]],
    features: list[dict[str, Any]],
    subset: Subset | None = None,
    drop_labels: bool = False,
) -> ConfigFiles:
    """The same of patterns by split and part: of all parts, or of those of a subset."""
    wanted = {split: parts_of(parts, subset) for split, parts in patterns.items()}
    return describe_tables(subset.name if subset else name, root, wanted, features, drop_labels)


def parts_of(parts: Mapping[str, T], subset: Subset | None) -> list[T]:
    """What belongs to the parts of a subset, of things by part; all of them without a subset."""
    return [value for part, value in parts.items() if subset is None or part in subset.parts]


class ClipFolder:
    """Where the files are that a column of a table names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._real = os.path.join(os.path.realpath(folder), "")

    def file(self, name: str) -> Path:
        """A clip's file; ``UserError`` where it is gone, or outside the folder."""
        path = self.folder / name
        if not path.is_file() or not os.path.realpath(path).startswith(self._real):
            raise UserError(f"the clip file {path} is gone", "`cliploom build` writes the dataset again")
        return path
