"""What every export format is: options, a writer, a reader of what it wrote, and what a clip becomes in it."""

from __future__ import annotations

import csv
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TextIO

from ...engine.storage.files import replace_file
from .clips import ExportClip, ExportClips


class ExportRecord(NamedTuple):
    """What a format tells of one caption, in its own precision; what it cannot tell is left at its default."""

    split: str
    key: str  # of the clip, or of the source video
    text: str
    file: str = ""
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class ExportFormat(ABC):
    """A format that others read. Its fields are its options; its docstring says what is written."""

    name: ClassVar[str]  # as `cliploom export --format` takes it
    source: ClassVar[str]  # where the format is described: an address
    files: ClassVar[str]  # what is written
    needs_files: ClassVar[bool] = False  # it cannot tell times, so that a clip must be a file of its own
    needs_captions: ClassVar[bool] = True
    extra: ClassVar[str] = ""  # the extra that brings its packages

    @abstractmethod
    def write(self, clips: ExportClips, folder: Path) -> None:
        """Write the files into an empty folder."""

    @abstractmethod
    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """Read them back."""

    @abstractmethod
    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """What a clip must have become."""

    def expect(self, clips: ExportClips) -> Iterator[ExportRecord]:
        """What all clips must have become."""
        for clip in clips:
            yield from self.records(clip)


class Checksum(NamedTuple):
    """Records as a set with counts: the same whatever their order."""

    records: int
    total: int


def checksum(records: Iterable[ExportRecord]) -> Checksum:
    """Add the records up; two sets of records are the same where their sums are."""
    count = total = 0
    for record in records:
        raw = json.dumps(record, ensure_ascii=True).encode()
        total = (total + int.from_bytes(hashlib.blake2b(raw, digest_size=16).digest())) % (1 << 128)
        count += 1
    return Checksum(count, total)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A csv file with a header, quotes where they are needed, and line feeds."""
    with replace_file(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(_LineFeeds(file))
        writer.writerow(columns)
        writer.writerows(rows)


class _LineFeeds:
    """Ends each line with a line feed. A ``csv.writer`` told to do so leaves carriage returns without quotes."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, line: str) -> None:
        self.file.write(line.removesuffix("\r\n") + "\n")


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """Its rows."""
    with open(path, encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def write_jsonl(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """An object a line."""
    with replace_file(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Its objects."""
    with open(path, encoding="utf-8", newline="\n") as file:
        yield from map(json.loads, file)


class JsonWriter:
    """A JSON file that is written value by value: what is in it need not fit into memory."""

    def __init__(self, path: Path) -> None:
        self.file = open(path, "w", encoding="utf-8", newline="\n")  # noqa: SIM115 - closed by its own `with`

    def __enter__(self) -> JsonWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def text(self, text: str) -> None:
        """Text as it is, such as a bracket."""
        self.file.write(text)

    def values(self, values: Iterable[Any]) -> None:
        """The values of a list, with the commas between them."""
        for number, value in enumerate(values):
            self.file.write(f"{',' if number else ''}\n{json.dumps(value, ensure_ascii=False)}")

    def items(self, items: Iterable[tuple[str, Any]]) -> None:
        """The keys and values of an object, with the commas between them."""
        for number, (key, value) in enumerate(items):
            told = f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"
            self.file.write(f"{',' if number else ''}\n{told}")


def write_list(path: Path, values: Iterable[Any]) -> None:
    """A JSON file that is one list."""
    with JsonWriter(path) as out:
        out.text("[")
        out.values(values)
        out.text("\n]\n")


def split_files(folder: Path, ending: str, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """The files of the splits, with the splits' names."""
    for path in sorted(folder.glob(f"{prefix}*{ending}")):
        yield path.name.removeprefix(prefix).removesuffix(ending), path
