"""Tables of text as csv that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from ....engine.storage.sheets import SheetRow, read_form

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that starts with one of these, after blanks or not, may be run as a formula (OWASP, CSV injection)."""


def escape_cell(text: str) -> str:
    """Text as a cell: an apostrophe in front of what a spreadsheet might run, and of text that looks so escaped."""
    return f"'{text}" if _is_risky(text) else text


def unescape_cell(cell: str) -> str:
    """The text of a cell; the inverse of ``escape_cell``."""
    return cell[1:] if cell.startswith("'") and _is_risky(cell[1:]) else cell


def _is_risky(text: str) -> bool:
    return text.lstrip(" ").startswith((*_FORMULA, "'"))


def sheet(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A csv file, header first."""
    out = io.StringIO()
    writer = csv.writer(out)  # RFC 4180: with its own line ends it quotes both kinds inside text
    writer.writerow(columns)
    writer.writerows([escape_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def read_answers(path: Path, needed: Sequence[str], known: Sequence[str] = ()) -> Iterator[SheetRow]:
    """The rows of a sheet that people filled in, as plain text; raises what ``read_form`` does."""
    for row in read_form(path, needed, known, may_end_early=True):
        yield row._replace(cells={name: unescape_cell(cell) for name, cell in row.cells.items()})
