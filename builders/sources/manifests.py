"""Lists that name the files of a folder and say more of each: csv, tsv, JSON, jsonl, Parquet."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...engine.contract.errors import UserError, nearest
from ...engine.storage.sheets import read_sheet
from .captions import SourceCaption, read_captions, unique
from .json_lists import NAME, ListRow, read_json, read_jsonl
from .listing import VIDEO_EXTENSIONS
from .sidecars import LONGEST_CAPTION, clean

FILE_COLUMNS = (
    NAME, "file_name", "filename", "path", "video", "video_path", "file_path", "video_file", "clip_path",
    "video_name", "video_id", "videoid", "clip_id", "vid", "key", "videos",
)  # fmt: skip
"""Names of the column that names the file, in lower case; the first that is there is taken."""


@dataclass(slots=True, eq=False)
class ManifestRow:
    """What a manifest says of one file, in one row or in several."""

    where: str  # file and line of the first
    told: dict[str, Any]  # all columns but the one that names the file and those that hold captions; JSON values
    captions: list[SourceCaption] = field(default_factory=list)
    problem: str = ""  # why it cannot be taken, naming the lines; empty for a good one
    file: str = ""  # as it is spelled there

    def add(self, other: ManifestRow) -> None:
        """A later row about the same file: more captions, the same again, or a contradiction."""
        mine, others = self._texts(), other._texts()
        if mine and others and (self.captions or other.captions or mine != others):
            self.captions = unique((*mine, *others))
            self.told = other.told | self.told
        elif self.told != other.told:
            said = f"{other.where}: {self.file} was named before, at {self.where}, with other values"
            self.problem = self.problem or said

    def _texts(self) -> list[SourceCaption]:
        """Its captions; a description, where several rows about a file each have one, is a caption too."""
        described = next((v for k, v in self.told.items() if k.lower() == "description" and isinstance(v, str)), "")
        return self.captions or ([SourceCaption(described)] if described else [])


def read_manifest(path: str, column: str = "", columns: Sequence[str] = FILE_COLUMNS) -> list[ManifestRow]:
    """A manifest's rows, one ``ManifestRow`` for each file, or each address, that they name.

    Empty cells are left out. ``column`` names the file; empty for the first of ``columns`` that is there.

    Raises:
        UserError: it cannot be read, has no such column, or not one good row. Says the line.
    """
    name = os.path.basename(path)
    good: dict[str, ManifestRow] = {}
    bad: list[ManifestRow] = []
    try:
        wanted = (column,) if column else columns
        for row in _rows(path, wanted):
            line = _line(f"{name}{row.place}", row, wanted, first=not good and not bad)
            if line.problem:
                bad.append(line)
            elif (before := good.setdefault(spelling(line.file), line)) is not line:
                before.add(line)
    except OSError as error:
        raise UserError(f"cannot read the manifest {path}: {error.strerror or error}") from None
    if bad and not good:
        raise UserError(bad[0].problem)
    for line in bad:  # where another row tells of its file, the bad one alone fails
        line.file = "" if spelling(line.file) in good else line.file
    return [*good.values(), *bad]


def spelling(file: str) -> str:
    """A path as it is compared: with forward slashes, in Unicode's composed form."""
    return unicodedata.normalize("NFC", os.path.normpath(file.replace("\\", "/"))) if file else ""


class LineMatches(NamedTuple):
    """Which line is about which file."""

    by_file: dict[str, ManifestRow]  # by the file's path
    rest: list[ManifestRow]


def match_lines(lines: Sequence[ManifestRow], files: Sequence[str], root: str) -> LineMatches:
    """Lines to the files that they name, which are relative to the absolute path ``root``.

    A name may lack the ending. What is no path inside the folder still names a file where one path is the end of the
    other, as for `clips/a.mp4` and `/old/place/clips/a.mp4`, or for `a` and `00000/a.mp4`, and no other fits.
    """
    whole = {spelling(file): file for file in reversed(files)}
    bare = {os.path.splitext(name)[0]: file for name, file in whole.items()}
    found: dict[str, ManifestRow] = {}
    rest = [*lines]
    for known in (whole, bare):
        later = []
        for line in rest:
            name = os.path.relpath(line.file, root) if os.path.isabs(line.file) else line.file
            file = known.get(spelling(name))
            if file is None or file in found:
                later.append(line)
            else:
                found[file] = line
        rest = later
    ends = _by_ends(rest, [file for file in files if file not in found])
    matched = {id(line) for line in ends.values()}
    return LineMatches(found | ends, [line for line in rest if id(line) not in matched])


