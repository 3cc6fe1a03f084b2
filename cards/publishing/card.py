"""What a release says of itself: its card, and the files that belong to the card."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from ...schemas.features import MEDIA
from ..release.reading import CARD
from .config_files import ConfigFiles
from .croissant import release_croissant
from .options import DEFAULT, VIDEOFOLDER
from .release_folder import ReleaseFolder
from .source import DatasetSource

FOLDER = "path/to/this/folder"
_READERS = {
    "webdataset": "Each row is a sample of a tar archive: its columns are under `json`, its caption is `txt`.",
    "links": "It holds times and texts, not pictures: a clip is `[start_s, end_s)` of the video that `uri` names.",
}


def card_files(source: DatasetSource, release: ReleaseFolder, version: str, place: str = FOLDER) -> dict[str, bytes]:
    """``README.md`` and what lies beside it, by path in the release; ``place`` is what one loads it by.

    The text is the dataset's own card; what it says of the files (``configs``, ``dataset_info``, how to load it) is
    written anew from what is published.
    """
    text = f"---\n{_yaml(front_matter(source, release, version))}---\n{_body(source, release, place)}"
    beside = {path: (source.root / path).read_bytes() for path in _beside(source)}
    return beside | release_croissant(source, release, version) | {CARD: text.encode()}


def front_matter(source: DatasetSource, release: ReleaseFolder, version: str) -> dict[str, Any]:
    """The YAML of the release's card."""
    front = {key: value for key, value in source.front.items() if key not in ("configs", "dataset_info", "version")}
    configs = [_config(config) for config in release.configs]
    infos = [_info(config) for config in release.configs]
    return {**front, "version": version, "configs": configs, "dataset_info": infos}


def _config(config: ConfigFiles) -> dict[str, Any]:
    files = [{"split": s, "path": paths[0] if len(paths) == 1 else paths} for s, paths in config.data_files.items()]
    said: dict[str, Any] = {"config_name": config.name, "data_files": files}
    said |= {"default": True} if config.name == DEFAULT else {}
    return said | ({"drop_labels": True} if config.drop_labels else {})  # else folder names become labels


def _info(config: ConfigFiles) -> dict[str, Any]:
    splits = [{"name": s.name, "num_bytes": s.num_bytes, "num_examples": s.examples} for s in config.splits]
    size = sum(split.num_bytes for split in config.splits)
    sizes = {"download_size": config.file_bytes, "dataset_size": size}
    return {"config_name": config.name, "features": config.features, "splits": splits, **sizes}


def _body(source: DatasetSource, release: ReleaseFolder, place: str) -> str:
    section = "\n".join(["## Loading", "", *_loading(release, place), ""])
    body, found = re.subn(
        r"^## Loading\n.*?(?=^## |\Z)", lambda _: section + "\n", source.body, count=1, flags=re.M | re.S
    )
    return body if found else f"{source.body.rstrip()}\n\n{section}"


def _loading(release: ReleaseFolder, place: str) -> Iterator[str]:
    first = release.configs[0]
    videos = [f["name"] for f in first.features if f.get("dtype") == "video"]
    kind = next((f["dtype"] for f in first.features if f.get("dtype") in MEDIA), "video")
    split = next(iter(first.data_files))
    yield from ("```python", f"from datasets import load_dataset{', Video' if videos else ''}", "", "")
    yield f'data = load_dataset("{place}", split="{split}")'
    for name in videos:
        line = f'data = data.cast_column("{name}", Video(decode=False))'
        yield f"{line}  # paths; leave this line out to decode with torchcodec"
    yield from (f'more = load_dataset("{place}", "{c.name}", split="{split}")' for c in release.configs[1:2])
    yield from ("```", "")
    if release.layout in _READERS:
        yield from (_READERS[release.layout], "")
    yield from ("| table | rows | columns |", "|---|---|---|")
    for config in release.configs:
        rows = ", ".join(f"{size.name} {size.examples:,}" for size in config.splits)
        columns = ", ".join(f"`{feature['name']}`" for feature in config.features)
        yield f"| `{config.name}` | {rows} | {columns} |"
    if release.layout == VIDEOFOLDER and len(release.configs) > 1:
        yield ""
        yield (
            f"`datasets` reads all tables of a repository with one reader, here that of {kind} folders: the tables"
            f" beside `default` have a column `{kind}s` that is empty."
        )


def _beside(source: DatasetSource) -> Iterator[str]:
    """The files of the dataset folder that are no data."""
    own = source.root
    data = {split if source.with_files else "data" for split in source.tables}
    for file in sorted(own.rglob("*")):
        path = file.relative_to(own)
        if file.is_file() and path.parts[0] not in data and path.as_posix() != CARD:
            yield path.as_posix()


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text
