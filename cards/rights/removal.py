"""Taking videos out of a dataset folder that is written: rows, files, and what the card shows of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ...engine.contract.errors import UserError
from ...engine.contract.words import number_of
from ...engine.storage.files import read_json, replace_file, write_json, write_text
from ...schemas.tables import markdown_text
from ..card.changelog import add_entry
from ..card.figures import FOLDER, draw_figures
from ..card.statistics import read_statistics
from ..release.columns import FILE
from ..release.reading import CARD, DatasetFolder, columns_of, config_files, open_dataset, open_tables, split_card
from ..release.staging import remove_staging
from ..release.words import short_text
from .archives import filter_archive, read_samples, write_indexes, write_sample_table
from .takedown import TOMBSTONES, UNDER_WAY, Takedown, Tombstones, read_tombstones, taken_down, tombstone_text

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

HEADING = "Takedown, not yet released"
_CLOSED = (".tgz", ".gz", ".zip")  # nothing can be taken out of these, and nothing here writes them
_SCRATCH = "takedown.part"


class Removal(NamedTuple):
    """What left a dataset."""

    videos: int
    clips: int
    files: int
    version: str  # of the dataset now; empty where it has none yet


def remove_videos(root: Path, takedown: Takedown) -> Removal:
    """Take out of a dataset folder what a list names.

    Its rows leave every table, its samples every archive of tar; its files go, and the examples on the card.
    The number of what was taken down stays, on the card and in ``takedown.json``. A kill leaves a folder that the
    next call finishes.

    Raises:
        UserError: the folder holds archives of which nothing says what is in them.
    """
    try:
        return _remove(root, takedown)
    finally:
        shutil.rmtree(root / _SCRATCH, ignore_errors=True)


def _remove(root: Path, takedown: Takedown) -> Removal:
    _finish(root)
    dataset = _open(root)
    gone, before = _find(dataset, takedown), read_tombstones(dataset.root)
    if not gone.clips:
        return Removal(0, 0, 0, str(dataset.front.get("version", "")))
    for file in sorted(root.rglob("*.tar")):
        for _ in read_samples(file):  # before anything goes: can all of it be told apart?
            pass
    archives = sorted(file.name for file in root.rglob("*") if file.suffix in _CLOSED)
    if archives:
        raise UserError(
            f"{dataset.root} holds archives such as {archives[0]}, from which nothing can be taken",
            "take it out of the dataset folder that was published, and publish that again",
        )
    version = _next(str(dataset.front.get("version", "")))
    after = Tombstones(before.videos + len(gone.videos), before.clips + len(gone.clips))
    wanted = {"video_ids": sorted(gone.videos), "version": version, "here": [len(gone.videos), len(gone.clips)]}
    write_json(dataset.root / UNDER_WAY, {**wanted, "after": after._asdict()})
    _finish(root)
    return Removal(len(gone.videos), len(gone.clips), len(gone.files), version)


def _open(root: Path) -> DatasetFolder:
    """A dataset folder; of one of archives the table is made of what their samples say."""
    front, _ = split_card((root / CARD).read_text(encoding="utf-8", errors="replace"), root / CARD)
    shutil.rmtree(root / _SCRATCH, ignore_errors=True)
    return open_dataset(root, write_sample_table(root, front, root / _SCRATCH))


def _finish(root: Path) -> None:
    """Do what was begun, if anything was; each part of it may be done again."""
    wanted = read_json(root / UNDER_WAY)
    if wanted is None:
        return
    remove_staging(root)  # it has links to the files
    dataset = _open(root)
    gone = _find(dataset, Takedown(video_id=frozenset(wanted["video_ids"])))
    for file in gone.files:  # before the rows: they are what finds them again after a kill
        (dataset.root / file).unlink(missing_ok=True)
    gone = gone._replace(videos=set(wanted["video_ids"]))
    for table in sorted(dataset.root.rglob("*.parquet")):
        _filter_table(table, gone)
    for archive in sorted(dataset.root.rglob("*.tar")):
        filter_archive(archive, gone.spares)
    write_indexes(dataset.root)
    after, version = Tombstones(**wanted["after"]), str(wanted["version"])
    _rewrite_card(dataset, after, version)
    write_json(dataset.root / TOMBSTONES, after._asdict())
    videos, clips = wanted["here"]
    add_entry(dataset.root, version or HEADING, [taken_down(Tombstones(videos, clips))])
    (dataset.root / UNDER_WAY).unlink()


class _Found(NamedTuple):
    videos: set[str]
    clips: set[str]
    files: list[str]  # relative to the dataset folder

    def spares(self, row: Mapping[str, Any]) -> bool:
        """Does a row that says what it is of stay?"""
        return row["video_id"] not in self.videos if "video_id" in row else row["clip_id"] not in self.clips


def _find(dataset: DatasetFolder, takedown: Takedown) -> _Found:
    with open_tables(dataset) as db:
        names = [name for name, *_ in db.execute("DESCRIBE published").fetchall()]
        wanted = [name if name in names else f"'' AS {name}" for name in ("uploader", "uri", "source_sha256", FILE)]
        query = f"SELECT clip_id, video_id, _folder, {', '.join(wanted)} FROM published"
        cursor, found = db.execute(query), _Found(set(), set(), [])
        while rows := cursor.fetchmany(4096):
            for clip, video, folder, uploader, uri, sha256, file in rows:
                if takedown.names(video, uploader or "", uri or "", sha256 or ""):
                    found.videos.add(video)
                    found.clips.add(clip)
                    found.files.extend([f"{folder}/{file}".removeprefix("./")] if file else [])
    return found


def _filter_table(path: Path, gone: _Found) -> None:
    """Rewrite a table without the rows of what is gone, row group by row group, encoded as it was."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as source:
        schema = source.schema_arrow
        if not {"video_id", "clip_id"} & set(schema.names):
            return
        if not any(len(group) for group in _lost(source, gone)):
            return
        packed = _compression(source)
        with replace_file(path) as part, pq.ParquetWriter(
            part, schema, compression=packed, write_page_index=True, use_content_defined_chunking=True
        ) as writer:  # fmt: skip
            for number in range(source.num_row_groups):
                left = source.read_row_group(number)
                left = left.filter(_mask(left, gone))
                if len(left):
                    writer.write_table(left, row_group_size=len(left))


