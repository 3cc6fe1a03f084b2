"""Csv files that people fill in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import UserError


class Line(NamedTuple):
    """One row below the header: where it ends in the file, and its cells by column."""

    number: int
    cells: dict[str, str]


def read_sheet(path: Path, needed: Sequence[str], what: str) -> Iterator[Line]:
    """The rows of a file in UTF-8, in its order; cells are stripped, empty where a row is without them.

    Raises:
        UserError: it cannot be read, is no csv, or is without a column of ``needed``, or a row without its cell.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the {what} {path}: {error}") from None
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # the module has one limit for the whole process
    reader = csv.DictReader(io.StringIO(text, newline=""))  # splitlines() would also part texts at U+2028
    try:
        for lack in (column for column in needed if column not in (reader.fieldnames or ())):
            raise UserError(f"{path}:1: there is no column {lack}", f"it needs: {', '.join(needed)}")
        for row in reader:
            for lack in (column for column in needed if row[column] is None):
                raise UserError(f"{path}:{reader.line_num}: the row ends before {lack}")
            yield Line(reader.line_num, {name: (cell or "").strip() for name, cell in row.items() if name is not None})
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num}: this is no csv: {error}") from None