def _by_ends(lines: Sequence[ManifestRow], files: Sequence[str]) -> dict[str, ManifestRow]:
    """Files and the lines whose names end as they do, where nothing else fits either of the two."""
    by_last: dict[str, list[str]] = {}
    for file in files:
        by_last.setdefault(os.path.basename(_stem(file)), []).append(file)
    fits: list[tuple[str, ManifestRow]] = []
    for line in lines:
        stem, ending = os.path.splitext(spelling(line.file))
        name = stem if ending[1:].lower() in VIDEO_EXTENSIONS else stem + ending
        near = [file for file in by_last.get(os.path.basename(name), ()) if _ends_alike(name, _stem(file))]
        if len(near) == 1 and name:
            fits.append((near[0], line))
    times = Counter(file for file, _ in fits)
    return {file: line for file, line in fits if times[file] == 1}


def _ends_alike(a: str, b: str) -> bool:
    return f"/{a}".endswith(f"/{b}") or f"/{b}".endswith(f"/{a}")


def _stem(file: str) -> str:
    return os.path.splitext(spelling(file))[0]


def _line(where: str, row: ListRow, wanted: Sequence[str], first: bool) -> ManifestRow:
    values = clean(row.values)
    key = _file_key(values, wanted)
    if key is None:
        if first and not row.problem:
            raise _no_column(where, wanted, values)
        return ManifestRow(where, {}, problem=f"{where}: {row.problem or 'nothing in it names the file'}")
    file = values[key][0] if isinstance(values[key], list) and len(values[key]) == 1 else values[key]
    file = file.get("path") if isinstance(file, dict) else file  # `datasets` holds files so
    file = "" if file is None else str(file).strip()
    problem = row.problem or ("" if file else f"the column {key} is empty, it should name a video file")
    rest = {k: v for k, v in values.items() if k not in (key, "") and v not in (None, "")}
    webvid = {key: file} if key.lower() == "contenturl" else {}  # beside it, `name` is a caption
    captions, told = read_captions(rest | webvid)
    told = {k: v for k, v in told.items() if k not in webvid}
    return ManifestRow(where, told, captions, f"{where}: {problem}" if problem else "", file)


def _file_key(values: Mapping[str, Any], wanted: Sequence[str]) -> str | None:
    if len(wanted) == 1:  # the user's own word
        return wanted[0] if wanted[0] in values else None
    lower = {key.lower().strip().replace(" ", "_"): key for key in reversed([*values])}
    return next((lower[name] for name in wanted if name in lower), None)


def _rows(path: str, wanted: Sequence[str]) -> Iterator[ListRow]:
    ending = os.path.splitext(path)[1].lower()
    if ending in (".csv", ".tsv"):
        for row in read_sheet(path, known=wanted):
            yield ListRow(f":{row.line}", row.cells, row.problem)
    elif ending in (".jsonl", ".ndjson"):
        yield from read_jsonl(path)
    elif ending == ".json":
        yield from read_json(path)
    elif ending in (".parquet", ".pq"):
        yield from _parquet_rows(path)
    else:
        hint = "save the sheet as csv" if ending in (".xlsx", ".xls", ".ods", ".numbers") else ""
        raise UserError(f"{path} is no manifest: its name must end in .csv, .tsv, .json, .jsonl or .parquet", hint)


def _parquet_rows(path: str) -> Iterator[ListRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    told = {k: _text_of(v) if isinstance(v, bytes) else v for k, v in row.items()}
                    yield ListRow(f":{number}", {k: v for k, v in told.items() if v is not None})
    except pa.ArrowException as error:
        raise UserError(f"{os.path.basename(path)}: this is not Parquet: {error}") from None


def _text_of(value: bytes) -> str | None:
    """Text in a binary column, as older writers store it; None for what is none, such as a picture."""
    try:
        return value.decode() if len(value) <= LONGEST_CAPTION and b"\0" not in value else None
    except UnicodeDecodeError:
        return None


def _no_column(where: str, wanted: Sequence[str], row: Mapping[str, Any]) -> UserError:
    there = [str(key) for key in row]
    if len(wanted) == 1:
        return UserError(f"{where}: there is no column {wanted[0]}{nearest(wanted[0], there)}")
    files = wanted is FILE_COLUMNS
    hint = f"name it with {'manifest_column' if files else 'column'}; the columns are {', '.join(there)}"
    what = "file" if files else "address"
    return UserError(f"{where}: no column names the {what} ({', '.join(wanted)})", hint)
