"""Tables of text as csv that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...engine.contract.errors import UserError

if TYPE_CHECKING:
    from _csv import Reader

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that starts with one of these may be run as a formula (OWASP, CSV injection)."""


class Line(NamedTuple):
    """One record of a csv file."""

    number: int  # of its first line, from 1
    cells: dict[str, str]  # by column, plain


def shown(text: str) -> str:
    """Text as a cell: an apostrophe in front of what a spreadsheet might run, and of text that looks so escaped."""
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def plain(cell: str) -> str:
    """The text of a cell; the inverse of ``shown``."""
    return cell[1:] if cell.startswith("'") and cell[1:2] in (*_FORMULA, "'") else cell


def sheet(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A csv file, header first."""
    out = io.StringIO()
    writer = csv.writer(out)  # RFC 4180: with its own line ends it quotes both kinds inside text
    writer.writerow(columns)
    writer.writerows([shown(cell) for cell in row] for row in rows)
    return out.getvalue()


def read_sheet(path: Path, needed: Sequence[str]) -> Iterator[Line]:
    """The records of a csv file, separated by commas, semicolons or tabs as spreadsheets of all countries do.

    Raises:
        UserError: it is no UTF-8 text or no csv, or it lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=_delimiter(head), strict=True)
            yield from _lines(path, reader, needed)
    except UnicodeDecodeError as error:
        hint = "save it as `CSV UTF-8`"
        raise UserError(f"{path} is not UTF-8 text (byte {error.start})", hint) from None
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num}: {error}") from None


def _lines(path: Path, reader: Reader, needed: Sequence[str]) -> Iterator[Line]:
    header = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in needed if name not in header]
    if missing:
        hint = f"its columns must be those of tasks.csv; it has {', '.join(filter(None, header)) or 'none'}"
        raise UserError(f"{path}:1: there is no column {missing[0]}", hint)
    number = reader.line_num + 1
    for cells in reader:
        if len(cells) > len(header) and any(cells[len(header) :]):
            hint = "put text that holds the separator between double quotes"
            raise UserError(f"{path}:{number}: it has {len(cells)} cells, the header {len(header)}", hint)
        if any(cells):
            whole = [*map(plain, cells), *[""] * (len(header) - len(cells))]
            yield Line(number, dict(zip(header, whole, strict=False)))
        number = reader.line_num + 1


def _delimiter(head: str) -> str:
    return max(",;\t", key=head.count)
