"""Lists of pictures and their texts, or of texts alone: which picture each row names, and what it says of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ...engine.contract.errors import UserError, nearest
from ...engine.storage.encodings import unicode_encoding
from ...engine.storage.sheets import read_sheet
from .captions import SourceCaption, read_captions, unique
from .json_lists import ListRow, read_json, read_jsonl
from .picture_tables import TableCell, table_rows
from .sidecars import clean, web_address

PICTURE_COLUMNS = (
    "image", "image_path", "image_file", "img", "img_path", "picture", "photo", "jpg", "jpeg", "png", "webp",
    "bytes", "image_bytes", "file", "file_name", "filename", "path", "file_path", "video", "video_path", "video_file",
    "clip_path", "image_url", "img_url", "photo_url", "url", "contenturl",
)  # fmt: skip
"""Names of the columns that may hold a picture, a path or a URL, in lower case; the first that holds one counts."""
_NO_PICTURE = "holds neither a picture nor a text"


@dataclass(slots=True, eq=False)
class PairLine:
    """What a list says of one picture, or one text."""

    where: str  # file and line of the first row
    picture: str | TableCell | None  # as it is spelled there: a path, a URL; or where it lies in a table
    told: dict[str, Any]
    captions: list[SourceCaption] = field(default_factory=list)
    problem: str = ""

    @property
    def url(self) -> str:
        """The address, for a picture that is a link; empty for another."""
        return web_address(self.picture) if isinstance(self.picture, str) else ""


def read_pair_list(path: str, image: str, captions: Sequence[str], split: str = "") -> Iterator[PairLine]:
    """The rows of a list. ``image`` names the column of the picture, ``captions`` those of its texts; empty: any usual.

    Raises:
        UserError: it cannot be read, or has no such column. Says the line.
    """
    name, first = os.path.basename(path), True
    try:
        for row in _rows(path, image):
            if first:
                _check_columns(f"{name}{row.place}", row.values, [c for c in (image, *captions) if c])
            first = False
            line = _line(f"{name}{row.place}", row, image, captions)
            yield line if not split else _in_split(line, split)
    except OSError as error:
        raise UserError(f"cannot read the list {path}: {error.strerror or error}") from None


def merge_lines(lines: Iterator[PairLine]) -> Iterator[PairLine]:
    """One line for each picture and each text: captions of rows about the same one come together."""
    found: dict[str, PairLine] = {}
    for line in lines:
        if line.problem or isinstance(line.picture, TableCell):
            yield line
            continue
        key = line.picture or f"\0{line.captions[0].text}"
        before = found.setdefault(key, line)
        if before is not line:
            before.captions = unique((*before.captions, *line.captions))
            before.told = line.told | before.told
    yield from found.values()


def _in_split(line: PairLine, split: str) -> PairLine:
    line.told = {"split": split} | line.told
    return line


def _line(where: str, row: ListRow, image: str, texts: Sequence[str]) -> PairLine:
    cells = {key: value for key, value in row.values.items() if isinstance(value, TableCell)}
    values = {k: v for k, v in clean({k: v for k, v in row.values.items() if k not in cells}).items() if k}
    values = {key: value for key, value in values.items() if value not in (None, "")}
    key = _picture_key(values | cells, image)
    picture = cells.get(key) or _path(values.get(key))
    rest = {k: v for k, v in values.items() if k != key}
    if texts:
        given = {"captions": [v for name in texts if (v := rest.get(name)) is not None]}
        captions, told = read_captions(given)[0], rest
    else:
        captions, told = read_captions(rest)
    problem = row.problem or ("" if picture or captions else _NO_PICTURE)
    return PairLine(where, picture, told, captions, f"{where}: {problem}" if problem else "")


def _path(value: Any) -> str | None:
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    value = value.get("path") if isinstance(value, Mapping) else value
    return value.strip() or None if isinstance(value, str) else None


def _picture_key(values: Mapping[str, Any], image: str) -> str:
    if image:
        return image
    lower = {key.lower().strip().replace(" ", "_"): key for key in reversed([*values])}
    return next((lower[name] for name in PICTURE_COLUMNS if name in lower), "")


def _check_columns(where: str, values: Mapping[str, Any], wanted: Sequence[str]) -> None:
    for column in wanted:
        if column not in values:
            there = [str(key) for key in values]
            said = f"{where}: there is no column {column}{nearest(column, there)}"
            raise UserError(said, f"the columns are {', '.join(there)}")


def is_list(path: str) -> bool:
    """Whether it is a list by its name."""
    return os.path.splitext(path)[1].lower() in _READERS


def is_video_link(url: str, extensions: frozenset[str]) -> bool:
    """Whether an address is that of a file with one of these endings."""
    return os.path.splitext(urlsplit(url).path)[1][1:].lower() in extensions


def _rows(path: str, image: str) -> Iterator[ListRow]:
    ending = os.path.splitext(path)[1].lower()
    if ending not in _READERS:
        hint = "save the sheet as csv" if ending in (".xlsx", ".xls", ".ods", ".numbers") else ""
        raise UserError(f"{path} is no list: its name must end in {', '.join(sorted(_READERS))}", hint)
    yield from _READERS[ending](path, image)


def _sheet(path: str, image: str) -> Iterator[ListRow]:
    for row in read_sheet(path, known=(image,) if image else ()):
        yield ListRow(f":{row.line}", row.cells, row.problem)


def _lines(path: str, image: str) -> Iterator[ListRow]:
    """A text file with a caption in each line."""
    with open(path, "rb") as file:
        encoding = unicode_encoding(file.read(1 << 16))
    with open(path, encoding=encoding, errors="replace") as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                problem = "this is not UTF-8" if "\ufffd" in line else ""
                yield ListRow(f":{number}", {"caption": line.strip().lstrip("\ufeff")}, problem)


_READERS: Mapping[str, Callable[[str, str], Iterator[ListRow]]] = {
    ".csv": _sheet, ".tsv": _sheet, ".txt": _lines,
    ".json": lambda path, image: read_json(path),
    **dict.fromkeys((".jsonl", ".ndjson"), lambda path, image: read_jsonl(path)),
    **dict.fromkeys((".parquet", ".pq", ".arrow"), lambda path, image: table_rows(path)),
}  # fmt: skip
