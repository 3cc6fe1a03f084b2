"""One configuration of a release: its files, its columns, its splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.contract.errors import UserError
from ...schemas.features import features_yaml
from ..release.columns import FILE

if TYPE_CHECKING:
    import pyarrow as pa


class SplitSize(NamedTuple):
    """What one split of a table holds."""

    name: str
    examples: int
    num_bytes: int


@dataclass(frozen=True)
class ConfigFiles:
    """One configuration of a release, as its card names it."""

    name: str
    data_files: dict[str, str]  # pattern by split
    features: list[dict[str, Any]]  # as the card writes them
    splits: list[SplitSize]
    file_bytes: int
    drop_labels: bool = False


def describe_tables(
    name: str, root: Path, patterns: Mapping[str, str], features: list[dict[str, Any]], drop_labels: bool = False
) -> ConfigFiles:
    import pyarrow.parquet as pq

    sizes, file_bytes = [], 0
    for split, pattern in patterns.items():
        files = [file for file in root.glob(pattern.replace("/**", "/**/*")) if file.is_file()]
        read = [pq.read_metadata(file) for file in files if file.suffix == ".parquet"]
        held = sum(found.row_group(i).total_byte_size for found in read for i in range(found.num_row_groups))
        sizes.append(SplitSize(split, sum(found.num_rows for found in read), held))
        file_bytes += sum(file.stat().st_size for file in files)
    return ConfigFiles(name, dict(patterns), features, sizes, file_bytes, drop_labels)


def video_features(schema: pa.Schema) -> list[dict[str, Any]]:
    """As VideoFolder gives them: the video in the place of the file's name."""
    return [{"name": "video", "dtype": "video"} if f["name"] == FILE else f for f in features_yaml(schema)]


def clip_file(folder: Path, name: str) -> Path:
    """A clip's file; ``UserError`` where it is gone, or outside the folder."""
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"the clip file {path} is gone", "`cliploom build` writes the dataset again")
    return path
