"""What is published: a dataset folder as ``cards.dataset`` wrote it, and the build that it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.build import Build
from ...engine.contract.errors import UserError
from ..release.columns import FILE
from ..release.reading import CARD, DatasetFolder, split_card

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

    @property
    def with_files(self) -> bool:
        """Has each clip a file of its own?"""
        return FILE in self.schema.names


def read_source(dataset: DatasetFolder) -> DatasetSource:
    """A dataset folder as something to publish.

    Raises:
        UserError: it is not what its build's tables hold now.
    """
    build = Build.read(dataset.build) if dataset.build else None
    if build and any(stage.table == "entries" and not stage.finished for stage in build.funnel()):
        said = f"the dataset of {build.root} is not what its tables hold now"
        raise UserError(said, "run `cliploom build` to its end")
    return make_source(dataset, build)


def make_source(dataset: DatasetFolder, build: Build | None) -> DatasetSource:
    """The same with a build that is at hand."""
    import pyarrow.parquet as pq

    tables = {split: files for split, files in dataset.splits.items() if files}
    schema = pq.read_schema(next(iter(tables.values()))[0])
    return DatasetSource(dataset.root, dataset.front, dataset.body, tables, schema, build)


def read_card(text: str) -> tuple[dict[str, Any], str]:
    """A card's YAML and text; no YAML where there is none that can be read."""
    try:
        return split_card(text, Path(CARD))
    except UserError:
        return {}, text
