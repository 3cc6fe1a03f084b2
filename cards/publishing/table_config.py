"""A configuration of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...schemas.features import features_yaml
from ..release.columns import FILE
from ..release.files import TableFiles
from ..release.subsets import Subset, part_name
from .config_files import ConfigFiles, describe_patterns

if TYPE_CHECKING:
    import pyarrow as pa


class TableConfig:
    """A configuration of Parquet files, ``<name>/<split>-*.parquet``.

    ``datasets`` reads all tables of a repository with the reader of the first, so beside a VideoFolder or an
    ImageFolder a table has to be one (``folder_of`` is `video` or `image`): ``<name>/<split>/metadata.parquet``, with a
    list of file names that is empty throughout. (A null name would do for datasets 5, and not for 4.)
    """

    def __init__(self, name: str, root: Path, folder: str, schema: pa.Schema, folder_of: str = "") -> None:
        self.name, self.root, self.folder, self.folder_of = name, root, folder, folder_of
        self.schema = schema.append(_no_files(folder_of)) if folder_of else schema
        self.patterns: dict[str, dict[str, str]] = {}  # by split and part

    def write(self, split: str, rows: Iterator[pa.Table], part: str = "") -> None:
        """Write one split, or a part of it; one without rows is left out."""
        import pyarrow as pa

        out: TableFiles | None = None
        for table in rows:
            if out is None:
                out = self._open(split, part)
            if self.folder_of:
                field = _no_files(self.folder_of)
                table = table.append_column(field, pa.array([[]] * len(table), field.type))
            out.add(table.select(self.schema.names).cast(self.schema))
            del table  # videos: only those of one row group are held
        if out is not None:
            out.finish()

    def _open(self, split: str, part: str) -> TableFiles:
        name, patterns = part_name(split, part), self.patterns.setdefault(split, {})
        if self.folder_of:
            patterns[part] = f"{self.folder}/{name}/metadata.parquet"
            return TableFiles(self.root / self.folder / name, "metadata", self.schema, sharded=False)
        patterns[part] = f"{self.folder}/{name}-*.parquet"
        return TableFiles(self.root / self.folder, name, self.schema, sharded=True)

    def describe(self, subset: Subset | None = None) -> ConfigFiles:
        """What was written, or a subset of it."""
        found = features_yaml(self.schema)
        if self.folder_of:
            found[-1] = {"name": found[-1]["name"], "list": [{"name": self.folder_of, "dtype": self.folder_of}]}
        return describe_patterns(self.name, self.root, self.patterns, found, subset, bool(self.folder_of))


def _no_files(kind: str) -> pa.Field:
    import pyarrow as pa

    doc = {"doc": f"empty: the {kind}s are in the table `default`"}
    return pa.field(f"{kind}s", pa.list_(pa.struct([pa.field(FILE, pa.string())])), metadata=doc)