def _lost(source: Any, gone: _Found) -> Iterator[pa.Table]:
    import pyarrow.compute as pc

    for number in range(source.num_row_groups):
        columns = [name for name in ("video_id", "clip_id") if name in source.schema_arrow.names]
        group = source.read_row_group(number, columns=columns)
        yield group.filter(pc.invert(_mask(group, gone)))


def _mask(table: pa.Table, gone: _Found) -> Any:
    """The rows that stay."""
    import pyarrow as pa
    import pyarrow.compute as pc

    name, values = ("video_id", gone.videos) if "video_id" in table.column_names else ("clip_id", gone.clips)
    return pc.invert(pc.is_in(table.column(name), value_set=pa.array(sorted(values), pa.string())))


def _compression(source: Any) -> dict[str, str] | str:
    if not source.num_row_groups:
        return "zstd"
    group = source.metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return {c.path_in_schema: {"UNCOMPRESSED": "none"}.get(c.compression, c.compression.lower()) for c in columns}


_SOURCES_HEAD = "|".join(  # a look back has one length
    rf"(?<=^\| licence as the source states it \| published by \| {sources} \|\n)"
    for sources in ("source videos", "source images", "source texts", "sources")
)


def _rewrite_card(dataset: DatasetFolder, gone: Tombstones, version: str) -> None:
    """Put right what the card says of the tables; of the rest it says that it is of before."""
    left = _open(dataset.root)
    with open_tables(left) as db:
        numbers = read_statistics(db)
        sources = _source_table(db)
    for file in (dataset.root / FOLDER).glob("*"):
        if file.stem != "funnel":
            file.unlink()
    figures = draw_figures(dataset.root, [], [], numbers)
    front = {**left.front, **({"version": version} if version else {})}
    _count_again(dataset.root, front)
    left_over = f"{number_of(numbers.rows, 'clip')} of {number_of(numbers.videos, 'source')} stayed"
    shown = "\n".join(f"![{figure.path.rpartition('/')[2]}]({figure.path})" for figure in figures)
    body = left.body
    for pattern, text in (
        (r"^## Examples\n.*?(?=^## |\Z)", ""),
        (r"^!\[[^\n]*\]\(card-figures/(?!funnel\.)[^\n)]*\)\n", ""),
        (r"^> \*\*(One caption stands on|Videos were taken down)[^\n]*\n\n", ""),
        (r"^(Nothing was taken down so far\.|[\d,]+ source videos? with [\d,]+ clips? w[^\n]*)$", tombstone_text(gone)),
        (rf"(?:{_SOURCES_HEAD})(\|[^\n]*\n)+", sources),
        (r"(?<=^## Statistics\n\n)", f"{shown}\n\n"),
        (r"(?<=\n\n)(?=\S)", f"> **Videos were taken down** after this card was written: {left_over}. {_STALE}\n\n"),
    ):
        body = re.sub(pattern, lambda _, text=text: text, body, count=1 if text else 0, flags=re.M | re.S)
    front_text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    write_text(dataset.root / CARD, f"---\n{front_text}---\n{body}")
    croissant = dataset.root / "croissant.json"
    if croissant.is_file():
        told = json.loads(croissant.read_text(encoding="utf-8"))
        told["description"] = f"{left_over}, {numbers.seconds:,.0f} s."
        write_json(croissant, told)


