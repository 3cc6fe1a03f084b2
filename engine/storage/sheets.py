"""Tables of text (csv, tsv) as people and tools write them: one reader for all of them.

Read are commas, semicolons, tabs and bars between cells, any line ends, UTF-8 and UTF-16, line breaks and doubled
quotes between quotes (RFC 4180), Excel's ``sep=;``, cells of any length, and quotes in wrong places: a quote that is
never closed, or closed in the middle of a cell, belongs to the text of its own line and swallows no other row.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from os import PathLike
from typing import BinaryIO, NamedTuple

from ..contract.errors import UserError, nearest
from .encodings import unicode_encoding

LARGEST_BYTES = 64 << 20
"""Of one line; what is longer is no table of text."""
_DELIMITERS = (b",", b";", b"\t", b"|")
_SEPARATOR_LINE = re.compile(rb'"?sep=([,;\t|])"?\s*', re.IGNORECASE)  # Excel's own, before the header
_OPEN = re.compile(rb' *+"')
_BODY = re.compile(rb'[^"]*+(?:""[^"]*+)*+')  # possessive: a cell of 16 MB is one step
_MARK = b"\xef\xbb\xbf"
_NOT_UTF8 = "this is not UTF-8"


class SheetRow(NamedTuple):
    """One row below the header."""

    line: int  # its first, from 1
    cells: dict[str, str]  # by column; a row that ends early lacks the last ones
    problem: str = ""  # what is wrong with the row, where something is


class Record(NamedTuple):
    """The cells of one row, and where it stands in its file."""

    line: int  # its first, from 1
    offset: int  # in bytes
    raw: bytes
    cells: list[bytes]


class Dialect(NamedTuple):
    """How the rows of a file are written."""

    delimiter: bytes
    columns: tuple[str, ...]

    def cells(self, raw: bytes) -> list[bytes]:
        """The cells of one row from its text."""
        return _take(_Lines(io.BytesIO(raw), ""), self).cells


def read_sheet(path: str | PathLike[str], needed: Sequence[str] = (), known: Sequence[str] = ()) -> Iterator[SheetRow]:
    """The rows of a file that hold anything. Columns of ``needed`` and ``known`` may be written in upper or lower case.

    Raises:
        UserError: it cannot be read, or is without a column of ``needed``.
    """
    spelled = {name.lower(): name for name in (*known, *needed)}
    try:
        with open(path, "rb") as file:
            dialect, records = read_records(_as_utf8(file, path), spelled, str(path))
            columns = [spelled.get(name.lower(), name) for name in dialect.columns]
            for name in needed:
                if name not in columns:
                    there = ", ".join(filter(None, columns)) or "none"
                    said = f"{path}:1: there is no column {name}{nearest(name, columns)}"
                    raise UserError(said, f"it needs {', '.join(needed)}; it has {there}")
            for record in records:
                yield _row(record, columns)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def read_form(
    path: str | PathLike[str], needed: Sequence[str], known: Sequence[str] = (), may_end_early: bool = False
) -> Iterator[SheetRow]:
    """As ``read_sheet``, for what a person filled in: every row must be right.

    Raises:
        UserError: as ``read_sheet``, or naming the line of a row that is not, or that ends before a needed column
            and may not.
    """
    for row in read_sheet(path, needed, known):
        if row.problem:
            quotes = "put text that holds what parts cells between double quotes"
            hint = "save the file as UTF-8 (`CSV UTF-8`)" if row.problem == _NOT_UTF8 else quotes
            raise UserError(f"{path}:{row.line}: {row.problem}", hint)
        for name in needed:
            if name not in row.cells and not may_end_early:
                raise UserError(f"{path}:{row.line}: the row ends before {name}")
        yield row


def read_records(
    file: BinaryIO, known: Iterable[str], name: str, largest: int = LARGEST_BYTES
) -> tuple[Dialect, Iterator[Record]]:
    """How a file in UTF-8 is written, and its rows below the header, without blank ones.

    Cells are parted by what parts off a column that is ``known`` (in lower case), or else the most columns. ``name``
    stands in messages.

    Raises:
        UserError: a line is longer than ``largest`` bytes.
    """
    lines = _Lines(file, name, largest)
    said = _SEPARATOR_LINE.fullmatch(lines.next.removeprefix(_MARK))
    if said:
        lines.take()
    while lines.next and not lines.next.removeprefix(_MARK).strip():
        lines.take()
    delimiter = said[1] if said else _delimiter(lines.next, frozenset(known))
    header = _take(lines, Dialect(delimiter, ())).cells
    columns = tuple(cell.removeprefix(_MARK).decode("utf-8", "replace").strip() for cell in header)
    return (dialect := Dialect(delimiter, columns)), _records(lines, dialect)


def _records(lines: _Lines, dialect: Dialect) -> Iterator[Record]:
    while lines.next:
        record = _take(lines, dialect)
        if any(record.cells):
            yield record


def _as_utf8(file: BinaryIO, path: str | PathLike[str]) -> BinaryIO:
    """The same text in UTF-8."""
    encoding = unicode_encoding(file.read(1 << 16))
    file.seek(0)
    if encoding.startswith("utf-8"):
        return file
    try:
        return io.BytesIO(file.read().decode(encoding).encode())
    except UnicodeError as error:
        raise UserError(f"{path}: this is damaged {encoding.upper()}: {error}", "save it as UTF-8") from None


def _row(record: Record, columns: Sequence[str]) -> SheetRow:
    problem = ""
    try:
        cells = [cell.decode() for cell in record.cells]
    except UnicodeDecodeError:
        cells = [cell.decode("utf-8", "replace") for cell in record.cells]
        problem = _NOT_UTF8
    if any(cells[len(columns) :]):
        problem = f"{len(cells)} cells, where the header has {len(columns)} columns"
    return SheetRow(record.line, dict(zip(columns, cells, strict=False)), problem)


def _delimiter(head: bytes, known: frozenset[str]) -> bytes:
    def fits(delimiter: bytes) -> tuple[bool, int]:
        cells = Dialect(delimiter, ()).cells(head.removeprefix(_MARK))
        return not known.isdisjoint(c.decode("utf-8", "replace").strip().lower() for c in cells), len(cells)

    return max(_DELIMITERS, key=fits)


class _Lines:
    """The lines of a file with their ends, the next one in sight; lines can be given back."""

    def __init__(self, file: BinaryIO, name: str, largest: int = LARGEST_BYTES) -> None:
        self._file, self._name, self._largest = file, name, largest
        self._held = deque[bytes]()
        self.number, self.offset = 1, 0  # of the next line
        start = file.read(1 << 20)
        file.seek(0)
        first = re.search(rb"\r\n|\n|\r(?!\Z)", start)
        if first and first[0] == b"\r":
            self._held.extend(re.findall(rb"[^\r]*\r|[^\r]+", file.read()))
        self.next = self._read()

    def take(self) -> bytes:
        """The next line; empty at the end."""
        line = self.next
        self.number, self.offset = self.number + 1, self.offset + len(line)
        self.next = self._read()
        return line

    def give_back(self, lines: Sequence[bytes]) -> None:
        """Put lines back that were taken last."""
        self._held.extendleft([self.next, *reversed(lines)])
        self.number, self.offset = self.number - len(lines), self.offset - sum(map(len, lines))
        self.next = self._held.popleft()

    def _read(self) -> bytes:
        line = self._held.popleft() if self._held else self._file.readline(self._largest + 1)
        if len(line) > self._largest:
            said = f"{self._name}:{self.number}: a line of more than {self._largest >> 20} MiB"
            raise UserError(said, "is this a table of text (csv, tsv)?")
        return line


class _Marks(NamedTuple):
    """What is looked for, where it is known what stands between cells."""

    plain: re.Pattern[bytes]  # all before the next delimiter
    closing: re.Pattern[bytes]  # the quote that ends a cell
    unescaped: re.Pattern[bytes]  # the same, without a backslash before it


@cache
def _marks(delimiter: bytes) -> _Marks:
    plain, closing = rb"[^%b]*+" % re.escape(delimiter), rb'" *+(?=%b|\Z)' % re.escape(delimiter)
    return _Marks(re.compile(plain), re.compile(closing), re.compile(rb"(?<!\\)" + closing))


class _Cell(NamedTuple):
    """A cell, where it ends, and whether quotes stand in it where none should."""

    text: bytes
    end: int
    stray: bool = False


def _take(lines: _Lines, dialect: Dialect) -> Record:
    """The next row."""
    line, offset, raw = lines.number, lines.offset, lines.take()
    marks, cells, at = _marks(dialect.delimiter), list[_Cell](), 0
    stop = len(raw.rstrip(b"\r\n"))
    while at <= stop:
        cell = _cell(raw, at, stop, marks)
        if cell is None:
            raw += b"".join(_rest_of_cell(lines, marks))
            stop = len(raw.rstrip(b"\r\n"))
            cell = _cell(raw, at, stop, marks) or _stray(raw, at, stop, marks)
        cells.append(cell)
        at = cell.end + 1
    texts = [cell.text for cell in cells]
    if len(texts) != len(dialect.columns) and any(cell.stray for cell in cells):
        other = _greedy(raw, marks)
        texts = other if len(other) == len(dialect.columns) else texts
    return Record(line, offset, raw, texts)


def _rest_of_cell(lines: _Lines, marks: _Marks) -> list[bytes]:
    """The lines up to the one that closes an open quote as it should be; none where that never happens."""
    taken, room = list[bytes](), LARGEST_BYTES
    while lines.next and room > 0:
        taken.append(lines.take())
        room -= len(taken[-1])
        stop = len(taken[-1].rstrip(b"\r\n"))
        at = _end(_BODY, taken[-1], 0, stop)
        if at < stop:
            if marks.closing.match(taken[-1], at, stop):
                return taken
            break
    lines.give_back(taken)
    return []


def _cell(raw: bytes, at: int, stop: int, marks: _Marks) -> _Cell | None:
    """The cell that begins at ``at``; None where its quote is still open at the end."""
    opened = _OPEN.match(raw, at, stop)
    if opened is None:
        end = _end(marks.plain, raw, at, stop)
        return _Cell(raw[at:end], end)
    end = _end(_BODY, raw, opened.end(), stop)
    if end == stop:
        return None
    closing = marks.closing.match(raw, end, stop)
    if closing is None:
        return _stray(raw, at, stop, marks)
    return _Cell(raw[opened.end() : end].replace(b'""', b'"'), closing.end())


def _stray(raw: bytes, at: int, stop: int, marks: _Marks) -> _Cell:
    """A cell whose quote is closed too early, which goes on as plain text, or never, which is plain text as a whole."""
    start = _end(_OPEN, raw, at, stop)
    end = _end(_BODY, raw, start, stop)
    if end == stop:
        last = _end(marks.plain, raw, at, stop)
        return _Cell(raw[at:last], last, True)
    last = _end(marks.plain, raw, end, stop)
    return _Cell(raw[start:end].replace(b'""', b'"') + raw[end + 1 : last], last, True)


def _greedy(raw: bytes, marks: _Marks) -> list[bytes]:
    """The cells of a row with stray quotes, read another way: a quote is open up to one before a delimiter."""
    cells, at, stop = list[bytes](), 0, len(raw.rstrip(b"\r\n"))
    while at <= stop:
        opened = _OPEN.match(raw, at, stop)
        closing = opened and marks.unescaped.search(raw, opened.end(), stop)
        if opened and closing:
            text = raw[opened.end() : closing.start()].replace(b'\\"', b'"').replace(b'""', b'"')
            at = closing.end()
        else:
            text = raw[at : (at := _end(marks.plain, raw, at, stop))]
        cells.append(text)
        at += 1
    return cells


def _end(pattern: re.Pattern[bytes], raw: bytes, at: int, stop: int) -> int:
    """Where a match that begins at ``at`` ends; there where there is none."""
    found = pattern.match(raw, at, stop)
    return found.end() if found else at
