"""``cliploom export``: the dataset in a format that others read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..engine.contract.words import number_of


def export(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A dataset folder, a build folder, or its recipe.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="NAME", help="The format; see --list.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to; otherwise exports/FORMAT beside the dataset.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the format; may be repeated."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the formats.")] = False,
) -> None:
    """Write a dataset in a format that others read.

    What was written is read back and compared before the folder has its name. Paths in the files start at the
    dataset folder. docs/exports.md describes each format, with its source and its options.
    """
    from ..cards.exports.export import export_dataset
    from ..engine.contract.errors import UserError
    from .screen.places import find_dataset
    from .screen.settings import read_settings

    if listed:
        return _print_formats()
    if folder is None or not format_:
        lacking = "a format" if folder else "a folder" if format_ else "a folder and a format"
        raise UserError(f"name {lacking}", "cliploom export DIR --format NAME; --list lists the formats")
    dataset = find_dataset(folder)
    place = out or dataset.root.parent / "exports" / format_
    made = export_dataset(dataset, format_, read_settings(settings or ()), place)
    names = list(dict.fromkeys(file.partition("/")[0] for file in made.files))
    print(f"{made.folder}: {number_of(made.records, 'caption')} in {', '.join(names[:6])}{' …' if names[6:] else ''}")
    if made.left_out:
        print(f"left out, since {format_} names files alone: {number_of(made.left_out, 'clip')} without a file")


def _print_formats() -> None:
    import inspect

    from ..cards.exports.catalog import FORMATS
    from .screen.tables import Column, print_table

    rows = [
        [name, one.files, " ".join((inspect.getdoc(one) or "").split("\n\n")[0].replace("``", "").split())]
        for name, one in FORMATS.items()
    ]
    print_table([Column("format", "left", False), Column("files", "left", False), Column("what", "left", True)], rows)
