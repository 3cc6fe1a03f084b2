"""Rows as WebDataset samples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...media.container import IMAGE_EXTENSIONS
from ...schemas.features import features_yaml
from ..release.columns import FILE
from ..release.subsets import Subset, part_name
from .config_files import ClipFolder, ConfigFiles, SplitSize, parts_of
from .tar_files import Content, TarFiles

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = re.compile(r"[A-Za-z0-9_-]{1,90}")  # a dot would end it


class TarConfig:
    """A configuration of tar archives: of each row ``json``, of a clip its file and its caption as ``txt`` too."""

    def __init__(self, name: str, root: Path, folder: str, schema: pa.Schema) -> None:
        import pyarrow as pa

        self.name, self.root, self.folder = name, root, folder
        self.schema = pa.schema([field for field in schema if field.name != FILE])
        self.has_text = FILE in schema.names and "caption" in schema.names
        self.suffixes: set[str] = set()
        self.samples: dict[str, dict[str, int]] = {}  # by split and part

    def write(self, split: str, rows: Iterator[pa.Table], part: str = "", media: Path | None = None) -> None:
        """Write one split, or a part of it, with the files in ``media`` that a column names; none without rows."""
        out: TarFiles | None = None
        clips = ClipFolder(media) if media is not None else None
        for table in rows:
            out = out or TarFiles(self.root / self.folder, part_name(split, part))
            for row in table.to_pylist():
                number = out.total + out.samples
                files: dict[str, Content] = {}
                if clips is not None and (name := row.pop(FILE)):  # null: its times alone may be passed on
                    clip = clips.file(name)
                    suffix = clip.suffix[1:].lower()
                    self.suffixes.add(suffix)
                    files[suffix] = clip
                if self.has_text:
                    files["txt"] = (row["caption"] or "").encode()
                files["json"] = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
                out.add(_key(row, number, clips is not None), files)
        if out is not None:
            samples = self.samples.setdefault(split, {})
            samples[part] = samples.get(part, 0) + out.finish()

    def describe(self, subset: Subset | None = None) -> ConfigFiles:
        """What was written, or a subset of it."""
        sizes, patterns = [], {}
        for split, samples in self.samples.items():
            names = parts_of({part: part_name(split, part) for part in samples}, subset)
            found = [file for name in names for file in (self.root / self.folder).glob(f"{name}-[0-9]*.tar")]
            if names:
                size = sum(file.stat().st_size for file in found)
                sizes.append(SplitSize(split, sum(parts_of(samples, subset)), size))
                patterns[split] = [f"{self.folder}/{name}-*.tar" for name in names]
        name, size = subset.name if subset else self.name, sum(size.num_bytes for size in sizes)
        return ConfigFiles(name, patterns, self._features(), sizes, size)

    def _features(self) -> list[dict[str, Any]]:
        """As the reader of ``datasets`` gives them: a column a file extension."""
        made: list[dict[str, Any]] = [
            {"name": suffix, "dtype": "image" if suffix in IMAGE_EXTENSIONS else "video"}
            for suffix in sorted(self.suffixes)
        ]
        made += [{"name": "txt", "dtype": "string"}] if self.has_text else []
        made += [{"name": "json", "struct": features_yaml(self.schema)}]
        return [*made, {"name": "__key__", "dtype": "string"}, {"name": "__url__", "dtype": "string"}]


def _key(row: dict[str, Any], number: int, is_clip: bool) -> str:
    clip = row["clip_id"] if is_clip else ""
    return clip if _KEY.fullmatch(clip) else f"{number:09d}"
