"""The folder that is published: the tables and files of a release in one of the layouts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.contract.errors import UserError
from ...schemas.features import media_field
from ..release.columns import FILE, file_features, file_kind, files_of
from ..release.files import GROUP_BYTES, put_file
from ..release.subsets import part_name
from .config_files import ClipFolder, ConfigFiles, SplitSize, describe_patterns
from .embedding import embed_files
from .options import CONFIGS, DEFAULT, LINKS, PARQUET, VIDEOFOLDER, WEBDATASET, PublishOptions
from .samples import TarConfig
from .side_tables import SideTable, SideTables, open_side_tables
from .source import DatasetSource
from .table_config import TableConfig

if TYPE_CHECKING:
    import pyarrow as pa

LINK_COLUMNS = ("clip_id", "video_id", "uri", "start_s", "end_s", "caption", "license")
_BATCH_ROWS = 4_096
_EMBED_BYTES = GROUP_BYTES  # of videos that are held at once: one row group


@dataclass(frozen=True)
class ReleaseFolder:
    """A folder with all files of a release but its card."""

    folder: Path
    layout: str
    configs: list[ConfigFiles]

    def save(self, path: Path) -> None:
        """Write down what it holds."""
        path.write_text(json.dumps([self.layout, [asdict(c) for c in self.configs]]), encoding="utf-8")


def load_release(folder: Path, path: Path) -> ReleaseFolder:
    """What ``save`` wrote."""
    layout, configs = json.loads(path.read_text(encoding="utf-8"))
    made = [ConfigFiles(**{**c, "splits": [SplitSize(*s) for s in c["splits"]]}) for c in configs]
    return ReleaseFolder(folder, layout, made)


def choose_layout(source: DatasetSource, options: PublishOptions) -> str:
    """The layout; ``UserError`` for one that needs clip files where there are none."""
    layout = options.layout or (PARQUET if options.embed or not source.with_files else VIDEOFOLDER)
    if not source.with_files and (layout in (VIDEOFOLDER, WEBDATASET) or options.embed):
        what = "bytes in the table" if options.embed else f"the layout {layout}"
        raise UserError(
            f"{what} needs clip files, and this dataset publishes times (`media: virtual`)",
            "give builders.clips `cut: smart` and cards.dataset `media: files`, or publish `parquet` or `links`",
        )
    if layout == WEBDATASET and files_of(source.schema) == "mixed":
        raise UserError(
            "`datasets` reads no tar archives of which some samples hold a video and some an image",
            "publish `videofolder` or `parquet`, or a dataset of each: filters.keep with `kind = 'image'`",
        )
    return layout


def write_release(source: DatasetSource, folder: Path, options: PublishOptions) -> ReleaseFolder:
    """Fill an empty folder with the files of a release.

    Raises:
        UserError: the layout cannot hold this dataset, or a clip's file is gone.
    """
    layout = choose_layout(source, options)
    configs = _default(source, folder, layout, options.embed)
    with open_side_tables(source, options.configs or CONFIGS, folder.with_name("spill")) as side:
        configs += [_side(side, table, source, folder, layout) for table in side.tables]
    return ReleaseFolder(folder, layout, configs)


def _default(source: DatasetSource, folder: Path, layout: str, embed: bool) -> list[ConfigFiles]:
    """The table `default` and its subsets."""
    wanted = [None, *source.nested()]
    if layout == VIDEOFOLDER or (layout == PARQUET and not source.with_files):
        patterns, features = _link_files(source, folder), file_features(source.schema)
        return [describe_patterns(DEFAULT, folder, patterns, features, one, layout == VIDEOFOLDER) for one in wanted]
    schema = _table_schema(source.schema, layout, embed)
    made: TarConfig | TableConfig = (
        TarConfig(DEFAULT, folder, "data", source.schema)
        if layout == WEBDATASET
        else TableConfig(DEFAULT, folder, "data", schema)
    )
    for split in source.tables:
        for part in source.parts(split):
            rows = read_rows(part.files, LINK_COLUMNS if layout == LINKS else source.schema.names)
            if isinstance(made, TarConfig):
                made.write(split, rows, part.name, part.folder)
            else:
                made.write(split, _with_bytes(rows, part.folder, schema) if embed else rows, part.name)
    return [made.describe(one) for one in wanted]


def _table_schema(schema: pa.Schema, layout: str, embed: bool) -> pa.Schema:
    import pyarrow as pa

    names = [name for name in (LINK_COLUMNS if layout == LINKS else schema.names) if name in schema.names]
    plain = pa.schema([schema.field(name) for name in names if name != FILE])
    return pa.schema([media_field(file_kind(schema), "the clip's own file"), *plain]) if embed else plain


def read_rows(files: Sequence[Path], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of Parquet files, in order, with those of some columns that they have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in files:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(_BATCH_ROWS, columns=columns):
                yield pa.Table.from_batches([batch])


def _with_bytes(rows: Iterator[pa.Table], folder: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    import pyarrow as pa

    clips = ClipFolder(folder)
    for table in rows:
        files = [clips.file(name) if name else None for name in table.column(FILE).to_pylist()]
        start = held = 0
        for at, file in enumerate(files):
            held += file.stat().st_size if file else 0
            if held >= _EMBED_BYTES or at == len(files) - 1:
                part = table.slice(start, at + 1 - start)
                columns = [part.column(name) for name in schema.names[1:]]
                yield pa.Table.from_arrays([embed_files(files[start : at + 1]), *columns], schema=schema)
                start, held = at + 1, 0


def _link_files(source: DatasetSource, folder: Path) -> dict[str, dict[str, str]]:
    """The dataset's own files; returns their patterns by split and part."""
    patterns: dict[str, dict[str, str]] = {}
    for split in source.tables:
        for part in source.parts(split):
            place, clips = part.folder.relative_to(source.root), ClipFolder(part.folder)
            for table in read_rows(part.files) if source.with_files else ():
                for name in table.column(FILE).drop_null().to_pylist():  # null: its times alone may be passed on
                    put_file(clips.file(name), folder / place / name)
            for file in part.files:
                put_file(file, folder / place / file.name)
            inside = "**" if source.with_files else f"{part_name(split, part.name)}-*.parquet"
            patterns.setdefault(split, {})[part.name] = (place / inside).as_posix()
    return patterns


def _side(side: SideTables, table: SideTable, source: DatasetSource, folder: Path, layout: str) -> ConfigFiles:
    if table.name in source.tables:
        raise UserError(f"a split and a table are both called {table.name}", "give the split another name")
    if layout == WEBDATASET:
        tars = TarConfig(table.name, folder, table.name, table.schema)
        for split in source.tables:
            tars.write(split, side.read(table, split))
        return tars.describe()
    tables = TableConfig(
        table.name, folder, table.name, table.schema, file_kind(source.schema) if layout == VIDEOFOLDER else ""
    )
    for split in source.tables:
        tables.write(split, side.read(table, split))
    return tables.describe()
