"""Aligned tables on standard output: fitted to a terminal, one line a row in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import IO, Literal, NamedTuple

from .formatting import printable

_ENDLESS = 100_000  # columns of a pipe: nothing is wrapped there


class Column(NamedTuple):
    """A column's heading and how it is set."""

    title: str
    align: Literal["left", "right"] = "left"
    wide: bool = False  # gives way first where the terminal is narrow


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
