"""Aligned tables on standard output: fitted to a terminal, one line a row in a pipe."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import IO, Literal, NamedTuple

from .formatting import printable

_ENDLESS = 100_000  # columns of a pipe: nothing is wrapped there


class Column(NamedTuple):
    """A column's heading and how it is set."""

    title: str
    align: Literal["left", "right"] = "left"
    wide: bool = False  # gives way first where the terminal is narrow


def print_prose(text: str, file: IO[str] | None = None) -> None:
    """Print paragraphs, broken at the width of a terminal; as they are in a pipe."""
    out = file or sys.stdout
    width = terminal_width(out)
    for paragraph in text.split("\n\n"):
        flat = " ".join(paragraph.split())
        fitted = textwrap.wrap(flat, width, break_long_words=False, break_on_hyphens=False) if width else [paragraph]
        out.write("\n".join(printable(line) for part in fitted for line in part.splitlines()) + "\n\n")


def terminal_width(out: IO[str]) -> int:
    """Columns of the terminal that is written to; 0 for a pipe or a file."""
    return shutil.get_terminal_size().columns if out.isatty() else 0


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], file: IO[str] | None = None) -> None:
    """Print rows of text. Whatever the text holds, it is shown and never obeyed."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = file or sys.stdout
    console = Console(file=out, highlight=False, width=None if out.isatty() else _ENDLESS)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        fold: Literal["fold", "ellipsis"] = "fold" if column.wide else "ellipsis"
        table.add_column(column.title, justify=column.align, no_wrap=not column.wide, overflow=fold)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    with console.capture() as caught:
        console.print(table)
    out.write("".join(line.rstrip() + "\n" for line in caught.get().splitlines()))
