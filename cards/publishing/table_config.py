"""A configuration of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...schemas.features import features_yaml
from ..release.columns import FILE
from ..release.files import TableFiles
from .config_files import ConfigFiles, describe_tables

if TYPE_CHECKING:
    import pyarrow as pa


class TableConfig:
    """A configuration of Parquet files, ``<name>/<split>-*.parquet``.

    ``datasets`` reads all tables of a repository with the reader of the first, so beside a VideoFolder a table has to
    be one: ``<name>/<split>/metadata.parquet``, with a list of file names that is empty throughout. (A null name would
    do for datasets 5, and not for 4.)
    """

    def __init__(self, name: str, root: Path, folder: str, schema: pa.Schema, as_metadata: bool = False) -> None:

        self.name, self.root, self.folder, self.as_metadata = name, root, folder, as_metadata
        self.schema = schema.append(_no_files()) if as_metadata else schema
        self.patterns: dict[str, str] = {}

    def write(self, split: str, rows: Iterator[pa.Table]) -> None:
        """Write one split; one without rows is left out."""
        import pyarrow as pa

        out: TableFiles | None = None
        for table in rows:
            if out is None:
                out = self._open(split)
            if self.as_metadata:
                field = _no_files()
                table = table.append_column(field, pa.array([[]] * len(table), field.type))
            out.add(table.select(self.schema.names).cast(self.schema))
        if out is not None:
            out.finish()

    def _open(self, split: str) -> TableFiles:
        if self.as_metadata:
            self.patterns[split] = f"{self.folder}/{split}/metadata.parquet"
            return TableFiles(self.root / self.folder / split, "metadata", self.schema, sharded=False)
        self.patterns[split] = f"{self.folder}/{split}-*.parquet"
        return TableFiles(self.root / self.folder, split, self.schema, sharded=True)

    def config_files(self) -> ConfigFiles:
        """What was written."""
        found = features_yaml(self.schema)
        if self.as_metadata:
            found[-1] = {"name": found[-1]["name"], "list": [{"name": "video", "dtype": "video"}]}
        return describe_tables(self.name, self.root, self.patterns, found, drop_labels=self.as_metadata)


def _no_files() -> pa.Field:
    import pyarrow as pa

    doc = {"doc": "empty: the videos are in the table `default`"}
    return pa.field("videos", pa.list_(pa.struct([pa.field(FILE, pa.string())])), metadata=doc)