_STALE = "Its other numbers are of before, until the dataset is built again."


def _source_table(db: duckdb.DuckDBPyConnection) -> str:
    """The rows of the card's table of sources, of what is left."""
    columns = columns_of(db)
    license_, uploader = (name if name in columns else "''" for name in ("license", "uploader"))
    query = (
        f"SELECT {license_}, {uploader}, count(DISTINCT video_id) AS n FROM published"
        " GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT 25"
    )
    lines = []
    for *texts, n in db.execute(query).fetchall():
        stated, who = (markdown_text(short_text(text or "not stated")) for text in texts)
        lines.append(f"| {stated} | {who} | {n:,} |")
    return "\n".join(["|---|---|---:|", *lines, ""])


def _count_again(root: Path, front: dict[str, Any]) -> None:
    """Put right how many rows a card says its tables have; what has no files any more is none of its splits."""
    configs, infos = list(front.get("configs") or ()), _infos(front)
    for config in configs:
        rows = _rows(root, config)
        config["data_files"] = [file for file in config["data_files"] if file["split"] in rows]
        for info in infos:
            if str(info.get("config_name", "default")) == str(config["config_name"]):
                splits = [split for split in info.get("splits") or () if split["name"] in rows]
                info["splits"] = [{**split, "num_examples": rows[split["name"]]} for split in splits]
    front["configs"] = [config for config in configs if config["data_files"]]
    if isinstance(front.get("dataset_info"), list):
        front["dataset_info"] = [info for info in infos if info.get("splits")]


def _rows(root: Path, config: Mapping[str, Any]) -> dict[str, int]:
    """The rows of a configuration by split, of splits that have files."""
    import pyarrow.parquet as pq

    rows: dict[str, int] = {}
    for split, files in config_files(root, config).items():
        if files:
            rows[split] = sum(pq.read_metadata(file).num_rows for file in files)
    for split, files in config_files(root, config, ".tar").items():
        if files:
            rows[split] = rows.get(split, 0) + sum(1 for file in files for _ in read_samples(file))
    return rows


def _infos(front: Mapping[str, Any]) -> list[dict[str, Any]]:
    infos = front.get("dataset_info") or []
    return [infos] if isinstance(infos, dict) else list(infos)


def _next(version: str) -> str:
    """The version after it, as rows that leave make it; empty where there is none yet."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.\d+", version)
    return f"{found[1]}.{int(found[2]) + 1}.0" if found else ""
