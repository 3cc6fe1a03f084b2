"""``croissant.json`` of a release: what the dataset folder's says of the data, and where the release has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...schemas.features import MEDIA
from ..card.croissant import FILE as CROISSANT
from ..card.croissant import PARQUET, RecordFiles, file_set, record_set
from ..release.columns import FILE
from .config_files import ConfigFiles
from .options import DEFAULT
from .release_folder import ReleaseFolder
from .side_tables import side_schema
from .source import DatasetSource

if TYPE_CHECKING:
    import pyarrow as pa

_KEYS = {"captions": "caption_id", "segments": "segment_id", "tags": "", "scores": "", "reviews": ""}


def release_croissant(source: DatasetSource, release: ReleaseFolder, version: str) -> dict[str, bytes]:
    """The file by its path; none where the dataset folder has none."""
    own = source.root / CROISSANT
    if not own.is_file():
        return {}
    told: dict[str, Any] = json.loads(own.read_text(encoding="utf-8"))
    told |= {"version": version} if version else {}
    found = [one for config in release.configs for one in _describe(source, config)]
    told["distribution"] = [file for files, _ in found for file in files]
    told["recordSet"] = [records for _, records in found]
    return {CROISSANT: (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()}


def _describe(source: DatasetSource, config: ConfigFiles) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """The sets of files and the records of each split of a table."""
    is_clips = config.name == DEFAULT or config.name in source.subsets
    told, names = _columns(config)
    import pyarrow as pa

    whole = source.schema if is_clips else side_schema(config.name)
    schema = pa.schema([field for field in whole if field.name in names and not (told == "json" and _is_deep(field))])
    for split, patterns in config.data_files.items():
        name = split if config.name == DEFAULT else f"{config.name}-{split}"
        about = f"of the split {split}" + ("" if config.name == DEFAULT else f", table {config.name}")
        files = [pattern.replace("/**", "/metadata.parquet") for pattern in patterns]
        sets = [file_set(f"files-{name}", f"the files {about}", files, PARQUET)]
        if told == "json":
            archives = file_set(f"archives-{name}", f"the archives {about}", files, "application/x-tar")
            sets = [
                archives,
                file_set(f"files-{name}", f"a row each {about}", ["*.json"], "application/json", f"archives-{name}"),
            ]
        rows = RecordFiles(f"files-{name}", is_json=told == "json")
        yield sets, record_set(name, f"the rows {about}", schema, rows, _KEYS.get(config.name, "clip_id"))


def _is_deep(field: pa.Field) -> bool:
    """Does a cell hold several values? Of JSON, readers of Croissant take columns of one value alone."""
    import pyarrow as pa

    return bool(pa.types.is_nested(field.type))


def _columns(config: ConfigFiles) -> tuple[str, list[str]]:
    """Where the columns are, ``json`` or ``table``, and their names in the schema."""
    inside = next((feature["struct"] for feature in config.features if feature["name"] == "json"), None)
    if inside is not None:
        return "json", [feature["name"] for feature in inside]
    linked = config.drop_labels  # a folder of media: `datasets` puts the file in the place of the file's name
    return "table", [FILE if linked and f.get("dtype") in MEDIA else f["name"] for f in config.features]
