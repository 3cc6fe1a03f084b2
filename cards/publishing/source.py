"""What is published: a dataset folder as ``cards.dataset`` wrote it, and the build that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.build import Build
from ...engine.contract.errors import UserError
from ..release.columns import FILE
from ..release.reading import CARD, DatasetFolder, split_card
from ..release.subsets import REST, Subset
from ..rights.takedown import takedown_under_way

if TYPE_CHECKING:
    import pyarrow as pa


class DatasetSource(NamedTuple):
    """A dataset folder and its build, where that is there."""

    root: Path
    front: dict[str, Any]  # YAML of its card
    body: str  # text of its card
    tables: Mapping[str, Sequence[Path]]  # Parquet files by split, in the card's order
    schema: pa.Schema
    build: Build | None
    subsets: Mapping[str, Mapping[str, Sequence[Path]]]  # the same of its subsets, from the smallest on

    @property
    def with_files(self) -> bool:
        """Has each clip a file of its own?"""
        return FILE in self.schema.names

    def nested(self) -> list[Subset]:
        """Its subsets, each with the parts that it holds."""
        names = list(self.subsets)
        return [Subset(name, tuple(names[: n + 1])) for n, name in enumerate(names)]

    def parts(self, split: str) -> Iterator[SplitPart]:
        """The parts of a split, one after the other: first that of the smallest subset."""
        inside = {file: name for name, tables in reversed(list(self.subsets.items())) for file in tables.get(split, ())}
        for name, files in groupby(self.tables[split], key=lambda file: inside.get(file, REST)):
            yield SplitPart(name if self.subsets else "", list(files))


class SplitPart(NamedTuple):
    """A part of a split: its name, empty where there are no subsets, and its Parquet files."""

    name: str
    files: list[Path]

    @property
    def folder(self) -> Path:
        """Where its clip files' names start."""
        return self.files[0].parent


def read_source(dataset: DatasetFolder) -> DatasetSource:
    """A dataset folder as something to publish.

    Raises:
        UserError: it is not what its build's tables hold now, or a takedown of it was cut off.
    """
    if takedown_under_way(dataset.root):
        raise UserError(f"a takedown in {dataset.root} was cut off", "run `cliploom takedown` on it again")
    build = Build.read(dataset.build) if dataset.build else None
    if build and any(stage.table == "entries" and not stage.finished for stage in build.funnel()):
        said = f"the dataset of {build.root} is not what its tables hold now"
        raise UserError(said, "run `cliploom build` to its end")
    return make_source(dataset, build)


def make_source(dataset: DatasetFolder, build: Build | None) -> DatasetSource:
    """The same with a build that is at hand. Splits without rows are left out."""
    import pyarrow.parquet as pq

    tables = {split: files for split, files in dataset.splits.items() if any(map(_rows, files))}
    if not tables:  # `datasets` reads no table without rows
        raise UserError(f"the dataset {dataset.root} has no rows", "there is nothing to publish")
    schema = pq.read_schema(next(iter(tables.values()))[0])
    return DatasetSource(dataset.root, dataset.front, dataset.body, tables, schema, build, dataset.subsets)


def _rows(file: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows)


def paths_of(file: Mapping[str, Any]) -> list[str]:
    """The patterns that an entry of a card's ``data_files`` names."""
    paths = file.get("path") or ()
    return [paths] if isinstance(paths, str) else [str(path) for path in paths]


def read_card(text: str) -> tuple[dict[str, Any], str]:
    """A card's YAML and text; no YAML where there is none that can be read."""
    try:
        return split_card(text, Path(CARD))
    except UserError:
        return {}, text
