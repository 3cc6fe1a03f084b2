"""Taking videos out of tar archives of samples, such as a release as a WebDataset holds."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ...engine.contract.errors import UserError
from ...engine.storage.files import read_json, replace_file, write_json
from ...schemas.features import schema_of
from ..release.reading import CARD, config_files, default_config

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK, _RECORD, _COPY = 512, 10_240, 1 << 20  # bytes
_INDEX = "wids-shard-index-v1"
_BATCH_ROWS = 2_048
_PUBLISH_AGAIN = "take it out of the dataset folder that was published, and publish that again"


class TarSample(NamedTuple):
    """The files of one sample, one after the other, and what its ``json`` says."""

    row: dict[str, Any]
    start: int  # byte of the archive
    end: int


def read_samples(path: Path) -> Iterator[TarSample]:
    """The samples of an archive, in order.

    Raises:
        UserError: it is no archive, or one of its samples does not say which video it is of.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            for key, members in groupby(tar, key=_key):
                held = [(member, member.offset_data + -(-member.size // _BLOCK) * _BLOCK) for member in members]
                told = next((member for member, _ in held if member.name.endswith(".json")), None)
                content = tar.extractfile(told) if told is not None else None
                row = json.loads(content.read()) if content is not None else None
                if not isinstance(row, dict) or not row.keys() & {"video_id", "clip_id"}:
                    raise _unknown(path, key)
                yield TarSample(row, held[0][0].offset, held[-1][1])
                tar.members = []  # type: ignore[attr-defined]  # it keeps every header otherwise
    except (tarfile.TarError, json.JSONDecodeError, UnicodeDecodeError):
        raise _unknown(path, "its contents") from None


def _key(member: tarfile.TarInfo) -> str:
    name = PurePosixPath(member.name)
    return str(name.parent / name.name.partition(".")[0])


def _unknown(path: Path, key: str) -> UserError:
    said = f"{path} holds {key}, and nothing says which video that is of"
    return UserError(said, _PUBLISH_AGAIN)


def write_sample_table(root: Path, front: Mapping[str, Any], folder: Path) -> dict[str, list[Path]]:
    """What the samples of a card's default table say, as Parquet files by split; none where it has no archives.

    Raises:
        UserError: the card does not say what a sample holds, or a sample holds something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    config = default_config(front)
    found = {split: files for split, files in config_files(root, config, ".tar").items() if files}
    made: dict[str, list[Path]] = {}
    for split, files in found.items():
        schema, table = _sample_schema(root, front, str(config.get("config_name", ""))), folder / f"{split}.parquet"
        folder.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(table, schema, compression="zstd") as writer:
            for file in files:
                rows = (sample.row for sample in read_samples(file))
                while batch := list(islice(rows, _BATCH_ROWS)):
                    try:
                        writer.write_table(pa.Table.from_pylist(batch, schema))
                    except (pa.ArrowException, TypeError) as error:
                        said = f"a sample of {file} does not hold what {CARD} says: {error}"
                        raise UserError(said, _PUBLISH_AGAIN) from None
        made[split] = [table]
    return made


def _sample_schema(root: Path, front: Mapping[str, Any], name: str) -> pa.Schema:
    """The columns that the ``json`` of a sample has, by ``dataset_info`` of the card."""
    infos = front.get("dataset_info") or ()
    for info in [infos] if isinstance(infos, Mapping) else infos:
        for feature in info.get("features") or () if info.get("config_name", name) == name else ():
            if feature.get("name") == "json":
                try:
                    return schema_of(feature.get("struct"))
                except ValueError:
                    break
    raise UserError(f"{root / CARD} does not say what its samples hold (`dataset_info`)", _PUBLISH_AGAIN)


def filter_archive(path: Path, stays: Callable[[dict[str, Any]], bool]) -> None:
    """Rewrite an archive without some of its samples; one of which nothing stays is deleted."""
    samples = [(stays(sample.row), sample.start, sample.end) for sample in read_samples(path)]
    kept = [(start, end) for stay, start, end in samples if stay]
    if len(kept) == len(samples):
        return
    if not kept:
        path.unlink()
        return
    with replace_file(path) as part, path.open("rb") as source, open(part, "wb") as out:
        for start, end in kept:
            _copy(source, out, start, end)
        end = 2 * _BLOCK
        out.write(b"\0" * (end + -(out.tell() + end) % _RECORD))


def _copy(source: IO[bytes], out: IO[bytes], start: int, end: int) -> None:
    source.seek(start)
    while left := end - source.tell():
        out.write(source.read(min(left, _COPY)))


def write_indexes(root: Path) -> None:
    """Make the indexes of archives true again; one without archives is deleted."""
    for path in sorted(root.rglob("*-index.json")):
        told = read_json(path) or {}
        if told.get("__kind__") != _INDEX:
            continue
        shards = [shard for shard in told.get("shardlist") or () if (path.parent / shard["url"]).is_file()]
        if not shards:
            path.unlink()
            continue
        for shard in shards:
            file = path.parent / shard["url"]
            shard |= {"nsamples": sum(1 for _ in read_samples(file)), "filesize": os.path.getsize(file)}
        write_json(path, {**told, "shardlist": shards})
